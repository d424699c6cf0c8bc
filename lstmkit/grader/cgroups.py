"""Limits for all processes of a submission together, where the kernel lets us: control groups, version 1 and 2.

A group is made below the one that this process is in, or below the nearest one above it that lets us: as root nearly
everywhere, as an ordinary user where systemd has delegated a part of the tree.
"""

import contextlib
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

MOUNTS = Path("/sys/fs/cgroup")


class Group(NamedTuple):
    """The folders of one submission's group: one in version 2, one for each controller in version 1."""

    folders: tuple[Path, ...]
    memory: bool  # whether memory is limited; processes are, where there is a folder at all
    alarm: int | None = None  # version 1: a descriptor that can be read once the memory was not enough


def make(name, memory, processes):
    """A Group of at most `memory` bytes and `processes` processes and threads; without folders if none is to be had."""
    version_2 = _version_2(name)
    places = [version_2] if version_2 else list(_version_1(name))
    limited = False
    for place in places:
        limited |= _write(place / "memory.max", memory) or _write(place / "memory.limit_in_bytes", memory)
        _write(place / "memory.swap.max", 0)
        _write(place / "memory.oom.group", 1)  # not one process, which the kernel chooses, but all of the submission
        _write(place / "memory.memsw.limit_in_bytes", memory)
        _write(place / "pids.max", processes)
    return Group(tuple(places), limited, next(filter(None, map(_alarm, places)), None))


def doors(group):
    """Open descriptors; a process that writes "0" into each is in the group."""
    return [os.open(place / "cgroup.procs", os.O_WRONLY) for place in group.folders]


def killed_for_memory(group):
    """True if the kernel has ended a process of the group because it wanted too much memory."""
    if group.alarm is not None:
        with contextlib.suppress(BlockingIOError):
            return os.eventfd_read(group.alarm) > 0
    for place in group.folders:
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                count = re.search(r"^oom_kill (\d+)$", (place / name).read_text(), re.MULTILINE)
                if count and int(count[1]):
                    return True
    return False


def empty(group):
    """True if no process is in the group any more."""
    return not any((place / "cgroup.procs").read_text().split() for place in group.folders)


def remove(group, seconds=5.0):
    """Wait until nothing is in the group, then take it away; TimeoutError if something stays."""
    if group.alarm is not None:
        os.close(group.alarm)
    deadline = time.monotonic() + seconds
    for place in group.folders:
        while place.exists():
            try:
                place.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    inside = (place / "cgroup.procs").read_text().split()
                    raise TimeoutError(f"processes {inside} are still in {place} after {seconds:g} s") from None
                time.sleep(0.002)


def sweep(prefix):
    """Take away the empty groups of runs that were killed: PREFIX-<process>-..., whose process is gone."""
    for parent in {place.parent for _, place in _candidates("x")}:
        for place in parent.glob(f"{prefix}-*"):
            process = place.name.removeprefix(f"{prefix}-").partition("-")[0]
            if process.isdigit() and not Path("/proc", process).exists():
                with contextlib.suppress(OSError):
                    place.rmdir()


def _candidates(name):
    """(version, folder that might be made) for each group that this process is in and those above it, nearest first."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers in ("memory", "pids"):
            base, version = MOUNTS / controllers, 1
        elif not controllers:
            base, version = (MOUNTS / "unified" if (MOUNTS / "unified").is_dir() else MOUNTS), 2
        else:
            continue
        own = base / own.lstrip("/")
        above = [own, *own.parents]
        found += [(version, folder / name) for folder in above if folder.is_relative_to(base) and folder.is_dir()]
    return found


def _version_2(name):
    """The new folder, if one can be made in which memory is limited, else None."""
    for version, place in _candidates(name):
        if version == 2 and (place := _try(place, "memory.max")):
            return place
    return None


def _version_1(name):
    """The new folders, one for each controller that lets us."""
    for controller, sign in (("memory", "memory.limit_in_bytes"), ("pids", "pids.max")):
        for version, place in _candidates(name):
            if version == 1 and place.is_relative_to(MOUNTS / controller) and (place := _try(place, sign)):
                yield place
                break


def _try(place, sign):
    """Make a group; None, and nothing left behind, unless it has the file `sign` and takes processes."""
    try:
        place.mkdir()
    except OSError:
        return None
    if (place / sign).exists() and os.access(place / "cgroup.procs", os.W_OK):
        return place
    place.rmdir()
    return None


def _alarm(place):
    """Have version 1 of the kernel's interface tell a descriptor when the group runs out of memory; None elsewhere.

    The kernel then ends one process.  Whoever waits for the alarm ends the others, which version 2 does by itself.
    """
    if not hasattr(os, "eventfd") or not (place / "memory.limit_in_bytes").exists():
        return None
    alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    try:
        with open(place / "memory.oom_control") as control:
            (place / "cgroup.event_control").write_text(f"{alarm} {control.fileno()}")
    except OSError:
        os.close(alarm)
        return None
    return alarm


def _write(file, value):
    """Write a number into a file of the kernel; False where there is no such file, or it does not take it."""
    try:
        file.write_text(str(value))
    except OSError:
        return False
    return True

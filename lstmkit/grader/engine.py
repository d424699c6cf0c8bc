"""Containers as isolation: Podman or Docker, one container for each submission.

On Linux the image is empty but for folders to mount on, imported from a few kilobytes that `skeleton` makes, and the
system, the interpreter, the packages and the kit are bound into it read-only, as in the other backends.  Elsewhere
there is no Linux system to bind: the image is then built by the engine from `containerfile`, with the same versions.

Three things differ from the other backends: /sys is there, read-only, as the engine shows it to all containers; with
Podman the number of files in /box is limited by the memory alone; each submission starts its own Python.
"""

import contextlib
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import re
import select
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from pathlib import Path
from typing import IO, NamedTuple

from lstmkit.grader import kit

ENGINES = ("podman", "docker")
USER = "65534:65534"
MODULE = "lstmkit.grader.inside.zygote"


class Failed(Exception):
    """The engine did not do what was asked; the text says what it said."""


class Running(NamedTuple):
    """A container and the program that is attached to it."""

    engine: str
    name: str
    process: subprocess.Popen
    log: IO
    greeting: bytearray  # what it has said before its first frame: "ok" once it is confined


def start(engine, folder, packages, limits, serve, patience):
    """Start a container; returns at once. `wait` says when it is ready."""
    image = ensure_image(engine, packages, patience)
    name = f"lstmkit-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    line = command(engine, name, image, folder, packages, limits, serve)
    log = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
    try:
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0)
    except OSError as error:
        log.close()
        raise Failed(f"{error.strerror}: {line[0]}") from None
    return Running(engine, name, process, log, bytearray())


def wait(running, seconds):
    """Return once the container is confined and about to serve; Failed with its words if it will not be."""
    deadline = time.monotonic() + seconds
    while len(running.greeting) < 2:
        ready = select.select([running.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
        more = os.read(running.process.stdout.fileno(), 2 - len(running.greeting)) if ready else b""
        if not more:
            running.process.kill()
            running.process.wait()
            running.log.seek(0)
            said = running.log.read().decode(errors="replace").strip() or f"not ready after {seconds:g} s"
            end(running)
            raise Failed(said.splitlines()[-1][:400])
        running.greeting.extend(more)


def stop(running):
    """Tell the engine to end the container."""
    if running.process.poll() is None:
        run(running.engine, "kill", running.name)


def end(running):
    """Take the container away and wait until it is gone: "memory" if its limit ended it, else ""."""
    if running.process.stdout.closed:  # done already, by `wait`
        return ""
    with contextlib.suppress(OSError, ValueError):
        running.process.stdin.close()
    engine, name, process, log, _ = running
    poll = select.poll()
    poll.register(process.stdout, 0)
    if poll.poll(0):  # it is about to end by itself; what it ends with says why
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    alone = process.poll() in (77, 137)  # the container's own word, or its first process was the one that was ended
    stop(running)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    short = alone or run(engine, "inspect", "--format", "{{.State.OOMKilled}}", name)[1].strip() == "true"
    run(engine, "rm", "--force", name)
    process.kill()
    process.wait()
    process.stdout.close()
    log.close()
    return "memory" if short else ""


def command(engine, name, image, folder, packages, limits, serve):
    """The command line of a submission's container."""
    line = [*program(engine), "run", "--interactive", "--name", name, "--network", "none", "--read-only"]
    line += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", USER, "--hostname", "box"]
    line += ["--ipc", "private", "--log-driver", "none", "--pids-limit", str(limits.processes)]
    line += ["--memory", str(limits.memory), "--memory-swap", str(limits.memory), "--shm-size", str(limits.tmp)]
    line += ["--ulimit", f"nofile={limits.files}:{limits.files}", "--ulimit", "core=0:0"]
    line += ["--ulimit", f"nproc={limits.processes}:{limits.processes}"]
    inodes = ",nr_inodes=20000" if engine == "docker" else ""  # Podman does not take it
    line += ["--tmpfs", f"/box:rw,nosuid,nodev,size={limits.tmp},mode=1777{inodes}"]
    line += ["--workdir", "/box", "--pull", "never"]
    if engine == "podman":
        line.append("--read-only-tmpfs=false")  # it would make /tmp, /run and /var/tmp without a limit
    linux = platform.system() == "Linux"
    environment, python = kit.environment(), kit.python()
    if not linux:  # the image's own interpreter and packages
        python = "python"
        environment |= {"PYTHONPATH": "/kit", "PATH": "/usr/local/bin:/usr/bin:/bin"}
        environment.pop("LD_LIBRARY_PATH", None)
        line += ["--volume", f"{folder}:/kit:ro"]
    else:
        empty = Path(folder).with_name("empty")  # Podman would copy into a tmpfs what lies below it
        empty.mkdir(exist_ok=True)
        for mount in kit.mounts(folder, packages):
            if mount.kind == "bind":
                line += ["--volume", f"{mount.source}:{mount.target}:ro"]
            elif mount.kind == "tmpfs" and mount.target not in ("/box", "/dev"):
                line += ["--volume", f"{empty}:{mount.target}:ro"]
    for word, value in environment.items():
        line += ["--env", f"{word}={value}"]
    return [*line, image, python, "-P", "-s", "-m", MODULE, "container", serve, json.dumps(limits._asdict())]


def ensure_image(engine, packages, patience):
    """The name of the image, made if the engine does not have it yet; Failed if it cannot be made."""
    if platform.system() == "Linux":
        data = skeleton(packages)
        name = f"localhost/lstmkit-skeleton:{hashlib.sha256(data).hexdigest()[:12]}"
        make = ("import", "-", name)
    else:
        data = containerfile(packages).encode()
        name = f"localhost/lstmkit-worker:{hashlib.sha256(data).hexdigest()[:12]}"
        make = ("build", "--tag", name, "-")
    if (engine, name) in _made:
        return name
    sweep(engine)
    if run(engine, "image", "inspect", name)[0] == 0:
        _made.add((engine, name))
        return name
    code, said = run(engine, *make, data=data, seconds=30 if make[0] == "import" else 1800)
    if code != 0:
        raise Failed(said.strip().splitlines()[-1][:400] if said.strip() else f"{engine} {make[0]} ended with {code}")
    _made.add((engine, name))
    return name


_made = set()


def sweep(engine):
    """Take away the containers of runs that were killed: they have ended, but are still listed."""
    code, names = run(engine, "ps", "--all", "--filter", "name=lstmkit-", "--format", "{{.Names}}")
    for name in names.split() if code == 0 else ():
        if (found := re.fullmatch(r"lstmkit-(\d+)-[0-9a-f]{12}", name)) and not Path("/proc", found[1]).exists():
            run(engine, "rm", "--force", name)


def skeleton(packages=()):
    """A tar of the folders, links and empty files that the worker's mounts go onto; the same bytes each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        done = set()
        for kind, target, source in kit.mounts("/kit", packages):
            for path in [*reversed(Path(target).parents[:-1] if len(Path(target).parents) > 1 else []), Path(target)]:
                if str(path) in done:
                    continue
                done.add(str(path))
                entry = tarfile.TarInfo(str(path).lstrip("/"))
                entry.mode, entry.type = 0o755, tarfile.DIRTYPE
                if str(path) == target and kind == "link":
                    entry.type, entry.linkname = tarfile.SYMTYPE, source
                elif str(path) == target and (kind == "device" or (kind == "bind" and Path(source).is_file())):
                    entry.type = tarfile.REGTYPE
                tar.addfile(entry)
    return buffer.getvalue()


def containerfile(packages=()):
    """What the engine builds an image from where it has no Linux system to bind."""
    versions = [f"{name}=={importlib.metadata.version(name)}" for name in kit.distributions(packages)]
    python = ".".join(map(str, sys.version_info[:2]))
    return (
        f"FROM docker.io/library/python:{python}-slim\n"
        "RUN apt-get update && apt-get install --yes libseccomp2 && rm -rf /var/lib/apt/lists/*\n"
        f"RUN pip install --no-cache-dir {' '.join(versions)}\n"
        "RUN mkdir -p /box /kit\n"
    )


def program(engine):
    """The engine's own words; LSTMKIT_PODMAN or LSTMKIT_DOCKER may hold others, "podman --root /elsewhere"."""
    return os.environ.get(f"LSTMKIT_{engine.upper()}", engine).split()


def run(engine, *words, data=None, seconds=30):
    """(exit code, what it said) of one command of the engine's."""
    try:
        done = subprocess.run([*program(engine), *words], input=data or b"", capture_output=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, (done.stdout if done.returncode == 0 else done.stderr).decode(errors="replace")

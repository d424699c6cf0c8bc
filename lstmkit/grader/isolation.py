"""What isolates graded work on this machine, as rows for `lstmkit doctor`, and attempts to break out of it."""

import functools
import os
import shutil

from lstmkit.doctor import Row, ask, brief


def look(rows):
    """The rows of doctor.look, with those of the isolation in the place of its own of bubblewrap."""
    ours = [bubblewrap(), namespaces(), *containers(), seccomp(), cgroup()]
    place = next(k for k, row in enumerate(rows) if row.name == "bubblewrap")
    return [*rows[:place], *ours, *rows[place + 1 :]]


def bubblewrap():
    """Installed is not enough: a kernel or a container may forbid the user namespaces that it needs."""
    without = "" if _works("namespaces") else "students' code is isolated by Podman or Docker, or not graded at all"
    return _backend("bubblewrap", without)


def namespaces():
    """The kernel's own means, without any program."""
    return _backend(
        "namespaces", "" if _works("bubblewrap") else "students' code is isolated in containers, or not graded"
    )


def containers():
    """Podman and Docker: asked for their version; `isolation` runs something in them."""
    rows = []
    for name, ready in (("podman", "{{.Host.Kernel}}"), ("docker", "{{.KernelVersion}}")):
        program = shutil.which(name)
        rc, said = ask([program, "info", "--format", ready]) if program else (1, f"no {name} on PATH")
        cost = "only needed where neither bubblewrap nor namespaces work, macOS and Windows for example"
        rows.append(Row(name, rc == 0, f"{program}, kernel {said}" if rc == 0 else said, "" if rc == 0 else cost))
    return rows


def seccomp():
    """The library that writes filters of system calls."""
    try:
        from lstmkit.grader.inside import confine

        instructions = len(confine.system_calls()) // 8
    except Exception as error:
        return Row("seccomp", False, brief(error), "bubblewrap and namespaces cannot isolate: apt install libseccomp2")
    return Row("seccomp", True, f"{len(confine.ALLOWED)} system calls allowed, {instructions} instructions")


def cgroup():
    """Whether memory and processes of a whole submission can be limited together."""
    without = "each process of a submission is limited by itself: several together may take a multiple of the memory"
    try:
        from lstmkit.grader import cgroups

        group = cgroups.make(f"lstmkit-{os.getpid()}-doctor", 1 << 30, 64)
        cgroups.remove(group)
    except Exception as error:
        return Row("cgroup", False, brief(error), without)
    detail = ", ".join(str(folder.parent) for folder in group.folders) or "this user may not make control groups here"
    return Row("cgroup", group.memory, detail, "" if group.memory else without)


def isolation(backend="auto", course="."):
    """Try to break out of the isolation that graded work runs in; one row for each attempt, "held" or "BROKEN"."""
    from lstmkit.grader import probes, sandbox

    try:
        found = probes.break_out(backend, course)
    except sandbox.Unavailable as error:
        return [Row("isolation", False, str(error), "grading refuses to start", needed=True)]
    return [
        Row(
            name,
            held,
            f"{'held' if held else 'BROKEN'}: {said}",
            "" if held else "do not grade with this backend",
            True,
        )
        for name, held, said in found
    ]


def isolation_table(rows):
    """The rows of `isolation` as text."""
    width = max(len(row.name) for row in rows)
    broken = [row.name for row in rows if not row.found]
    last = f"BROKEN: {', '.join(broken)}" if broken else f"it held: {len(rows)} attempts to break out failed"
    return "\n".join([*(f"{row.name:<{width}}  {row.detail}" for row in rows), "", last])


def _backend(name, without):
    works, said = _tried(name)
    return Row(name, works, said, "" if works else without)


def _works(name):
    return _tried(name)[0]


@functools.cache
def _tried(name):
    """(whether a backend of lstmkit.grader.sandbox works, what it said); it starts one, so it is asked once."""
    try:
        from lstmkit.grader import sandbox

        return sandbox.available((name,))[0][1:]
    except Exception as error:  # not Linux, or no environment for grading
        return False, brief(error)

"""A warm process: it has imported what exercises need, and forks one confined process for each submission.

    python -m lstmkit.grader.inside.zygote MODE SERVE [FD]

MODE is "namespaces" (root prepared by bubblewrap or by `root` below), "local" (nothing is confined) or "container" (one
submission, on standard input and output, in a container that the engine has made).  SERVE is the module with `warm()`
and `serve(reader, writer)`.  FD is the socket over which the trusted side asks for a submission's process:

    zygote  forks  holder    outside of the submission; waits until everything inside is gone, then closes `life`
            forks  first     pid 1 of the new namespace; its end ends all in there; confined like the student's code
            forks  serve     runs the student's code

`life` is one end of a socket pair.  When the trusted side closes its writing half, or dies, the holder kills `first`;
when the holder is gone the other side reads the end of file, and nothing of the submission is left.  Only the holder
keeps `life`: a process of the student can neither close it nor hold it open.
"""

import contextlib
import fcntl
import importlib
import json
import os
import select
import signal
import socket
import sys

from lstmkit.grader.inside import confine

READY = b"ready"
OUT_OF_MEMORY = 77  # a container's exit code


def main(arguments):
    """Be what the first argument says: the one who makes the root, a container, or the warm process."""
    mode, module, *rest = arguments
    if mode == "root":
        return root(json.loads(module), *rest)
    server = importlib.import_module(module)
    if mode == "container":
        return container(server, json.loads(rest[0]))
    control = socket.socket(fileno=int(rest[0]))
    program = confine.system_calls() if mode == "namespaces" else None
    server.warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # holders need no funeral
    control.sendall(READY)
    while True:
        text, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 16)
        if not text:
            os._exit(0)  # the trusted side has gone
        if os.fork() == 0:
            try:
                control.close()
                hold(mode, json.loads(text), descriptors, program, server)
            finally:
                os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)


def hold(mode, order, descriptors, program, server):
    """The holder; never returns."""
    reader, writer, life, *groups = descriptors
    alarm = groups.pop(0) if order["alarm"] else None  # of the control group: out of memory
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if mode == "namespaces":
            flags = confine.NEWNS | confine.NEWPID | confine.NEWIPC | confine.NEWNET | confine.NEWUTS
            confine.leave_machine(flags | (0 if order["root"] else confine.NEWUSER), order["uid"])
            confine.die_with_parent()
    except BaseException as error:
        complain(life, error)
    first = os.fork()
    if first == 0:
        try:
            begin(mode, order, reader, writer, life, groups, program, server)
        finally:
            os._exit(1)
    for descriptor in (reader, writer, *groups):
        os.close(descriptor)
    until_any(first, life, alarm)
    if mode == "local":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it may not have made its group yet
            os.killpg(first, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)  # of a pid namespace's first process: returns when all the others are gone, too
    os._exit(0)


def until_any(pid, life, alarm):
    """Return when the other side has closed `life`, `alarm` is heard, or the child has ended (it is not reaped)."""
    poll = select.poll()
    poll.register(life, select.POLLIN)
    if alarm is not None:
        poll.register(alarm, select.POLLIN)
    if hasattr(os, "pidfd_open"):
        poll.register(os.pidfd_open(pid), select.POLLIN)
        poll.poll()
        return
    while not poll.poll(50):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return


def begin(mode, order, reader, writer, life, groups, program, server):
    """The first process of a submission: gives up all it has, then forks the one that serves."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would let the student end this process
        for group in groups:
            os.write(group, b"0")
        confine.go_first()
        if mode == "namespaces":
            confine.die_with_parent()
            with contextlib.suppress(confine.Refused):
                confine.call("unshare", confine.NEWCGROUP)
            confine.close_doors(order["limits"]["tmp"])
        else:
            os.setsid()
            os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        reader, writer, life = keep_only(reader, writer, life)
        confine.limit(order["limits"])
        if mode == "namespaces":
            confine.become(order["uid"] if order["root"] else None)
            confine.give_up(program)
            confine.check()
        os.write(life, b"ok")
        os.close(life)
    except BaseException as error:
        complain(life, error)
    serve_and_bury(server, reader, writer, mode)


def serve_and_bury(server, reader, writer, mode="namespaces"):
    """Fork the process that serves, and wait until it has ended, burying orphans on the way; never returns."""
    if mode == "local":
        run(server, reader, writer)
    serving = os.fork()
    if serving == 0:
        run(server, reader, writer)
    os.close(reader)
    os.close(writer)
    while os.wait()[0] != serving:
        pass
    os._exit(0)


def run(server, reader, writer):
    """Serve; never returns."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(OSError):
            os.setsid()
        server.serve(reader, writer)
    finally:
        os._exit(1)


def keep_only(*descriptors):
    """Close all but these and put /dev/null on 0 to 2; returns their new numbers."""
    copies = [fcntl.fcntl(d, fcntl.F_DUPFD_CLOEXEC, 20) for d in descriptors]  # out of the way of what follows
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    new = [os.dup2(d, 3 + n, inheritable=False) for n, d in enumerate(copies)]
    os.closerange(3 + len(new), 1 << 16)
    return new


def complain(life, error):
    """Tell the trusted side why there is no submission; never returns."""
    with contextlib.suppress(OSError):
        os.write(life, f"{type(error).__name__}: {error}".encode()[:2000])
    os._exit(1)


def container(server, limits):
    """One submission in a container of its own: standard input and output are the wire; never returns."""
    server.warm()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        program = confine.system_calls()
    except confine.Refused:  # an image without libseccomp; the engine has a filter of its own
        program = None
    os.chdir("/box")
    wire = os.dup(0)
    reader, writer, wire = keep_only(0, 1, wire)
    confine.limit(limits)
    confine.become(None)
    confine.give_up(program)
    confine.check(seccomp=program is not None)
    os.write(writer, b"ok")
    serving = os.fork()
    if serving == 0:
        os.close(wire)
        run(server, reader, writer)
    os.close(reader)
    os.close(writer)
    poll = select.poll()
    poll.register(wire, 0)  # to hear that the other side has gone, without reading what is not ours
    while not poll.poll(100):
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                if ended == serving:
                    os._exit(OUT_OF_MEMORY if killed_for_memory() else 0)
    os._exit(0)


def killed_for_memory():
    """True if the kernel has ended a process of this container because it wanted too much memory."""
    for name in ("memory.events", "memory/memory.oom_control"):
        with contextlib.suppress(OSError), open(f"/sys/fs/cgroup/{name}") as file:
            return any(line.startswith("oom_kill ") and int(line.split()[1]) for line in file)
    return False


def root(order, descriptor):
    """Stand in for bubblewrap: namespaces, a root of the plan's mounts, then the zygote as pid 1 in there."""
    flags = confine.NEWNS | confine.NEWPID | confine.NEWIPC | confine.NEWNET | confine.NEWUTS
    confine.leave_machine(flags | (confine.NEWUSER if os.geteuid() else 0))
    confine.die_with_parent()
    child = os.fork()
    if child == 0:
        try:
            confine.die_with_parent()
            confine.build_root(order["plan"], order["place"])
            command = [*order["command"], descriptor]
            os.execve(command[0], command, order["environment"])
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    os.close(int(descriptor))
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)


if __name__ == "__main__":
    main(sys.argv[1:])

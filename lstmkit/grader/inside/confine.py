"""What a process gives up before it runs a student's code, by the kernel's own means; the standard library alone.

`build_root` makes an empty root and puts into it what the plan says (for the backend "namespaces"; bubblewrap does the
same with its own program).  `leave_machine`, `close_doors` and `give_up` are then done anew for every submission, in
this order: namespaces of its own, an empty folder and limits, another user without any capability, a list of system
calls.  What is done here is checked here: `check` reads from the kernel what came of it.
"""

import contextlib
import ctypes
import os
import resource
import struct
import tempfile

NEWNS, NEWUTS, NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
NEWUSER, NEWPID, NEWNET, NEWCGROUP = 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x0200_0000
ALL_NAMESPACES = 0x7E02_0000
RDONLY, NOSUID, NODEV, NOEXEC, BIND, REC, PRIVATE = 1, 2, 4, 8, 4096, 0x4000, 0x4_0000
DETACH = 2
PDEATHSIG, DUMPABLE, SECCOMP, CAPBSET_DROP, NO_NEW_PRIVS, CAP_AMBIENT = 1, 4, 22, 24, 38, 47
SIGKILL = 9
MOUNT_SETATTR = 442  # the same number on every machine
INODES = 20_000  # files and folders in /box: each costs memory that its size does not count

_libc = ctypes.CDLL(None, use_errno=True)

# System calls that Python, NumPy, matplotlib, threads and subprocesses need.  Whatever is not named, and whatever the
# kernel gets in years to come, is answered "no such call", for which every library has a way round.
ALLOWED = """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat openat2 creat close close_range
    stat fstat lstat newfstatat statx access faccessat faccessat2 lseek truncate ftruncate fallocate fsync fdatasync
    rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat readlink readlinkat mkdir mkdirat rmdir
    chdir fchdir getcwd getdents getdents64 chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat umask
    utime utimes utimensat futimesat dup dup2 dup3 pipe pipe2 fcntl flock sendfile copy_file_range fadvise64 readahead
    statfs fstatfs memfd_create getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr
    fsetxattr removexattr lremovexattr fremovexattr
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4
    mmap munmap mremap mprotect madvise brk msync mincore mlock mlock2 munlock membarrier rseq get_mempolicy
    fork vfork execve exit exit_group wait4 waitid kill tkill tgkill
    getpid getppid gettid getpgid getpgrp setpgid getsid setsid getuid geteuid getgid getegid getresuid getresgid
    getgroups capget arch_prctl set_tid_address set_robust_list get_robust_list futex futex_waitv
    sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler sched_get_priority_max
    sched_get_priority_min getpriority setpriority getrlimit setrlimit prlimit64 getrusage times sysinfo uname getcpu
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend rt_sigqueueinfo
    rt_tgsigqueueinfo sigaltstack pause alarm setitimer getitimer timer_create timer_settime timer_gettime
    timer_getoverrun timer_delete nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time restart_syscall
    bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt sendto sendmsg sendmmsg
    recvfrom recvmsg recvmmsg shutdown getrandom
""".split()  # noqa: SIM905 - a table of two hundred strings in quotes cannot be read
# Known and refused: "not permitted" is the plainer answer.
REFUSED = """
    mount umount2 pivot_root chroot unshare setns fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr
    ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp keyctl add_key request_key bpf perf_event_open
    userfaultfd io_uring_setup io_uring_enter io_uring_register open_by_handle_at name_to_handle_at mknod mknodat
    setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset reboot swapon swapoff
    init_module finit_module delete_module kexec_load kexec_file_load sethostname setdomainname acct quotactl syslog
    personality iopl ioperm adjtimex clock_adjtime clock_settime settimeofday fanotify_init vhangup seccomp
""".split()  # noqa: SIM905
TERMINAL_QUESTIONS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIO(N)CLEX
NAMES = (15, 16, 23, 0x5356_4D41)  # of prctl: PR_SET_NAME PR_GET_NAME PR_CAPBSET_READ PR_SET_VMA
AF_UNIX = 1
INTERNET = (2, 10)  # AF_INET, AF_INET6: "network is unreachable", as on a machine without one


class Refused(Exception):
    """The kernel did not do what the isolation needs; the text says which step, and what it answered."""


def call(what, *arguments):
    """libc's function `what`; Refused where it fails."""
    if (result := getattr(_libc, what)(*arguments)) < 0:
        number = ctypes.get_errno()
        shown = ", ".join(argument.decode() for argument in arguments if isinstance(argument, bytes))
        raise Refused(f"{what}({shown}): {os.strerror(number)}")
    return result


def mount(source, target, kind, flags, options=None):
    """The system call mount(2); None stands for an argument left out, and Refused is raised where it fails."""
    call("mount", *(None if text is None else text.encode() for text in (source, target, kind)), flags,
         None if options is None else options.encode())  # fmt: skip


def die_with_parent():
    """SIGKILL for this process once the one that started it is gone; a change of user or namespace undoes it."""
    call("prctl", PDEATHSIG, SIGKILL, 0, 0, 0)


# The root


def build_root(plan, place):
    """Make `place` (an empty folder) the root of this process, with the mounts of lstmkit.grader.kit in it.

    The process must be the first of its own pid namespace, and have a mount namespace to itself.
    """
    mount(None, "/", None, REC | PRIVATE)
    mount("tmpfs", place, "tmpfs", NOSUID | NODEV, "mode=755,size=1m")
    for kind, target, source in plan:
        path = place + target
        if kind == "dir":
            os.makedirs(path, 0o755, exist_ok=True)
        elif kind == "link":
            os.symlink(source, path)
        elif kind == "bind":
            _empty(path, os.path.isdir(source))
            mount(source, path, None, BIND | REC)
            _attributes(path, RDONLY | NOSUID | NODEV, 0x8000)  # AT_RECURSIVE: and all that is mounted below
        elif kind == "device":
            _empty(path, False)
            mount(source, path, None, BIND)
        elif kind == "tmpfs":
            _empty(path, True)
            mount("tmpfs", path, "tmpfs", NOSUID | NODEV, "mode=755,size=16m")
        elif kind == "proc":
            _empty(path, True)
            mount("proc", path, "proc", NOSUID | NODEV | NOEXEC)
    for kind, target, _ in plan:  # a student may have the number of the user who made them
        if kind == "tmpfs" and target != "/box":
            _attributes(place + target, RDONLY, 0)
    os.chdir(place)
    call("pivot_root", b".", b".")  # the old root lies on top of the new one, and is taken away
    call("umount2", b".", DETACH)
    os.chdir("/")
    _attributes("/", RDONLY, 0)


def _empty(path, folder):
    """Something to mount on."""
    with contextlib.suppress(FileExistsError):
        if folder:
            os.makedirs(path, 0o755)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))


def _attributes(path, attributes, depth):
    """Add attributes to a mount; unlike a remount it keeps those that a user namespace must not take away."""
    wanted = struct.pack("QQQQ", attributes, 0, 0, 0)
    here = -100  # AT_FDCWD
    call("syscall", MOUNT_SETATTR, here, path.encode(), depth, wanted, ctypes.c_size_t(len(wanted)))


# For each submission


def leave_machine(flags, inside=0):
    """Namespaces of its own, by the NEW... flags; with NEWUSER this process becomes the user `inside` in there."""
    user, group = os.geteuid(), os.getegid()
    call("unshare", flags)
    if not flags & NEWUSER:
        return
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {user} 1"), ("gid_map", f"{inside} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def close_doors(tmp):
    """The folders that are this submission's own, empty; `tmp` is the size of /box in bytes."""
    mount(None, "/", None, REC | PRIVATE)
    mount("tmpfs", "/box", "tmpfs", NOSUID | NODEV, f"mode=1777,size={tmp},nr_inodes={INODES}")
    mount("tmpfs", "/dev/shm", "tmpfs", NOSUID | NODEV | NOEXEC, f"mode=1777,size={tmp},nr_inodes={INODES}")
    try:
        mount("proc", "/proc", "proc", RDONLY | NOSUID | NODEV | NOEXEC, "subset=pid")
    except Refused:  # kernels before 5.8, and some user namespaces
        mount("proc", "/proc", "proc", RDONLY | NOSUID | NODEV | NOEXEC)
    call("sethostname", b"box", 3)
    os.chdir("/box")


def go_first():
    """Where no control group limits the memory and the machine runs out of it: end this process, not the grader."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def limit(limits):
    """The limits of each process; `limits` as lstmkit.grader.sandbox.Limits."""
    try:
        with open("/proc/self/statm") as file:  # what the libraries have mapped already is not the student's
            mapped = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        mapped = 0
    wanted = [
        ("RLIMIT_AS", limits["memory"] + mapped),
        ("RLIMIT_CPU", limits["cpu"]),
        ("RLIMIT_NPROC", limits["processes"]),
        ("RLIMIT_NOFILE", limits["files"]),
        ("RLIMIT_FSIZE", limits["file_size"]),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_MEMLOCK", 1 << 20),
        ("RLIMIT_MSGQUEUE", 0),
        ("RLIMIT_SIGPENDING", 256),
    ]
    for name, value in wanted:
        if (number := getattr(resource, name, None)) is not None:
            hard = resource.getrlimit(number)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with contextlib.suppress(ValueError, OSError):  # macOS has the names, and keeps not all of them
                resource.setrlimit(number, (value, value))


def become(uid):
    """Another user, without groups, or with None the same; without capabilities, now and for ever."""
    number = 0
    while _libc.prctl(CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    call("prctl", CAP_AMBIENT, 4, 0, 0, 0)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    call("capset", struct.pack("Ii", 0x2008_0522, 0), struct.pack("6I", *[0] * 6))


def give_up(program):
    """No new privileges, no look into this process, and the system calls of `program` (of `system_calls`) alone."""
    call("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", DUMPABLE, 0, 0, 0, 0)
    die_with_parent()
    if program is None:
        return
    instructions = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    whole = Program(len(program) // 8, ctypes.cast(instructions, ctypes.c_void_p))
    call("prctl", SECCOMP, 2, ctypes.byref(whole), 0, 0)


def check(seccomp=True):
    """Refused unless the kernel says of this process that it has no capability, no way to new ones, and a filter."""
    with open("/proc/self/status") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    wanted = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16) | {"NoNewPrivs": "1"}
    for name, value in (wanted | ({"Seccomp": "2"} if seccomp else {})).items():
        if status.get(name) != value:
            raise Refused(f"after confinement {name} is {status.get(name)}; it must be {value}")
    if os.getuid() == 0:
        raise Refused("after confinement the user is still root")


def system_calls():
    """The filter of system calls as the kernel takes it; Refused without libseccomp."""
    try:
        lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise Refused("libseccomp.so.2 is not installed (Debian, Ubuntu: apt install libseccomp2)") from None

    class Compare(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_init.argtypes = [ctypes.c_uint32]
    lib.seccomp_release.argtypes = [ctypes.c_void_p]
    lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    lib.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Compare)
    ]  # fmt: skip
    allow, error, masked_equal = 0x7FFF_0000, 0x0005_0000, 7
    no_such_call, not_permitted = error | 38, error | 1
    context = lib.seccomp_init(no_such_call)
    lib.seccomp_attr_set(context, 8, 2)  # a binary tree instead of a list; older libraries keep the list

    def rule(action, name, *comparison):
        if (number := lib.seccomp_syscall_resolve_name(name.encode())) < 0:
            return  # not a call of this processor
        one = (Compare * 1)(Compare(*comparison)) if comparison else None
        if (code := lib.seccomp_rule_add_array(context, action, number, len(one or ()), one)) < 0:
            raise Refused(f"libseccomp does not take the rule for {name}: {os.strerror(-code)}")

    for name in ALLOWED:
        rule(allow, name)
    for name in REFUSED:
        rule(not_permitted, name)
    rule(allow, "clone", 0, masked_equal, ALL_NAMESPACES, 0)  # threads and processes; no new namespace
    # The kernel reads 32 bits of these; to compare 64 would let 1 << 32 | TIOCSTI through.
    for name, number, values in (
        ("socket", 0, (AF_UNIX,)), ("socketpair", 0, (AF_UNIX,)), ("ioctl", 1, TERMINAL_QUESTIONS), ("prctl", 0, NAMES)
    ):  # fmt: skip
        for value in values:
            rule(allow, name, number, masked_equal, 0xFFFF_FFFF, value)
    for value in INTERNET:
        rule(error | 101, "socket", 0, masked_equal, 0xFFFF_FFFF, value)
    with tempfile.TemporaryFile() as file:
        if (code := lib.seccomp_export_bpf(context, file.fileno())) < 0:
            raise Refused(f"libseccomp does not write the filter: {os.strerror(-code)}")
        file.seek(0)
        program = file.read()
    lib.seccomp_release(context)
    return program

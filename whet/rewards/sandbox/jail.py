"""What a process does to itself before it runs foreign code: limits, a clean room, and no way back (Linux).

Standard library alone. seccomp takes sockets, processes, signals to others and rights of files away; Landlock every
write outside one folder, and every read but of Python itself; rlimits the rest.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
if sys.platform == "linux":  # looked up here: what a child looks up itself costs it a page here and there
    _PRCTL, _CAPSET, _SYSCALL = _LIBC.prctl, _LIBC.capset, _LIBC.syscall
_NO_NEW_PRIVS, _SECCOMP, _FILTER, _DEATH_SIGNAL = 38, 22, 2, 1
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_CLONE_THREAD = 0x00010000
_OWN = 0x6F776E21  # stands for the number of the process until it is known
_CAPABILITIES = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
_NONE_OF_THEM = ctypes.create_string_buffer(24)
_LIMITS = {name: number for name, number in vars(resource).items() if name.startswith("RLIMIT_")}
_MOST = {number: resource.getrlimit(number)[1] for number in _LIMITS.values()}

# AUDIT_ARCH, then numbers of system calls. Those that are missing do not exist there.
_ARCHITECTURES = {
    "x86_64": (0xC000003E, {
        "socket": 41, "socketpair": 53, "connect": 42, "clone": 56, "fork": 57, "vfork": 58, "kill": 62, "tkill": 200,
        "tgkill": 234, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "ptrace": 101, "process_vm_readv": 310,
        "process_vm_writev": 311, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272,
        "setns": 308, "bpf": 321, "keyctl": 250, "add_key": 248, "request_key": 249, "perf_event_open": 298,
        "userfaultfd": 323, "init_module": 175, "finit_module": 313, "kexec_load": 246, "reboot": 169, "prlimit64": 302,
        "setpriority": 141, "sched_setaffinity": 203, "shmget": 29, "shmat": 30, "shmctl": 31, "shmdt": 67,
        "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "semget": 64, "semop": 65, "semctl": 66,
        "semtimedop": 220, "mq_open": 240, "mq_unlink": 241, "kcmp": 312,
        "execve": 59, "execveat": 322, "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93,
        "lchown": 94, "fchownat": 260, "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280,
        "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198,
        "fremovexattr": 199,
    }),
    "aarch64": (0xC00000B7, {
        "socket": 198, "socketpair": 199, "connect": 203, "clone": 220, "kill": 129, "tkill": 130, "tgkill": 131,
        "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "ptrace": 117, "process_vm_readv": 270,
        "process_vm_writev": 271, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97,
        "setns": 268, "bpf": 280, "keyctl": 219, "add_key": 217, "request_key": 218, "perf_event_open": 241,
        "userfaultfd": 282, "init_module": 105, "finit_module": 273, "kexec_load": 104, "reboot": 142, "prlimit64": 261,
        "setpriority": 140, "sched_setaffinity": 122, "shmget": 194, "shmctl": 195, "shmat": 196, "shmdt": 197,
        "msgget": 186, "msgctl": 187, "msgrcv": 188, "msgsnd": 189, "semget": 190, "semctl": 191, "semtimedop": 192,
        "semop": 193, "mq_open": 180, "mq_unlink": 181, "kcmp": 272,
        "execve": 221, "execveat": 281, "fchmod": 52, "fchmodat": 53, "fchownat": 54, "fchown": 55, "utimensat": 88,
        "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
    }),
}  # fmt: skip
# The same numbers everywhere: io_uring opens sockets too, pidfds send signals, clone3 hides its flags from a filter.
_NEWER = {
    "io_uring_setup": 425, "pidfd_send_signal": 424, "pidfd_open": 434, "clone3": 435, "fchmodat2": 452,
    "setxattrat": 463, "removexattrat": 466, "pidfd_getfd": 438, "process_madvise": 440, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "mount_setattr": 442,
}  # fmt: skip
# What Python reads besides its own folders: libraries, the clock's zone, chance, the number of processors.
READABLE = (
    "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero", "/dev/random",
    "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu",
    *dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)),
)  # fmt: skip


def _statement(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction of a BPF program."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _jump(value: int, if_equal: int, otherwise: int) -> bytes:
    return _statement(0x15, value, if_equal, otherwise)


_ALLOWED, _REFUSED = (_statement(0x06, _ALLOW),), (_statement(0x06, _EPERM),)


class Jail:
    """What locks a process in, made once: rules for one folder, and the filter of system calls.

    All that can be is made before a fork: what a child makes anew it pays for in copied pages.
    """

    def __init__(self, folder: str) -> None:
        self._rules = _rules(folder) if sys.platform == "linux" else None
        program = _filter() if sys.platform == "linux" else None
        self._filter = _Filter(program) if program else None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a process needs open until it locks itself in."""
        return () if self._rules is None else (self._rules,)

    def lock(self, *, memory_bytes: int, cpu_s: float, file_bytes: int) -> list[str]:
        """Give up what foreign code must not have. Returns what is in force: `limits`, `no-network`, `no-writes`."""
        _limit(memory_bytes, cpu_s, file_bytes)
        held = ["limits"]
        if sys.platform == "linux":
            _PRCTL(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)  # it does not outlive the one that waits for it
            _drop_capabilities()
            _PRCTL(_NO_NEW_PRIVS, 1, 0, 0, 0)
            if self._rules is not None and _SYSCALL(446, self._rules, 0) == 0:
                os.close(self._rules)
                held.append("no-writes")
            if self._filter is not None and self._filter.install():
                held.append("no-network")
        if "no-network" not in held:
            _block_in_python()
        return held


def _limit(memory_bytes: int, cpu_s: float, file_bytes: int) -> None:
    seconds = max(int(cpu_s + 0.999), 1)
    _set("RLIMIT_CPU", seconds, seconds + 1)
    _set("RLIMIT_AS", memory_bytes, memory_bytes)
    _set("RLIMIT_FSIZE", file_bytes, file_bytes)
    _set("RLIMIT_NOFILE", 64, 64)
    _set("RLIMIT_CORE", 0, 0)


def _set(name: str, soft: int, hard: int) -> None:
    number = _LIMITS.get(name)
    if number is None:
        return
    most = _MOST[number]
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    try:
        resource.setrlimit(number, (soft, hard))
    except (ValueError, OSError):  # macOS refuses RLIMIT_AS
        return


def _drop_capabilities() -> None:
    """A root without capabilities: it cannot raise limits again, nor read what is not its own."""
    _CAPSET(_CAPABILITIES, _NONE_OF_THEM)


def _rules(folder: str) -> int | None:
    """Landlock: writing, making and removing files only below `folder`, reading there and what Python needs.

    A descriptor, or None where the kernel has no such thing.
    """
    create = 444
    abi = _SYSCALL(create, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        return None
    # Write, remove, make; from the second version on refer, from the third truncate, from the fifth ioctl on devices.
    writes = sum(1 << bit for bit in (1, *range(4, 13)))
    writes |= (1 << 13 if abi >= 2 else 0) | (1 << 14 if abi >= 3 else 0) | (1 << 15 if abi >= 5 else 0)
    reads = 1 << 0 | 1 << 2 | 1 << 3  # run, read a file, list a folder
    attributes = struct.pack("=Q", writes | reads)
    ruleset = _SYSCALL(create, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return None
    _allow(ruleset, folder, reads | writes & ~(1 << 11 | 1 << 6))
    _allow(ruleset, "/dev/null", writes & (1 << 1 | 1 << 14))
    for path in READABLE:
        _allow(ruleset, path, reads)
    return int(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Give rights below a path, if it is there; a file takes only those of files."""
    if not os.path.exists(path):
        return
    of_files = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
    below = os.open(path, os.O_PATH)
    rule = struct.pack("=Qi", rights if os.path.isdir(path) else rights & of_files, below)
    _SYSCALL(445, ruleset, 1, ctypes.c_char_p(rule), 0)
    os.close(below)


def _filter() -> bytes | None:
    """Refuse sockets, processes, and signals to any process but this one. None where it cannot be done."""
    if platform.machine() not in _ARCHITECTURES or sys.byteorder != "little":
        return None
    arch, numbers = _ARCHITECTURES[platform.machine()]
    answers = {number: _answer(name) for name, number in {**numbers, **_NEWER}.items()}
    # The x32 calls of x86_64 have other numbers, from 2^30 on, for the same things.
    segments = [(0, _ALLOWED), *sorted(answers.items()), (0x40000000, _REFUSED)]
    for number in answers:
        if number + 1 not in answers:
            segments.append((number + 1, _ALLOWED))
    program = [
        _statement(0x20, 4),  # load the architecture
        _jump(arch, 1, 0),
        _statement(0x06, 0x80000000),  # another one: kill
        _statement(0x20, 0),  # load the number
        *_search(_joined(sorted(segments, key=lambda segment: segment[0]))),
    ]
    return b"".join(program)


def _answer(name: str) -> tuple[bytes, ...]:
    """What a call that is named is answered."""
    if name in ("kill", "tgkill"):
        return _only(_jump(_OWN, 1, 0))
    if name == "socketpair":  # within this process, which event loops are woken by
        return _only(_jump(1, 1, 0))
    if name == "clone":
        return _only(_statement(0x45, _CLONE_THREAD, 1, 0))
    # ENOSYS for clone3: the C library then starts threads with clone.
    return (_statement(0x06, _ENOSYS),) if name == "clone3" else _REFUSED


def _joined(segments: list[tuple[int, tuple[bytes, ...]]]) -> list[tuple[int, tuple[bytes, ...]]]:
    """Without those that answer as the one before."""
    return [one for at, one in enumerate(segments) if at == 0 or one[1] != segments[at - 1][1]]


def _search(segments: list[tuple[int, tuple[bytes, ...]]]) -> list[bytes]:
    """Find the last segment that begins at or below the number. The kernel tries a filter with every number once."""
    if len(segments) == 1:
        return list(segments[0][1])
    middle = len(segments) // 2
    below, above = _search(segments[:middle]), _search(segments[middle:])
    return [_statement(0x35, segments[middle][0], len(below), 0), *below, *above]


def _only(test: bytes) -> tuple[bytes, ...]:
    """Allow a call where its first argument passes the test."""
    return _statement(0x20, 16), test, _statement(0x06, _EPERM), _statement(0x06, _ALLOW)


class _Filter:
    """A program for the kernel, ready but for the number of the process that it is to hold in."""

    def __init__(self, program: bytes) -> None:
        self._code = ctypes.create_string_buffer(program, len(program))
        self._head = ctypes.create_string_buffer(
            struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(self._code))
        )
        own = struct.pack("=I", _OWN)
        self._places = [at for at in range(4, len(program), 8) if program[at : at + 4] == own]

    def install(self) -> bool:
        for at in self._places:
            struct.pack_into("=I", self._code, at, os.getpid())
        return _PRCTL(_SECCOMP, _FILTER, self._head, 0, 0) == 0


def _block_in_python() -> None:
    """Where the kernel cannot: code that does not try hard finds neither sockets nor processes."""
    import socket
    import subprocess

    _set("RLIMIT_NPROC", 64, 64)

    def refused(*arguments: object, **more: object) -> None:
        raise PermissionError("neither network nor processes here")

    closed = {
        socket: ("socket", "create_connection", "socketpair", "getaddrinfo"),
        subprocess: ("Popen",),
        os: ("fork", "forkpty", "system", "popen", "posix_spawn", "kill"),
    }
    for module, names in closed.items():
        for name in names:
            if hasattr(module, name):
                setattr(module, name, refused)

"""Run a model's code and its tests in processes that are shut in, for as long as allowed, and read what they report."""

from __future__ import annotations

import json
import marshal
import os
import queue
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from whet.rewards.sandbox.room import remove_all
from whet.rewards.sandbox.traceless import are_traceless

MIB = 2**20
MAX_REPORT = 4 * MIB
START_S = 60.0  # until a nursery has imported what it needs
GRACE_S = 10.0  # until it says what became of a job whose time is up
_ROOT = str(Path(__file__).resolve().parents[3])
# Without `site`, whose .pth files import what every fork would pay for (`random`, `threading`: a third of a fork).
_BOOT = (
    "import sys; sys.prefix, sys.exec_prefix = {prefixes!r}; sys.path[:] = [{root!r}, *sys.path, *{packages!r}]; "
    "from whet.rewards.sandbox.nursery import serve; del sys.path[0]; serve({channel}, {folder!r}, {apart})"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What foreign code may take."""

    timeout_s: float = 10.0
    memory_mb: int = 512
    file_mb: int = 8


@dataclass(frozen=True, slots=True)
class Report:
    """What became of each test: None where it passed, else why not."""

    tests: tuple[str | None, ...]


class SandboxFailed(RuntimeError):
    """The machine could not run it: nothing is known of the code."""


class Sandbox:
    """Runs jobs of `code`, `setup` and `tests` (with `entry_point`) or `cases`, several at once if asked by threads.

    Python waits in processes of its own, which fork for each job. With `apart` they see nothing of this machine but
    Python, where the kernel allows that.
    """

    def __init__(self, *, apart: bool = True) -> None:
        self._apart = apart
        self._idle: queue.LifoQueue[_Nursery] = queue.LifoQueue()

    def run(self, job: Mapping[str, Any], limits: Limits = Limits()) -> Report:
        """What became of each test or case. Those not reported when time is up, or when a process dies, have failed.

        Raises ValueError where the tests or their setup cannot be run at all, and SandboxFailed.
        """
        nursery = self._nursery()
        is_well = False
        try:
            found = nursery.cases(job, limits) if "cases" in job else nursery.tests(job, limits)
            is_well = True
        except (OSError, EOFError) as error:
            raise SandboxFailed(f"the sandbox ended: {error}") from error
        finally:
            if is_well:
                self._idle.put(nursery)
            else:
                nursery.close()
        if isinstance(found, str):
            raise ValueError(found)
        return Report(tuple(found))

    def protections(self) -> tuple[str, ...]:
        """What is in force: some of `limits`, `no-writes`, `no-network`, `no-view`."""
        nursery = self._nursery()
        self._idle.put(nursery)
        return nursery.held

    def close(self) -> None:
        """End the processes that wait."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _nursery(self) -> _Nursery:
        with suppress(queue.Empty):
            return self._idle.get_nowait()
        return _Nursery(self._apart)


@cache
def protections() -> tuple[str, ...]:
    """What this machine can do against foreign code."""
    sandbox = Sandbox()
    try:
        return sandbox.protections()
    finally:
        sandbox.close()


class _Nursery:
    """A process that forks for jobs, one at a time, and the channel to it."""

    def __init__(self, apart: bool) -> None:
        self._folder = tempfile.mkdtemp(prefix="whet-code-")
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        code = _BOOT.format(
            prefixes=(sys.prefix, sys.exec_prefix), root=_ROOT, packages=packages, channel=theirs.fileno(),
            folder=self._folder, apart=apart,
        )  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", code], pass_fds=(theirs.fileno(),), start_new_session=True,
            cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "HOME": "/", "TMPDIR": ".", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1",
                 "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        theirs.close()
        self._finalizer = weakref.finalize(self, _leave, self._channel, self._process, self._folder)
        self._channel.settimeout(START_S)
        try:
            self.held = tuple(json.loads(self._channel.recv(65_536) or b"null")["held"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            self.close()
            raise SandboxFailed(f"no process for a model's code can be started: {error}") from None

    def tests(self, job: Mapping[str, Any], limits: Limits) -> list[str | None] | str:
        """What became of each test, or what is wrong with them."""
        code = {"setup": job["setup"], "code": job["code"]}
        tests = {"setup": job["setup"], "tests": list(job["tests"]), "entry_point": job.get("entry_point")}
        is_traceless = are_traceless((job["setup"], *job["tests"]))
        flow = _Flow(self._channel, {"task": "tests", "is_traceless": is_traceless}, limits, limits.timeout_s)
        flow.give(code)
        flow.give(tests)
        told = flow.take(MAX_REPORT)
        done = flow.run()
        return _read(bytes(told.content), len(tests["tests"]), done, limits)

    def cases(self, job: Mapping[str, Any], limits: Limits) -> list[str | None]:
        """What became of each case: a process for each, with its input, whose output is compared here."""
        until = time.monotonic() + limits.timeout_s
        found: list[str | None] = []
        for case in job["cases"]:
            left = until - time.monotonic()
            if left <= 0:
                found.append(f"it ran longer than {limits.timeout_s:g} s")
                continue
            flow = _Flow(self._channel, {"task": "program"}, limits, left)
            flow.give({"setup": job["setup"], "code": job["code"]})
            flow.give_text(case["input"].encode("utf-8", "surrogatepass"))
            printed, said = flow.take(limits.file_mb * MIB), flow.take(512)
            done = flow.run()
            found.append(_judged(done, printed, said, case["output"], limits))
        return found

    def close(self) -> None:
        self._finalizer()


@dataclass(slots=True)
class _Taken:
    """What came through a pipe, up to a limit."""

    limit: int
    content: bytearray = field(default_factory=bytearray)

    @property
    def is_over(self) -> bool:
        return len(self.content) > self.limit


class _Flow:
    """One job: what is written to its pipes and read from them until the nursery says that it is done."""

    def __init__(self, channel: socket.socket, request: Mapping[str, Any], limits: Limits, timeout_s: float) -> None:
        self._channel, self._timeout_s = channel, timeout_s
        self._request = {
            **request, "memory_bytes": limits.memory_mb * MIB, "file_bytes": limits.file_mb * MIB,
            "cpu_s": limits.timeout_s, "timeout_s": timeout_s, "told_s": limits.timeout_s,
        }  # fmt: skip
        self._theirs: list[int] = []
        self._writes: dict[int, memoryview] = {}
        self._reads: dict[int, _Taken] = {}

    def give(self, job: Mapping[str, Any]) -> None:
        self.give_text(marshal.dumps(dict(job)))

    def give_text(self, content: bytes) -> None:
        theirs, ours = os.pipe()
        os.set_blocking(ours, False)
        self._theirs.append(theirs)
        self._writes[ours] = memoryview(content)

    def take(self, limit: int) -> _Taken:
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        self._theirs.append(theirs)
        self._reads[ours] = _Taken(limit)
        return self._reads[ours]

    def run(self) -> dict[str, Any]:
        """Hand the job over and wait. Raises OSError or EOFError when the nursery is gone or silent."""
        until = time.monotonic() + self._timeout_s + GRACE_S
        done: dict[str, Any] | None = None
        is_off = False
        with selectors.DefaultSelector() as selector:
            try:
                socket.send_fds(self._channel, [marshal.dumps(self._request)], self._theirs)
                self._close_theirs()
                selector.register(self._channel, selectors.EVENT_READ)
                for ours in self._writes:
                    selector.register(ours, selectors.EVENT_WRITE)
                for ours in self._reads:
                    selector.register(ours, selectors.EVENT_READ)
                while done is None or self._reads:
                    events = selector.select(max(until - time.monotonic(), 0.0))
                    if not events:
                        raise TimeoutError("it is silent")
                    for key, _ in events:
                        if key.fileobj is self._channel:
                            done = json.loads(self._channel.recv(65_536) or b"null")
                            if done is None:
                                raise EOFError("its process is gone")
                            selector.unregister(self._channel)
                            for ours in list(self._writes):  # nobody reads them any more
                                self._drop(selector, ours)
                        elif key.fd in self._writes:
                            self._write(selector, key.fd)
                        elif key.fd in self._reads and self._read(selector, key.fd) and not is_off and done is None:
                            is_off = True
                            self._channel.send(b"off")
            finally:
                self._close_theirs()
                for ours in (*self._writes, *self._reads):
                    os.close(ours)
        return done

    def _write(self, selector: selectors.BaseSelector, ours: int) -> None:
        with suppress(BrokenPipeError, BlockingIOError):
            self._writes[ours] = self._writes[ours][os.write(ours, self._writes[ours][:65_536]) :]
            if self._writes[ours]:
                return
            self._drop(selector, ours)
            return
        self._drop(selector, ours)

    def _read(self, selector: selectors.BaseSelector, ours: int) -> bool:
        """Read what there is. Whether that is too much."""
        taken, part = self._reads[ours], os.read(ours, 65_536)
        if not taken.is_over:
            taken.content += part
        if not part:
            selector.unregister(ours)
            os.close(ours)
            del self._reads[ours]
        return taken.is_over and taken.limit > 512

    def _drop(self, selector: selectors.BaseSelector, ours: int) -> None:
        if ours in self._writes:
            selector.unregister(ours)
            os.close(ours)
            del self._writes[ours]

    def _close_theirs(self) -> None:
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs.clear()


def _read(told: bytes, num: int, done: Mapping[str, Any], limits: Limits) -> list[str | None] | str:
    """What the grader reported: it alone has the pipe that this came through."""
    tests: list[str | None] = [done["stopped"] or _ending(done, limits)] * num
    for line in told.decode("utf-8", "replace").splitlines():
        with suppress(ValueError):
            facts = json.loads(line)
            if "wrong" in facts:
                return str(facts["wrong"])
            if "error" in facts:
                return [facts["error"]] * num
            tests[facts["test"]] = facts["failed"]
    return tests


def _ending(done: Mapping[str, Any], limits: Limits) -> str:
    if -24 in (done["code"], done.get("graded")):  # SIGXCPU
        return f"it ran longer than {limits.timeout_s:g} s"
    if done.get("graded") not in (None, 0, -9):
        return f"its process ended with {done['graded']}"
    return "its process ended before this test"


def _judged(done: Mapping[str, Any], printed: _Taken, said: _Taken, expected: str, limits: Limits) -> str | None:
    """None where a program ended well and printed what was expected, else why not."""
    if done["stopped"] or done["code"] in (-24, -9):
        return done["stopped"] or f"it ran longer than {limits.timeout_s:g} s, or was killed"
    if done["code"]:
        return said.content.decode("utf-8", "replace") or f"its process ended with {done['code']}"
    if printed.is_over:
        return f"it printed more than {limits.file_mb} MiB"
    text = printed.content.decode("utf-8", "replace")
    return None if _lines(text) == _lines(expected) else f"printed {text[:80]!r}, not {expected[:80]!r}"


def _lines(text: str) -> Sequence[str]:
    """Output as judges compare it: blanks at line ends and empty lines at the end do not count."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _leave(channel: socket.socket, process: subprocess.Popen[bytes], folder: str) -> None:
    """End a nursery, whose children end with it, and remove what is left of its folder."""
    channel.close()
    process.kill()
    process.wait()
    with suppress(OSError):
        remove_all(folder)
    shutil.rmtree(folder, ignore_errors=True)

"""What a model's code may not do to this machine: bounded in everything, and shut in, with namespaces and without."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whet.rewards.sandbox.room import MAX_FILES, remove_all
from whet.rewards.sandbox.running import Limits, Sandbox, protections

pytestmark = [
    pytest.mark.case("B3"),
    pytest.mark.skipif(set(protections()) < {"no-network", "no-writes"}, reason="this machine cannot shut in code"),
]
APART = ["with namespaces", "without"] if "no-view" in protections() else ["without"]


@pytest.fixture(scope="module", params=APART)
def sandbox(request):
    sandbox = Sandbox(apart=request.param != "without")
    yield sandbox
    sandbox.close()


@pytest.fixture
def outcome(sandbox):
    def run(code, test="", **limits):
        job = {"code": code, "setup": "", "tests": [test]}
        return sandbox.run(job, Limits(**{"timeout_s": 5.0, **limits})).tests[0]

    return run


def test_time_is_limited_busy_or_asleep(outcome):
    for code in ("while True: pass", "import time; time.sleep(600)"):
        began = time.monotonic()
        assert "longer than 1 s" in outcome(code, timeout_s=1.0)
        assert time.monotonic() - began < 20


def test_memory_and_files_are_limited(outcome):
    assert "MemoryError" in outcome("x = bytearray(300 * 2**20)", memory_mb=200)
    assert outcome("x = bytearray(100 * 2**20)", memory_mb=400) is None
    assert outcome("open('big', 'wb').write(bytes(3 * 2**20))", file_mb=2) is not None
    assert outcome("open('small', 'wb').write(bytes(2**20))", file_mb=2) is None
    began = time.monotonic()
    many = "import time\nfor i in range(40):\n    open(str(i), 'wb').write(bytes(2**20))\ntime.sleep(60)"
    assert re.search("more than 8 MiB|No space left", outcome(many, file_mb=8, timeout_s=30.0))
    assert time.monotonic() - began < 20
    # A hole would count nothing, were it not for the limit on the file's size.
    assert outcome("open('hole', 'wb').truncate(2**40)", file_mb=2) is not None


ATTEMPTS = [
    "import socket; socket.socket()",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:PORT')",
    "import ctypes\nassert ctypes.CDLL(None).socket(2, 1, 0) >= 0",
    "import os\nif os.fork() == 0: os._exit(0)",
    "import subprocess; subprocess.run(['true'], check=True)",
    "import os; assert os.system('true') == 0",
    "import multiprocessing as m; p = m.Process(target=print); p.start(); p.join(); assert p.exitcode == 0",
    "import os; os.kill(PARENT, 0)",
    "import os, signal; os.kill(-1, 0)",
    "import os; os.pidfd_open(PARENT)",
    "import os; os.execv('/bin/true', ['true'])",
    "import os; os.environ['SECRET_FOR_TEST']",
    "open('FOLDER/new', 'w')",
    "open('FOLDER/kept').read(); open('FOLDER/kept', 'a')",
    "import os; os.remove('FOLDER/kept')",
    "import os; os.rename('FOLDER/kept', 'mine')",
    "import os; os.truncate('FOLDER/kept', 0)",
    "import os; os.mkdir('FOLDER/dir')",
    "import os; os.symlink('a', 'FOLDER/link')",
    "import os; os.chmod('FOLDER/kept', 0o777)",
    "import os; os.chown('FOLDER/kept', 1, 1)",
    "import os; os.utime('FOLDER/kept', (1, 1))",
    "import os; os.setxattr('FOLDER/kept', 'user.a', b'1')",
    "open('FOLDER/kept').read()",
    "import os; assert os.listdir('FOLDER')",
    "open('/etc/passwd').read()",
    "open('/proc/PARENT/environ').read()",
    "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
]


@pytest.mark.parametrize("where", ["graded", "grader"])
def test_what_code_may_not_do_fails(sandbox, tmp_path, monkeypatch, where):
    (tmp_path / "kept").write_text("kept")
    monkeypatch.setenv("SECRET_FOR_TEST", "1")
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []
    threading.Thread(target=lambda: seen.append(listener.accept()), daemon=True).start()
    names = {"PORT": str(listener.getsockname()[1]), "FOLDER": str(tmp_path), "PARENT": str(os.getpid())}
    tests = [re.sub("PORT|FOLDER|PARENT", lambda match: names[match[0]], attempt) for attempt in ATTEMPTS]
    code = "def attempt(text): exec(text, {})"
    asked = [f"attempt({test!r})" for test in tests] if where == "graded" else tests
    report = sandbox.run({"code": code, "setup": "", "tests": asked}, Limits(timeout_s=20.0))
    assert [attempt for attempt, failed in zip(ATTEMPTS, report.tests, strict=True) if failed is None] == []
    assert not any("ended" in failed or "longer" in failed for failed in report.tests), report.tests
    assert (tmp_path / "kept").read_text() == "kept" and [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert not seen
    listener.close()


def test_files_without_content_are_counted_too(outcome):
    """Hundreds of thousands of empty files fit into a few seconds."""
    said = outcome("n = 0\nwhile True:\n    open(str(n), 'w').close()\n    n += 1", timeout_s=30.0)
    assert re.search("more than 1,000 files|No space left", said), said
    for kind in ("os.mkdir(str(n))", "os.symlink('x', str(n))"):
        code = f"import os\nfor n in range({20 * MAX_FILES}): {kind}"
        assert outcome(code, timeout_s=30.0) is not None, kind
    assert outcome("for n in range(500): open(str(n), 'w').close()") is None


def test_folders_of_any_depth_are_removed(sandbox, outcome):
    deep = "import os\nfor n in range(3000):\n    os.mkdir('d' * 50)\n    os.chdir('d' * 50)"
    assert re.search("deep|more than|No space left", outcome(deep, timeout_s=20.0))
    shut = (
        "import os\nfor n in range(60):\n    os.mkdir('d')\n    os.chdir('d')\nos.mkdir('shut', 0)\nos.mkfifo('pipe')"
    )
    assert outcome(shut) is None
    assert outcome("import os\nassert os.listdir('.') == []") is None


@given(st.recursive(st.none(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=20))
@settings(max_examples=25)
def test_all_that_code_can_leave_is_removed(tree):
    def make(folder, inner):
        for name, below in (inner or {}).items():
            path = folder / name
            if below is None:
                path.symlink_to("/nowhere") if name == "c" else path.write_text("x")
            else:
                path.mkdir()
                make(path, below)
                path.chmod(0 if name == "b" else 0o700)

    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), tree)
        remove_all(folder)
        assert os.listdir(folder) == []


def test_a_thousand_folders_in_each_other_are_removed(tmp_path):
    """A path to the innermost is longer than the kernel takes, and a walk deeper than Python goes."""
    home = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(1_200):
            os.mkdir("d" * 20)
            os.chdir("d" * 20)
        Path("file").write_text("x")
    finally:
        os.chdir(home)
    remove_all(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("no-view" not in protections(), reason="this kernel gives no namespaces")
def test_what_is_outside_cannot_even_be_found(tmp_path):
    (tmp_path / "kept").write_text("kept")
    paths = [
        str(tmp_path),
        str(tmp_path / "kept"),
        "/etc/passwd",
        "/proc/1",
        __file__,
    ]
    code = "import os\ndef found(p): return os.path.lexists(p)\ndef top(): return os.listdir('/box')"
    tests = ["assert top() == ['box']", *(f"assert not found({path!r})" for path in paths)]
    sandbox = Sandbox()
    found = sandbox.run({"code": code, "setup": "", "tests": tests}).tests
    assert dict(zip(tests, found, strict=True)) == dict.fromkeys(tests)
    sandbox.close()


@pytest.mark.skipif(sys.platform != "linux", reason="System V's shared memory as Linux has it")
def test_shared_memory_and_queues_cannot_be_reached(outcome):
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(0, 4096, 0o1666)
    assert segment >= 0
    try:
        code = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_long\n"
        tests = [f"libc.shmat({segment}, 0, 0)", "libc.shmget(0, 4096, 0o1666)", f"libc.shmctl({segment}, 2, 0)",
                 "libc.semget(0, 1, 0o1666)", "libc.msgget(0, 0o1666)",
                 "libc.mq_open(b'/x', 66, 0o600, 0)"]  # fmt: skip
        for test in tests:
            assert outcome(code + f"assert {test} == -1") is None, test
    finally:
        libc.shmctl(segment, 0, None)


def test_output_and_answers_are_bounded(sandbox, outcome):
    case = {"code": "while True: print('x' * 10**6)", "setup": "", "cases": [{"input": "", "output": "x"}]}
    assert "printed" in sandbox.run(case, Limits(timeout_s=20.0, file_mb=2)).tests[0]
    silent = {**case, "code": "import os\nwhile True: os.write(2, b'x' * 10**6)"}
    assert "longer" in sandbox.run(silent, Limits(timeout_s=1.0)).tests[0]
    assert outcome("def f():\n    print('x' * 10**7)\n    return 1", "assert f() == 1") is None
    assert outcome("def f(): return 'x' * 7 * 10**7", "assert f()") is not None


def test_processes_and_threads_are_bounded(outcome):
    assert "PermissionError" in outcome("import os\nwhile True: os.fork()")
    threads = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()"
    assert outcome(threads, memory_mb=200) is not None


def test_a_sandbox_whose_process_was_killed_says_so_and_goes_on(sandbox):
    from whet.rewards.sandbox.running import SandboxFailed

    job = {"code": "x = 1", "setup": "", "tests": ["assert x == 1"]}
    assert sandbox.run(job).tests == (None,)
    nursery = sandbox._idle.queue[-1]
    nursery._process.kill()
    with pytest.raises(SandboxFailed):
        sandbox.run(job)
    assert sandbox.run(job).tests == (None,)


def test_jobs_run_side_by_side(sandbox):
    found = {}

    def run(number):
        job = {"code": f"def f(): return {number}", "setup": "", "tests": [f"assert f() == {number}"]}
        found[number] = [sandbox.run(job).tests for _ in range(3)]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(sum(map(tuple, found.values()), ())) == {(None,)} and len(found) == 4


def test_what_a_job_wrote_is_not_there_for_the_next(outcome):
    for left in (
        "open('a', 'w').close()",
        "import os; os.mkdir('b')",
        "open('c', 'w').close()\nimport os; os.remove('c')",
    ):
        assert outcome(left) is None
        assert outcome("import os; assert os.listdir('.') == []") is None, left


def test_nothing_stays_behind():
    before = set(os.listdir(tempfile.gettempdir()))
    own = Sandbox()
    assert own.run({"code": "open('left', 'w').write('x')", "setup": "", "tests": [""]}).tests == (None,)
    own.close()
    assert not [name for name in set(os.listdir(tempfile.gettempdir())) - before if name.startswith("whet-code-")]


def test_code_ends_with_the_one_that_waits_for_it(tmp_path):
    waiting = (
        "import sys, threading\nfrom whet.rewards.sandbox.running import Limits, Sandbox\n"
        "code = 'import time; open(chr(97), chr(119)); time.sleep(600)'\n"
        "job = {'code': code, 'setup': '', 'tests': ['']}\n"
        "threading.Thread(target=Sandbox(apart=False).run, args=(job, Limits(600.0)), daemon=True).start()\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE, env=environment):
        _until(lambda: any(tmp_path.glob("*/box/a")))  # the code has begun
        assert str(tmp_path) in _commands()
    _until(lambda: str(tmp_path) not in _commands())


def _until(holds: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + 20
        time.sleep(0.05)


def _commands() -> str:
    """The command lines of all processes."""
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += path.read_bytes()
    return found.decode(errors="replace")

"""A model's code against tests: what passes, what must not, and what it may not do to this machine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.rewards.code import code_in
from whet.rewards.sandbox.running import Limits, protections, run

GOOD = "def add(a, b):\n    return a + b\n"
TESTS = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add('a', 'b') == 'ab'"]

pytestmark = pytest.mark.skipif(
    set(protections()) < {"no-network", "no-writes"}, reason="this machine cannot shut in foreign code"
)


def score(completion: str, row: dict, **settings) -> float:
    return reward.get("python-tests").build(**settings)([], [completion], row)[0]


def outcome(code: str, test: str = "", **limits):
    return run({"code": code, "setup": "", "tests": [test]}, 1, Limits(**{"timeout_s": 5.0, **limits})).tests[0]


@pytest.mark.parametrize(
    ("completion", "settings", "expected"),
    [
        (f"Here:\n```python\n{GOOD}```\nDone.", {}, 1),
        (GOOD, {}, 1),
        (f"```python\nraise 1\n```\nno, rather\n```python\n{GOOD}```", {}, 1),
        (f"<think>```python\nx\n```</think>\n```py\n{GOOD}\n```", {}, 1),
        (f"```python\n{GOOD}", {}, 1),
        ("```python\ndef add(a, b):\n    return abs(a) + b\n```", {}, 0),
        ("def add(a, b): return 3", {"score": "share"}, 1 / 3),
        ("def add(a, b): return (", {"score": "share"}, 0),
        ("", {}, 0),
        ("I cannot do that.", {}, 0),
    ],
)
def test_code_is_scored_by_the_tests_it_passes(completion, settings, expected):
    assert score(completion, {"tests": TESTS}, **settings) == pytest.approx(expected)


def test_human_eval_s_check_and_setup_code():
    row = {
        "tests": "def check(candidate):\n    assert candidate(2, 3) == 5\n",
        "entry_point": "add",
        "test_setup": "import math",
    }
    assert score(GOOD, row) == 1
    assert score("def add(a, b): return a", row) == 0
    assert score("def plus(a, b): return a + b", row) == 0
    assert score("def add(a, b): return int(math.fsum([a, b]))", row) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(sum(map(int, input().split())))", 1),
        ("import sys\nsys.stdout.write(str(sum(map(int, sys.stdin.read().split()))) + '  \\n\\n')", 1),
        ("print(sum(int(x) for x in open(0).read().split()))", 1),
        ("import sys\nsys.stdout.buffer.write(str(sum(map(int, sys.stdin.buffer.read().split()))).encode())", 1),
        ("if __name__ == '__main__':\n    print(sum(map(int, input().split())))\n    exit()", 1),
        ("print(3)", 0.5),
        ("exit(1)", 0),
        ("pass", 0),
    ],
)
def test_programs_are_run_on_each_input(code, expected):
    cases = [{"input": "1 2\n", "output": "3\n"}, {"input": "5 6\n", "output": 11}]
    assert score(code, {"tests": cases}, score="share") == expected
    assert score(code, {"tests": '{"inputs": ["1 2"], "outputs": ["3"]}'}) == float(expected >= 0.5)


def test_rows_without_tests_are_errors():
    for tests, said in [(None, "has no `tests`"), ([], "neither code nor a list"), ([1, "a"], "mixes kinds")]:
        with pytest.raises(ValueError, match=said):
            score(GOOD, {"tests": tests})


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "raise SystemExit",
        "print('ok'); print('{\"test\": 0, \"failed\": null}')",
        "import os, contextlib\nfor d in range(3, 64):\n  with contextlib.suppress(OSError):\n"
        '    os.write(d, b\'{"test": 0, "failed": null}\\n\')',
        "class Any:\n    def __eq__(self, other): return True\ndef add(a, b): return Any()",
        "class Any(list):\n    def __eq__(self, other): return True\ndef add(a, b): return Any()",
        "import threading, time\nthreading.Thread(target=lambda: time.sleep(600)).start()",
        "def add(a, b): raise KeyboardInterrupt",
        "def add(a, b): return add(a, b)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import ctypes; ctypes.string_at(0)",
        "import __main__\n__main__._honest = lambda *a: True\ndef add(a, b): return 4",
        "import __main__\n__main__._attempt = lambda *a, **k: None\ndef add(a, b): return 4",
    ],
)
def test_no_trick_passes_a_test(code):
    assert score(code, {"tests": ["assert add(1, 2) == 3"]}, timeout_s=5.0) == 0


def test_equality_of_the_code_s_own_classes_still_counts():
    code = "class P:\n    def __init__(s, x): s.x = x\n    def __eq__(s, o): return s.x == o.x\ndef f(x): return P(x)"
    assert outcome(code, "assert f(1) == P(1) and f(1) != P(2)") is None
    assert outcome(code, "assert f(1) == P(2)") is not None


def test_time_is_limited_busy_or_asleep():
    for code in ("while True: pass", "import time; time.sleep(600)"):
        began = time.monotonic()
        assert "longer than 1 s" in outcome(code, timeout_s=1.0)
        assert time.monotonic() - began < 20


def test_tests_that_passed_before_time_was_up_count():
    tests = ["assert f(1) == 1", "f(0)", "assert f(2) == 2"]
    code = "def f(x):\n    while not x: pass\n    return x"
    report = run({"code": code, "setup": "", "tests": tests}, 3, Limits(timeout_s=1.0))
    assert report.tests[0] is None and None not in report.tests[1:]


def test_memory_and_files_are_limited(tmp_path):
    assert "MemoryError" in outcome("x = bytearray(300 * 2**20)", memory_mb=200)
    assert outcome("x = bytearray(100 * 2**20)", memory_mb=400) is None
    assert outcome("open('big', 'wb').write(bytes(3 * 2**20))", file_mb=2) is not None
    assert outcome("open('small', 'wb').write(bytes(2**20))", file_mb=2) is None
    began = time.monotonic()
    many = "import time\nfor i in range(40):\n    open(str(i), 'wb').write(bytes(2**20))\ntime.sleep(60)"
    assert "more than 8 MiB" in outcome(many, file_mb=8, timeout_s=30.0) and time.monotonic() - began < 20
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


def test_what_code_may_not_do_fails(tmp_path, monkeypatch):
    (tmp_path / "kept").write_text("kept")
    monkeypatch.setenv("SECRET_FOR_TEST", "1")
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []
    threading.Thread(target=lambda: seen.append(listener.accept()), daemon=True).start()
    names = {"PORT": str(listener.getsockname()[1]), "FOLDER": str(tmp_path), "PARENT": str(os.getpid())}
    tests = [re.sub("PORT|FOLDER|PARENT", lambda match: names[match[0]], attempt) for attempt in ATTEMPTS]
    report = run({"code": "", "setup": "", "tests": tests}, len(tests), Limits(timeout_s=20.0))
    assert [attempt for attempt, failed in zip(ATTEMPTS, report.tests, strict=True) if failed is None] == []
    assert not any("ended" in failed or "longer" in failed for failed in report.tests), report.tests
    assert (tmp_path / "kept").read_text() == "kept" and [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert not seen
    listener.close()


def test_threads_and_files_of_its_own_work():
    code = "import threading\nfound = []\nt = threading.Thread(target=found.append, args=(1,)); t.start(); t.join()"
    assert outcome(code, "assert found == [1]") is None
    assert (
        outcome(
            "open('a', 'w').write('x')\nimport os\nos.mkdir('d'); os.rename('a', 'd/b')",
            "assert open('d/b').read() == 'x'",
        )
        is None
    )


def test_nothing_stays_behind():
    import tempfile

    before = set(os.listdir(tempfile.gettempdir()))
    assert outcome("open('left', 'w').write('x')") is None
    assert not [name for name in set(os.listdir(tempfile.gettempdir())) - before if name.startswith("whet-code-")]


def test_a_machine_that_cannot_shut_code_in_is_told_so(monkeypatch):
    monkeypatch.setattr("whet.rewards.sandbox.running.protections", lambda: ("limits",))
    with pytest.raises(ConfigError, match=r"cannot shut in a model's code \(no-network, no-writes"):
        reward.get("python-tests").build()
    reward.get("python-tests").build(unprotected=True)


def test_the_last_python_block_is_the_code():
    assert code_in("```python\na\n```\n```python\nb\n```\n```text\nc\n```") == "b"
    assert code_in("```\na\n```") == "a"
    assert code_in("a = 1") == "a = 1"


def test_code_ends_with_the_one_that_waits_for_it(tmp_path):
    waiting = (
        "import sys, threading\nfrom whet.rewards.sandbox.running import Limits, run\n"
        "code = 'import time; open(chr(97), chr(119)); time.sleep(600)'\n"
        "job = {'code': code, 'setup': '', 'tests': ['']}\n"
        "threading.Thread(target=run, args=(job, 1, Limits(600.0)), daemon=True).start()\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE, env=environment):
        _until(lambda: any(tmp_path.glob("*/a")))  # the code has begun
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

"""A model's code against tests: what passes, what must not, and what it may not do to this machine."""

from __future__ import annotations

import pytest

from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.rewards.code import code_in
from whet.rewards.sandbox.running import Limits, Sandbox, protections

GOOD = "def add(a, b):\n    return a + b\n"
TESTS = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add('a', 'b') == 'ab'"]

pytestmark = pytest.mark.skipif(
    set(protections()) < {"no-network", "no-writes"}, reason="this machine cannot shut in foreign code"
)


@pytest.fixture(scope="module", autouse=True)
def sandbox():
    global SANDBOX
    SANDBOX = Sandbox()
    yield
    SANDBOX.close()


def run(job, limits):
    return SANDBOX.run(job, limits)


def score(completion: str, row: dict, **settings) -> float:
    return reward.get("python-tests").build(**settings)([], [completion], row)[0]


def outcome(code: str, test: str = "", **limits):
    return run({"code": code, "setup": "", "tests": [test]}, Limits(**{"timeout_s": 5.0, **limits})).tests[0]


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


def test_tests_that_passed_before_time_was_up_count():
    tests = ["assert f(1) == 1", "f(0)", "assert f(2) == 2"]
    code = "def f(x):\n    while not x: pass\n    return x"
    report = run({"code": code, "setup": "", "tests": tests}, Limits(timeout_s=1.0))
    assert report.tests[0] is None and None not in report.tests[1:]


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


def test_a_machine_that_cannot_shut_code_in_is_told_so(monkeypatch):
    monkeypatch.setattr("whet.rewards.sandbox.running.protections", lambda: ("limits",))
    with pytest.raises(ConfigError, match=r"cannot shut in a model's code \(no-network, no-writes"):
        reward.get("python-tests").build()
    reward.get("python-tests").build(unprotected=True)


def test_the_last_python_block_is_the_code():
    assert code_in("```python\na\n```\n```python\nb\n```\n```text\nc\n```") == "b"
    assert code_in("```\na\n```") == "a"
    assert code_in("a = 1") == "a = 1"

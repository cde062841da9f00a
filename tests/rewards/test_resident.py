"""A grader that stays: it grades as one that is forked for each job, and only tests that leave nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rewards.programs import FORGED, FORMS, HONEST, PAIRS, SETUP, TREES
from whet.rewards.sandbox import running
from whet.rewards.sandbox.running import Limits, Sandbox, protections
from whet.rewards.sandbox.traceless import are_traceless

LINUX = pytest.mark.skipif(
    set(protections()) < {"no-network", "no-writes"}, reason="this machine cannot shut in foreign code"
)
ADD = "def add(a, b): return a + b"


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


HARMLESS = [
    "assert add(1, 2) == 3",
    "def check(candidate):\n    for x in range(3):\n        assert candidate([x], k=2) == [(1, 2)]",
    "import math\nassert math.isclose(add(0.1, 0.2), 0.3)",
    "from collections import Counter\nassert Counter(f('aab')) == {'a': 2, 'b': 1}",
    "from solution import add\nassert add(1, 2) == 3",
    "try:\n    add(None, 1)\n    raise ValueError\nexcept TypeError as error:\n    assert 'None' in str(error)",
    "class Node:\n    def __init__(self, v):\n        self.v = v\nassert f(Node(1)).v == 1",
    "s = Stack()\ns.push(1)\nassert s.pop() == 1 and type(s).__name__ == 'Stack'",
    "assert sorted(map(lambda x: -x, f([3, 1]))) == [-3, -1] and f'{f([1])}' == '[1]'",
]
HARMFUL = [
    "import os\nos.environ['a'] = 'b'",
    "assert os.getcwd()",
    "import random\nrandom.seed(0)",
    "from random import *",
    "import sys\nsys.setrecursionlimit(10)",
    "sys.stdin = None",
    "from unittest.mock import patch",
    "import builtins\nbuiltins.input = lambda: '1'",
    "__builtins__['input'] = None",
    "input = lambda: '1'\nassert input() == '1'",
    "exec('x = 1')",
    "setattr(add, 'x', 1)",
    "add.x = 1",
    "math.pi = 3",
    "self = math\nself.pi = 3",
    "import typing\ntyping.sys.setrecursionlimit(150)",
    "import copy\ncopy.copyreg.dispatch_table[int] = print",
    "globals()['x'] = 1",
    "assert (lambda: 0).__globals__",
    "g = (x for x in f())\ng.gi_frame.f_builtins['len'] = None",
    "shuffle([1, 2])",
    "getcontext().prec = 3",
    "from decimal import getcontext\nassert f()",
    "import collections.abc\ncollections.abc.Sized.register(int)",
    "class A(metaclass=type): pass",
    "with open('a') as file: pass",
    "global x\nx = 1",
    "del add",
    "import numpy as np\nnp.random.seed(0)",
    "assert np.allclose(f(), 1)",
    "async def f(): pass",
    "this is no Python",
    "x = 1\n" * 100_000,
    "(" * 5_000,
]


@pytest.mark.parametrize("text", HARMLESS)
def test_tests_that_only_compute_may_share_a_process(text):
    assert are_traceless(("", text))


@pytest.mark.parametrize("text", HARMFUL)
def test_tests_that_may_leave_something_behind_get_their_own(text):
    assert not are_traceless(("", text)) and not are_traceless((text, "assert True"))
    assert not are_traceless(("", "assert f() == 1", text))


@LINUX
def test_the_grader_stays_for_tests_that_leave_nothing_behind(sandbox):
    graders = [grader_after(sandbox, "assert add(1, 2) == 3") for _ in range(3)]
    assert len(set(graders)) == 1
    assert grader_after(sandbox, "import os\nassert add(1, 2) == 3") == graders[0]
    assert sandbox.run({"code": ADD, "setup": "", "tests": ["assert 1 == 1"]}, Limits(memory_mb=600)).tests == (None,)
    assert grader_after(sandbox, "assert add(1, 2) == 3") != graders[0]  # other limits


@LINUX
def test_what_code_does_to_the_link_or_to_time_costs_its_own_job_alone(sandbox):
    honest, asked = {"code": ADD, "setup": ""}, ["assert add(1, 2) == 3", "assert add(0, 2) == 2"]
    for name in (
        "every descriptor",
        "a message of its own",
        "exit",
        "killed",
        "endless",
        "an object of the tests by number",
    ):
        assert None not in sandbox.run({**honest, "code": FORGED[name], "tests": asked}, Limits(timeout_s=1.0)).tests
        assert sandbox.run({**honest, "tests": asked}, Limits(timeout_s=20.0)).tests == (None, None), name


@LINUX
def test_a_solution_is_gone_when_the_next_job_begins(sandbox):
    job = {"code": ADD, "setup": "", "tests": ["from solution import add\nassert add(1, 2) == 3"]}
    assert sandbox.run(job, Limits(timeout_s=20.0)).tests == (None,)
    with pytest.raises(ValueError, match="solution"):
        sandbox.run({**job, "setup": "from solution import add"}, Limits(timeout_s=20.0))


FORMED = {name: {"setup": SETUP, "tests": tests, "entry_point": "add"} for name, tests in FORMS.items()}
ASKED = {name: {"setup": TREES, "tests": [*right, *wrong]} for name, (_, right, wrong) in PAIRS.items()}
QUICK = sorted(set(FORGED) - {"endless", "sleeps", "much"})
codes = st.sampled_from([*(FORGED[name] for name in QUICK), *HONEST.values()])
jobs = st.one_of(
    st.builds(lambda code, form: {"code": code, **FORMED[form]}, codes, st.sampled_from(sorted(FORMS))),
    st.sampled_from([{"code": code, **ASKED[name]} for name, (code, _, _) in PAIRS.items()]),
)


@LINUX
@settings(max_examples=6)
@given(given=st.lists(jobs, min_size=3, max_size=6))
def test_jobs_in_any_order_are_graded_as_each_in_processes_of_its_own(sandbox, monkeypatch_module, given):
    found = [sandbox.run(job, Limits(timeout_s=20.0)).tests for job in given]
    with monkeypatch_module.context() as patch:
        patch.setattr(running, "are_traceless", lambda texts: False)
        alone = [sandbox.run(job, Limits(timeout_s=20.0)).tests for job in given]
    assert [[test is None for test in tests] for tests in found] == [
        [test is None for test in tests] for tests in alone
    ]


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def grader_after(sandbox, test):
    """The number of the process that stays, once a test has run."""
    assert sandbox.run({"code": ADD, "setup": "", "tests": [test]}, Limits(timeout_s=20.0)).tests == (None,)
    nursery = sandbox._idle.queue[-1]._process.pid
    (stays,) = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal() and parent(path) == nursery]
    return stays


def parent(process):
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return os.getpid()

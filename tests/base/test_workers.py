"""Calls in processes of their own: values, exceptions, hangs, exits, and files that are no modules."""

from __future__ import annotations

import os
import re
import time

import pytest

from whet.base.catalogue import optimizer
from whet.base.errors import ConfigError
from whet.base.user_code import load_file
from whet.base.workers import Workers, failure

BAD = """
import os, time
def double(x):
    print("noise on stdout")
    return 2 * x
def hang(): time.sleep(600)
def leave(): os._exit(3)
def soft(): raise SystemExit("bye")
def fail(): raise KeyError("no such thing")
def odd(): return lambda: 1
def pid(): return os.getpid()
"""


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    file = tmp_path_factory.mktemp("workers") / "bad.py"
    file.write_text(BAD)
    module = load_file("bad_for_workers", str(file))
    functions = {name: getattr(module, name) for name in ("double", "hang", "leave", "soft", "fail", "odd", "pid")}
    pool = Workers(functions, num=2, files={"bad_for_workers": str(file)})
    yield pool
    pool.close()


def outcome(workers, name, *arguments, timeout_s=60.0):
    return workers.submit(name, arguments, timeout_s).result()


def test_values_come_back_though_the_function_prints(workers):
    assert [outcome(workers, "double", x).value for x in (1, "a", [2])] == [2, "aa", [2, 2]]


@pytest.mark.parametrize(
    ("name", "reason", "message"),
    [
        ("fail", "KeyError", r"KeyError: 'no such thing' \(bad.py:9\)"),
        ("leave", "died", "its process ended with 3"),
        ("soft", "SystemExit", r"it called exit\(bye\)"),
        ("odd", "(AttributeError|PicklingError)", "pickle"),
    ],
)
def test_what_goes_wrong_is_an_outcome_and_the_next_call_works(workers, name, reason, message):
    found = outcome(workers, name)
    assert re.fullmatch(reason, found.reason) and re.search(message, found.message)
    assert outcome(workers, "double", 4).value == 8


def test_a_hung_call_is_killed_and_the_next_one_has_a_new_process(workers):
    before = {outcome(workers, "pid").value for _ in range(4)}
    began = time.monotonic()
    assert outcome(workers, "hang", timeout_s=0.3).reason == "timeout"
    assert time.monotonic() - began < 30
    after = {outcome(workers, "pid").value for _ in range(4)}
    killed = before - after
    assert all(not _lives(pid) for pid in killed)
    assert outcome(workers, "double", 4).value == 8


def test_functions_that_cannot_be_loaded_are_an_outcome(tmp_path):
    file = tmp_path / "gone.py"
    file.write_text("def f(): return 1\n")
    module = load_file("gone_for_workers", str(file))
    file.write_text("raise ValueError('broken since')\n")
    pool = Workers({"f": module.f}, num=1, files={"gone_for_workers": str(file)})
    try:
        assert "broken since" in pool.submit("f", (), 60.0).result().message
    finally:
        pool.close()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_mistake_is_quoted_without_its_hint_and_without_a_place_in_whet():
    with pytest.raises(ConfigError) as error:
        optimizer.get("adamv")
    assert error.value.hint
    outcome = failure(error.value)
    assert outcome.reason == "ConfigError" and "adamv" in outcome.message
    assert "hint" not in outcome.message and ".py:" not in outcome.message

"""The grader: weights, failures of every kind by name, and a run that stops rather than learn from nothing."""

from __future__ import annotations

import time

import pytest

from whet.base.config import from_mapping
from whet.base.errors import ConfigError, RunError
from whet.base.rewards import Rewards
from whet.base.slots import load_plugin
from whet.contracts.rewards import Task
from whet.rewards.build import build_grader, required_columns
from whet.rewards.limit import WINDOW, FailureLimit

USER = """
import math, os, time
def value(completion): return float(completion)
def odd(completion):
    if completion == "hang": time.sleep(600)
    if completion == "die": os._exit(9)
    if completion == "raise": raise KeyError("gone")
    return {"nan": math.nan, "inf": math.inf, "none": None, "text": "high"}.get(completion, 1)
def rank(completions): return [sorted(completions).index(c) for c in completions]
def where(completion): return float(os.getpid())
"""
ASKED = [{"role": "user", "content": "how much?"}]


@pytest.fixture
def grade(tmp_path):
    """Grade tasks by a list of rewards as a config has it; `FILE` stands for a file of functions."""
    file, open_graders = tmp_path / "rewards.py", []
    file.write_text(USER)

    def run(rewards, tasks, **settings):
        text = [_filled(entry, f"{file}") for entry in rewards]
        grader = build_grader(Rewards.model_validate({"functions": text, "workers": 2, **settings}))
        open_graders.append(grader)
        return grader.grade([Task(ASKED, completions, row) for completions, row in tasks])

    yield run
    for grader in open_graders:
        grader.close()


def _filled(entry, file):
    if isinstance(entry, str):
        return entry.replace("FILE", file)
    return {key: _filled(value, file) if isinstance(value, str) else value for key, value in entry.items()}


def test_the_total_is_the_weighted_sum_and_each_score_has_its_name(grade):
    rewards = ["FILE:value", {"kind": "length", "most": 0, "margin": 10, "weight": 0.5}, {"kind": "exact", "weight": 2}]
    grading = grade(rewards, [(["3", "4"], {"answer": "4"}), (["5"], {"answer": "6"})])
    first, second = grading.grades
    assert first.scores == {"value": (3.0, 4.0), "length": (-0.1, -0.1), "exact": (0.0, 1.0)}
    assert first.totals == pytest.approx((3 - 0.05, 4 - 0.05 + 2))
    assert second.totals == pytest.approx((5 - 0.05,))
    assert grading.failures == {} and grading.examples == {}


def test_everything_that_can_go_wrong_is_counted_by_name_and_costs_no_other_completion(grade):
    said = ["fine", "hang", "die", "raise", "nan", "inf", "none", "text", "fine"]
    grading = grade([{"function": "FILE:odd", "timeout_s": 1.0}], [(said, {})])
    assert grading.grades[0].totals == (1.0, None, None, None, None, None, None, None, 1.0)
    assert grading.failures["odd"] == {"timeout": 1, "died": 1, "KeyError": 1, "not finite": 2, "ValueError": 1}
    assert grading.examples["odd"].endswith("asked 'how much?', the model said 'hang'")


def test_a_reward_that_abstains_leaves_the_others(grade):
    grading = grade(["FILE:odd", "FILE:value"], [(["none"], {})])
    assert grading.grades[0].totals == (None,)
    grading = grade(["FILE:odd", {"kind": "regex", "pattern": "n"}], [(["none"], {})])
    assert grading.grades[0].totals == (1.0,) and grading.failures == {}


def test_a_function_of_all_completions_sees_them_together(grade):
    assert grade(["FILE:rank"], [(["b", "a", "c"], {})]).grades[0].totals == (1.0, 0.0, 2.0)


def test_where_limits_a_reward_to_its_rows(grade):
    rewards = [{"kind": "exact", "where": {"task": "word"}}, {"kind": "math", "where": {"task": "sum"}}]
    grading = grade(rewards, [(["4.0"], {"task": "sum", "answer": "4"}), (["4.0"], {"task": "word", "answer": "4"})])
    assert [g.totals for g in grading.grades] == [(1.0,), (0.0,)]
    assert [g.scores["exact"] for g in grading.grades] == [(None,), (0.0,)]


def test_calls_run_side_by_side_in_other_processes(grade):
    import os

    totals = grade(["FILE:where"], [(["x"] * 20, {})], workers=2).grades[0].totals
    assert os.getpid() not in totals and 1 <= len(set(totals)) <= 2


def test_a_pattern_that_never_ends_is_a_timeout(grade):
    began = time.monotonic()
    rewards = [{"kind": "regex", "pattern": "(a+)+$", "timeout_s": 0.5, "name": "slow"}]
    grading = grade(rewards, [(["a" * 60 + "b", "aa"], {})])
    assert grading.failures == {"slow": {"timeout": 1}}
    assert grading.grades[0].totals == (None, 1.0)
    assert time.monotonic() - began < 30


PLUGIN = """
from whet.base.catalogue import reward
class Vowels:
    def __init__(self, factor): self.factor = factor
    def __call__(self, prompt, completions, row):
        return [self.factor * sum(letter in "aeiou" for letter in text) for text in completions]
@reward("vowels")
def vowels(*, factor: float = 1.0):
    "Counts vowels."
    return Vowels(factor)
@reward("closure")
def closure():
    "A function that cannot be pickled."
    return lambda prompt, completions, row: [7.0 for _ in completions]
"""


def test_rewards_of_a_plugin_run_too_pickled_or_not(grade, tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    load_plugin(tmp_path / "plugin.py")
    grading = grade([{"kind": "vowels", "factor": 2}, "closure"], [(["aeb"], {})])
    assert grading.failures == {}
    assert grading.grades[0].scores == {"vowels": (4.0,), "closure": (7.0,)}


def failing(share, num, name="odd"):
    from whet.contracts.rewards import Grades, Grading

    failed = round(share * num)
    failures = {name: {"timeout": failed}} if failed else {}
    return Grading((Grades((1.0,) * num, {name: (1.0,) * num}),), failures, {name: "asked 'a'"} if failed else {})


def test_a_run_stops_when_more_than_the_share_of_the_last_completions_failed():
    limit = FailureLimit(0.1)
    for _ in range(40):
        limit.check(failing(0.0625, 32))
    for _ in range(3):
        limit.check(failing(0.125, 32))
    with pytest.raises(RunError, match=r"`odd` failed on \d+ of the last completions: timeout") as error:
        for _ in range(WINDOW // 32):
            limit.check(failing(0.25, 32))
    assert "asked 'a'" in error.value.message


def test_a_step_on_which_all_failed_stops_at_once_and_a_few_at_the_start_do_not():
    limit = FailureLimit(0.1)
    limit.check(failing(0.5, 8))
    with pytest.raises(RunError, match="failed on 8 of 8 completions"):
        limit.check(failing(1.0, 8))


def test_failures_long_ago_are_forgotten():
    limit = FailureLimit(0.1)
    for _ in range(20):
        limit.check(failing(0.08, 100))
        for _ in range(3):
            limit.check(failing(0, 100))


def test_the_config_takes_names_functions_and_mappings(tmp_path):
    data = {"model": "m", "rewards": ["math", "r.py:f", {"kind": "length", "most": 5, "weight": 0.2, "name": "short"}]}
    functions = from_mapping(data).run.rewards.functions
    assert [(f.reward.kind, f.weight, f.name) for f in functions] == [
        ("math", 1.0, None), ("file", 1.0, None), ("length", 0.2, "short"),
    ]  # fmt: skip
    assert functions[1].reward.function == "r.py:f" and functions[2].reward.most == 5
    assert from_mapping({"model": "m", "rewards": "math"}).run.rewards.functions[0].reward.kind == "math"


def test_a_resolved_config_is_read_back_as_it_was():
    data = {"model": "m", "rewards": [{"kind": "regex", "pattern": "a", "where": {"k": 1}}]}
    run = from_mapping(data).run
    assert from_mapping(run.model_dump(mode="json")).run == run


@pytest.mark.parametrize(
    ("rewards", "said"),
    [
        ([{"kind": "maths"}], "unknown reward `maths`"),
        ([{"kind": "length", "mots": 5}], "mots"),
        ([{"kind": "regex"}], "pattern"),
        ([{"kind": "math", "weight": "much"}], "weight"),
    ],
)
def test_a_reward_that_is_none_is_refused_by_the_config(rewards, said):
    with pytest.raises(ConfigError, match=said):
        from_mapping({"model": "m", "rewards": rewards})


def test_names_are_told_apart():
    grader = build_grader(Rewards.model_validate(["math", "math", {"kind": "regex", "pattern": "a", "name": "b"}]))
    assert grader.names == ("math", "math-2", "b")
    with pytest.raises(ConfigError, match="two rewards are called `b`"):
        build_grader(Rewards.model_validate([{"kind": "exact", "name": "b"}, {"kind": "math", "name": "b"}]))
    with pytest.raises(ConfigError, match="nothing that grades"):
        build_grader(Rewards())


def test_columns_that_every_row_needs():
    rewards = Rewards.model_validate(["math", {"kind": "regex", "pattern": "a"}, {"kind": "exact", "where": {"k": 1}}])
    assert required_columns(rewards) == {"answer": "math"}


def test_a_time_that_a_kind_limits_itself_is_that_kind_s(grade):
    rewards = [{"kind": "python-tests", "timeout_s": 1.0, "unprotected": True}, {"kind": "math", "timeout_s": 7.0}]
    entries = Rewards.model_validate({"functions": rewards}).functions
    assert (entries[0].reward.timeout_s, entries[0].timeout_s) == (1.0, None)
    assert entries[1].timeout_s == 7.0
    grading = grade(rewards[:1], [(["while True: pass", "x = 1"], {"tests": ["assert x"]})])
    assert (
        grading.grades[0].totals == (0.0, 1.0) and grading.failures == {}
    )  # code that never ends is wrong, no failure


def test_what_is_no_score_is_quoted(grade):
    grading = grade(["FILE:odd"], [(["text"], {})])
    assert grading.examples["odd"].startswith("ValueError: a score is 'high', which is no number; asked")


@pytest.mark.case("A6")
@pytest.mark.parametrize("said", ["raise", "hang", "die", "nan", "text"])
def test_an_answer_on_which_one_of_two_rewards_fails_is_left_out(grade, said):
    """The rest of the sum would be another reward: 1 for an answer that earned 6."""
    both = ["FILE:odd", {"kind": "regex", "pattern": ".", "weight": 5}]
    both[0] = {"function": "FILE:odd", "timeout_s": 1.0}
    grading = grade(both, [(["fine", said], {})])
    assert grading.grades[0].totals == (6.0, None)
    assert grading.grades[0].scores["regex"] == (1.0, 1.0)
    assert sum(grading.failures["odd"].values()) == 1


@pytest.mark.case("A6")
def test_a_reward_that_waits_too_long_in_a_thread_leaves_its_answer_out(grade, tmp_path):
    (tmp_path / "plugin.py").write_text(
        "import time\nfrom whet.base.catalogue import reward\n"
        "@reward('waits')\ndef waits():\n    'Waits, as a judge or a sandbox may.'\n"
        "    return lambda prompt, completions, row: [time.sleep(600 * (c == 'hang')) or 1.0 for c in completions]\n"
    )
    load_plugin(tmp_path / "plugin.py")
    grading = grade(
        [{"kind": "waits", "timeout_s": 0.3}, {"kind": "regex", "pattern": "."}], [(["hang"], {}), (["fine"], {})]
    )
    assert [g.totals for g in grading.grades] == [(None,), (2.0,)]
    assert grading.failures == {"waits": {"timeout": 1}}


@pytest.mark.case("A6")
def test_a_failed_reward_without_weight_is_only_shown(grade):
    grading = grade([{"function": "FILE:odd", "weight": 0}, {"kind": "regex", "pattern": "r"}], [(["raise"], {})])
    assert grading.grades[0].totals == (1.0,) and grading.failures["odd"] == {"KeyError": 1}


@pytest.mark.case("A7")
def test_a_sum_of_nothing_but_rounding_is_nothing(grade):
    parts = [{"kind": "regex", "pattern": ".", "weight": weight} for weight in (0.1, 0.2, -0.3)]
    assert grade(parts, [(["a"], {})]).grades[0].totals == (0.0,)

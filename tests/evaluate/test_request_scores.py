"""A sample of recorded requests is graded once, by a judge or any reward, and its scores stand beside the requests."""

from __future__ import annotations

import json
import re

import pytest

from tests.generate.server import serving
from tests.track.reading.recorded import request, written
from whet.base.errors import ConfigError
from whet.base.rewards import Rewards
from whet.cli.main import main
from whet.evaluate.request_scores import score_requests
from whet.track.reading.query import parse
from whet.track.reading.request_table import RequestTable
from whet.track.reading.score_curves import score_curves
from whet.track.reading.store import history

ALL = parse("")
LENGTH = Rewards.model_validate([{"kind": "length", "most": 2}])


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "shop"
    long = [request(n, "count", "one two three", version=f"m/{1 + n // 20}") for n in range(40)]
    written(folder, [*long, request(41, "kept without its text"), request(42, "two", "one", "one two three")])
    return folder


@pytest.fixture
def judge():
    """A judge that gives a reply its number of words."""

    def answer(path, body):
        reply = re.search(r"<reply (\w+)>\n(.*)\n</reply \1>", body["messages"][1]["content"], re.DOTALL)[2]
        return f"It has words.\nScore: {len(reply.split())}", [], "stop", 1

    with serving(answer) as server:
        yield server


def test_a_judge_scores_each_answer_and_its_prompt_words_and_cost_are_kept(run, judge):
    rewards = Rewards.model_validate([{"kind": "judge", "url": judge.url, "rubric": "Count the words."}])
    told = score_requests(run, rewards, ALL, price=lambda prompt, answer: prompt + 1000.0)
    assert told.num == 41 and told.sums["judge"][1] == pytest.approx(40 * 0.3 + 0.2)
    assert told.left_out == {"have no text (whet serve --record-text keeps it)": 1}
    table = RequestTable(run)
    [scoring] = table.scores.scorings()
    assert scoring.num == 41 and scoring.cost == pytest.approx(told.cost) and told.cost >= 41_000
    assert "Count the words." in scoring.about["prompts"]["judge"]
    assert scoring.about["rewards"]["judge"]["url"] == judge.url
    assert table.scores.of(f"{42:032x}") == {"judge": pytest.approx(0.2)}
    [said] = {str(one.payload["verdicts"]) for one in history(run).events("score") if one.payload["trace"][-1] == "0"}
    assert "Score: 3" in said
    assert len(table.find(parse("score.judge < 0.25"))) == 1


def test_what_was_scored_is_not_scored_again_and_a_share_is_the_same_one_each_time(run):
    first = score_requests(run, LENGTH, ALL, share=0.4)
    assert 5 < first.num < 30
    again = score_requests(run, LENGTH, ALL, share=0.4)
    assert again.num == 0 and again.left_out["were scored before"] == first.num
    assert score_requests(run, LENGTH, ALL).num == 41 - first.num


def test_curves_are_by_version_and_time_with_their_interval(run):
    score_requests(run, LENGTH, ALL)
    table = RequestTable(run)
    curves = score_curves(table, table.find(ALL))
    assert [(one["score"], one["version"]) for one in sorted(curves, key=lambda one: one["version"])] == [
        ("length", "m/1"), ("length", "m/2"),
    ]  # fmt: skip
    for one in curves:
        for point in one["points"]:
            assert point["low"] <= point["mean"] <= point["high"] and point["count"] >= 10


def test_a_reward_that_compares_with_a_column_is_refused(run):
    with pytest.raises(ConfigError, match="compares with the column `answer`"):
        score_requests(run, Rewards.model_validate(["exact"]), ALL)


def test_the_command_scores_and_says_what_it_did(run, capsys):
    words = ["requests", "score", "shop", "--root", str(run.parent), "--limit", "5", "--reward"]
    assert main([*words, "regex", "pattern=three"]) == 0
    assert "5 requests scored: regex 0.9 (of 5)" in capsys.readouterr().err
    assert main([*words, "judge", "url=http://127.0.0.1:9/v1", "model=m", "retries=0"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert json.dumps(RequestTable(run).scores.names) == '["regex"]'

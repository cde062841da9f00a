"""`whet best-of`: the best of several answers as rows that fine-tune as they are."""

from __future__ import annotations

import json

import pytest

from tests.tiny import config, sentence, write_rows
from whet.base.config import from_mapping
from whet.cli.main import main
from whet.train.api import train


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return str(train(from_mapping(config(folder, name="one", train={"steps": 1})))[0].model)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": sentence(i, 4), "answer": str(i)} for i in range(5)])
    (tmp_path / "rewards.py").write_text("def short(completion):\n    return -float(len(completion))\n")
    return tmp_path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def answers(model, *arguments):
    return main(["best-of", model, "--data", "prompts.jsonl", "--max-new-tokens", "6", *arguments])


def test_the_best_answer_is_kept_and_more_answers_find_better_ones(model, here, capsys):
    means = []
    for num in (1, 8):
        output = here / f"best-{num}.jsonl"
        assert answers(model, "--reward", "rewards.py:short", "--output", str(output), "--completions", str(num)) == 0
        found = rows(output)
        assert len(found) == 5
        for row in found:
            assert [m["role"] for m in row["messages"]] == ["user", "assistant"]
            assert row["reward"] == -len(row["messages"][1]["content"])
        means.append(sum(row["reward"] for row in found) / 5)
    assert means[1] > means[0]
    assert "5 rows of 5 prompts" in capsys.readouterr().err


def test_answers_that_are_not_good_enough_are_left_out_and_counted(model, here, capsys):
    assert (
        answers(
            model,
            "--reward",
            "exact",
            "weight=0.5",
            "--reward",
            "length",
            "most=0",
            "--output",
            "best.jsonl",
            "--at-least",
            "1",
        )
        == 0
    )
    assert rows(here / "best.jsonl") == [] and "5 without an answer that is good enough" in capsys.readouterr().err


def test_a_reward_that_is_unknown_is_one_error(model, here, capsys):
    assert answers(model, "--reward", "exakt", "--output", "best.jsonl") == 2
    assert "exakt" in capsys.readouterr().err and not (here / "best.jsonl").exists()


def test_rewards_that_fail_on_all_answers_end_the_command_with_1(model, here, capsys):
    (here / "broken.py").write_text("def broken(completion):\n    return 1 / 0\n")
    assert answers(model, "--reward", "broken.py:broken", "--output", "none.jsonl", "--completions", "2") == 1
    assert "the reward `broken` failed on 10 answers (ZeroDivisionError)" in capsys.readouterr().err

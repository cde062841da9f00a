"""`whet rewards`: what a user sees before training, right and wrong."""

from __future__ import annotations

import json
import os

import pytest

from tests.fuzz.tried import limited
from tests.tiny import write_rows
from whet.cli import exit_codes
from whet.cli.main import main

ROWS = [
    {"question": "2 + 2?", "answer": "We add.\n#### 4", "completions": ["so \\boxed{4}", "it is 5"]},
    {"prompt": "1/2 as a decimal", "answer": "0.5", "completion": "\\frac12"},
]


@pytest.fixture
def rows(tmp_path):
    return str(write_rows(tmp_path / "said.jsonl", ROWS))


def test_a_table_with_every_score_and_the_means(rows, capsys):
    assert main(["rewards", rows, "--reward", "math", "--reward", "length", "most=2", "weight=0.5"]) == 0
    lines = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in line[1:-1]] for line in lines]
    assert cells == [
        ["0", "so \\boxed{4}", "1", "0", "1"],
        ["0", "it is 5", "0", "-1", "-0.5"],
        ["1", "\\frac12", "1", "0", "1"],
        ["", "mean", "0.6667", "-0.3333", "0.5"],
    ]


def test_json_lines_and_failures_by_name(tmp_path, rows, capsys):
    (tmp_path / "rewards.py").write_text("def f(completion): return 1 / (len(completion) - 7)\n")
    assert main(["rewards", rows, "--reward", f"{tmp_path}/rewards.py:f", "--json"]) == 0
    printed = capsys.readouterr()
    found = [json.loads(line) for line in printed.out.splitlines()]
    assert [line["total"] for line in found] == [0.2, None, None]
    assert "`f` failed on 2 of 3 completions: ZeroDivisionError" in printed.err
    assert "asked '2 + 2?', the model said 'it is 5'" in printed.err


def test_the_rewards_of_a_config(tmp_path, rows, capsys):
    (tmp_path / "run.yaml").write_text("model: m\nrewards: [{kind: regex, pattern: boxed}]\n")
    assert main(["rewards", rows, "--config", str(tmp_path / "run.yaml"), "--limit", "1", "--json"]) == 0
    assert [json.loads(line)["total"] for line in capsys.readouterr().out.splitlines()] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no reward was named"),
        (["--reward", "mtah"], "did you mean `math`"),
        (["--reward", "length", "mots=3"], "did you mean `most`"),
        (["--reward", "length", "mots=3"], "at command line"),
        (["--reward", "length", "most"], "`most` is not a setting"),
        (["--reward", "regex"], "pattern"),
    ],
)
def test_mistakes_are_told_in_the_usual_form(rows, capsys, arguments, said):
    assert main(["rewards", rows, *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [('{"prompt": "a"}', "neither a text `completion`"), ("{", "not JSON"), ("[1]", "a row is an object")],
)
def test_rows_that_cannot_be_scored_are_named(tmp_path, capsys, text, said):
    (tmp_path / "bad.jsonl").write_text(text + "\n")
    assert main(["rewards", str(tmp_path / "bad.jsonl"), "--reward", "math"]) == 2
    error = capsys.readouterr().err
    assert said in error and "bad.jsonl:1" in error
    assert main(["rewards", str(tmp_path / "none.jsonl"), "--reward", "math"]) == 2


def test_a_reward_that_says_nothing_is_told_and_ends_the_command_with_1(tmp_path, rows, capsys):
    (tmp_path / "rewards.py").write_text("def silent(completion): return None\n")
    assert main(["rewards", rows, "--reward", f"{tmp_path}/rewards.py:silent"]) == 1
    assert "`silent` gave none of 3 completions a score: it abstained (None)" in capsys.readouterr().err


def test_a_text_is_taken_as_it_was_typed(rows, capsys):
    assert main(["rewards", rows, "--reward", "regex", "pattern=[0-9]", "weight=2", "--json"]) == 0
    assert {json.loads(line)["total"] for line in capsys.readouterr().out.splitlines()} <= {0.0, 2.0}


@pytest.mark.case("D")
def test_rows_from_a_pipe_are_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with limited(20):
        assert main(["rewards", str(tmp_path / "pipe.jsonl"), "--reward", "length", "most=3"]) == exit_codes.MISTAKE
    assert "it is a pipe, and no file" in capsys.readouterr().err

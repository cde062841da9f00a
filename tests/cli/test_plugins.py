"""`--plugin FILE` makes its kinds known to commands that read no config."""

from __future__ import annotations

import json

import pytest

from tests.data.conversations import CHATML, make_tokenizer
from whet.cli.main import main

PLUGIN = """
from whet.base.catalogue import data_format, schedule, task
from whet.contracts.rows import Text


@schedule("flat")
def flat(step, total, *, height: float = 1.0):
    "Always as high."
    return height


@data_format("haiku", matches=lambda row: "lines" in row, priority=90, columns=("lines",))
def haiku(row):
    "Three lines."
    return Text("\\n".join(row["lines"]))


@task("syllables")
def syllables(loaded, watch, *, file: str):
    "Counts them."
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(PLUGIN)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["slots", "schedule"], "Always as high."),
        (["slots", "schedule", "flat"], "height"),
        (["schema"], '"schedule.flat"'),
    ],
    ids=" ".join,
)
def test_kinds_of_a_plugin_are_listed(here, capsys, words, says):
    assert main([*words, "--plugin", "own.py"]) == 0
    assert says in capsys.readouterr().out


def test_rows_in_the_format_of_a_plugin_are_inspected(here, capsys):
    make_tokenizer(CHATML).save_pretrained("model")
    (here / "a.jsonl").write_text(json.dumps({"lines": ["one", "two", "three"]}))
    assert main(["data", "inspect", "a.jsonl", "--model", "model", "--plugin", "own.py"]) == 0
    assert "haiku (1)" in capsys.readouterr().out


def test_the_task_of_a_plugin_is_known_before_a_model_is_loaded(here, capsys):
    words = ["evaluate", "none", "--task", "syllables", "fiel=a", "--plugin", "own.py"]
    assert main(words) == 2
    assert "did you mean `file`?" in capsys.readouterr().err


def test_a_plugin_that_is_not_there_is_one_message(here, capsys):
    assert main(["slots", "--plugin", "none.py"]) == 2
    assert "none.py does not exist" in capsys.readouterr().err

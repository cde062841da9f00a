"""`whet train`: words in any order, runs in place of models, and what is meant when a name is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import LLAMA, conversations, tokenizer, write_rows
from whet.base.yaml import dump_value
from whet.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_overrides_may_follow_the_data_and_a_run_stands_for_its_model(here):
    tokenizer(here / "tokenizer")
    write_rows(here / "rows.jsonl", conversations(8))
    new = [f"model.init={dump_value(LLAMA)}", "model.tokenizer=tokenizer"]
    assert main(["train", "--name", "first", "--data", "rows.jsonl", *new, "train.steps=1"]) == 0
    for number, model in enumerate(("runs/first", "first")):
        name = f"next-{number}"
        assert main(["train", "--model", model, "--data", "rows.jsonl", "train.steps=1", f"name={name}"]) == 0
        assert f"path: {here / 'runs/first/model'}  #" in (here / "runs" / name / "config.yaml").read_text()


def test_an_override_may_be_longer_than_a_name_of_a_file(here, capsys):
    words = ",".join(f"<extra_id_{number}>" for number in range(60))
    assert main(["train", "--model", "m", f"model.new_tokens=[{words}]", "objective=sfft"]) == 2
    assert "did you mean `sft`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["frist"], "hint: did you mean `first`?"),
        (["rnu.yaml"], "hint: did you mean `run.yaml`?"),
        (["run.yaml", "a.jsonl"], "hint: --data a.jsonl"),
        (["first", "train.steps=3"], "a new run: whet train runs/first/config.yaml train.steps=3 name=first-2\n"),
        (["first", "--tuner", "lora"], "a new run: whet train runs/first/config.yaml --tuner lora name=first-2\n"),
        (["rows.jsonl"], "hint: whet train --model Qwen/Qwen3-0.6B --data rows.jsonl"),
        (["rows.jsonl", "--model", "model"], "hint: whet train --model model --data rows.jsonl"),
        (["model/model.safetensors"], "hint: whet train --model model --data chat.jsonl"),
        (
            ["--model", "model", "--data", "rows.jsonl", "--data", "nowhere.jsonl"],
            "the data file nowhere.jsonl does not",
        ),
        (
            ["--model", "model", "--data", "nowhere.jsonl", "--data", "rows.jsonl"],
            "the data file nowhere.jsonl does not",
        ),
        (["--model", "model", "--data", "rows.jsonl", "precision=bf16"], "hint: did you mean `train.precision`?"),
        (["model"], "hint: whet train --model model --data chat.jsonl"),
        (["--model", "https://huggingface.co/a/b", "--data", "rows.jsonl"], "hint: a/b\n"),
        (["--model", "first", "--data", "rows.jsonl"], "the run `first` has no model yet"),
    ],
)
def test_a_wrong_name_is_told_with_the_one_that_was_meant(here, capsys, words, says):
    (here / "runs" / "first").mkdir(parents=True)
    (here / "runs" / "first" / "config.yaml").write_text("model: m\n")
    (here / "run.yaml").write_text("model: m\n")
    (here / "model").mkdir()
    (here / "model" / "config.json").write_text("{}")
    (here / "model" / "model.safetensors").write_bytes(b"\xff\0")
    write_rows(here / "rows.jsonl", conversations(1))
    assert main(["train", *words]) == 2
    assert says in capsys.readouterr().err


def test_a_source_tree_that_is_not_installed_tells_its_version():
    """Without site-packages no installed package can be found."""
    command = [sys.executable, "-S", "-m", "whet", "--version"]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert told.returncode == 0 and told.stdout.startswith("whet 0."), told.stderr


def test_a_config_without_data_is_refused_before_anything_is_loaded(here):
    (here / "run.yaml").write_text("model: base\n")
    code = "import sys; from whet.cli.main import main; print(main(['train', 'run.yaml']), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here)
    assert done.stdout.split() == ["2", "False"] and "there is nothing to train on" in done.stderr

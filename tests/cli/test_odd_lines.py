"""Odd lines typed at the commands of plans, registries, reports, boards and runs: refused, with what to type."""

from __future__ import annotations

import json

import pytest

from tests.track import runs as made
from whet.cli.main import main

H100 = ("llama-3.1-8b", "--gpu", "h100-sxm")
# What was typed, a part of what is said, and of the hint.
PLANS = [
    (("plan", *H100, "--gpus", "9" * 20), "no whole number", "--gpus 8"),
    (("plan", *H100, "--gpus", "8", "--mesh", "tensor=4", "tensor=2"), "`tensor` stands twice", "--mesh tensor=2"),
    (("plan", *H100, "--gpus", "8", "--mesh", "tensor=7"), "asks for 7 ranks", "--mesh shard=8"),
    (("plan", *H100, "tuner.rank=4"), "unknown key `tuner.rank`", "tuner.kind=adalora"),
    (("plan", "llama-3.1-8b", "--gpu", ""), "no card is called", "--cards"),
    (("plan", "--cards", "zzz"), "no card is called like `zzz`", "whet plan --cards"),
    (("plan", "rows.jsonl"), "is data, and no model", "whet advise rows.jsonl"),
    (("plan", "registry:x@y"), "no model `x`", "whet registry list"),
    (("fit", "--gpus", "0"), "no whole number", "--gpus 8"),
    (("fit", "--length", "-5"), "no whole number", "--length 2048"),
    (("fit", "--tokens", "5"), "is of one model", "whet fit llama-3.1-8b --tokens"),
    (("fit", *H100, "--out", ""), "is empty", "write one"),
    (("fit", *H100, "--out", "."), "is a folder", "--out run.yaml"),
    (("advise",), "needs DATA", "whet advise chat.jsonl"),
    (("advise", "run.yaml"), "is a config, and no data", "whet fit run.yaml"),
]
OTHERS = [
    *[((*words, "--root", "rows.jsonl"), "is a file, and runs lie in a folder", "--root .") for words in (
        ("runs",), ("top", "--once"), ("reports", "list"), ("boards", "list"), ("team", "list"), ("registry", "list"),
        ("ui",), ("show", "first"), ("diagnose", "first"))],
    (("top", "--once", "--run", "nope"), "no run `nope`", "first"),
    (("top", "--width", "1"), "no whole number from 20", "--width 100"),
    (("server", "--root"), "needs a value", "--root runs"),
    (("server", "--mode", "x"), "no option `--mode`", "whet server --help"),
    (("ui", "--host", "no.such.host.invalid", "--port", "0"), "cannot be had", "--host 127.0.0.1"),
    (("runs", "compare"), "none was named", "whet train"),
    (("runs", "compare", "first"), "one alone was named", "whet train"),
    (("boards", "make", "b", "--title", "", "--metric", "loss"), "at least 1 character", "--title Colors"),
    (("boards", "make", "b", "--title", "t", "--metric", ""), "`--metric`", "--metric loss"),
    (("chat", "m", "--template", "x"), "no option `--template`", "`data.template` is a setting of `whet train`"),
]  # fmt: skip


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder with a run and a file of rows."""
    monkeypatch.chdir(tmp_path)
    made.write(tmp_path / "runs" / "first", made.records())
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 2)
    return tmp_path


@pytest.mark.case("D")
@pytest.mark.case("A16")
@pytest.mark.parametrize(("words", "said", "hint"), [*PLANS, *OTHERS], ids=lambda one: " ".join(one)[:60])
def test_an_odd_line_is_refused_with_what_to_type(words, said, hint, world, capsys):
    assert main(list(words)) == 2
    told = capsys.readouterr().err
    assert said in told and hint in told.partition("hint: ")[2], told


@pytest.mark.case("A15")
def test_a_plan_takes_a_run_and_a_home_as_other_commands_do(world, monkeypatch, capsys):
    config = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
              "intermediate_size": 128, "vocab_size": 400}  # fmt: skip
    monkeypatch.setenv("HOME", str(world))
    for folder in (world / "runs" / "first" / "model", world / "tiny"):
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
    assert main(["plan", "first"]) == main(["plan", "~/tiny"]) == 0
    assert main(["fit", "~/tiny", "--out", "~/taken.yaml"]) == 0
    assert (world / "taken.yaml").is_file() and not (world / "~").exists()


@pytest.mark.case("A16")
@pytest.mark.parametrize("name", ["tuner", "objective", "optimizer", "schedule"])
def test_a_section_that_is_null_is_no_default(name, world, capsys):
    assert main(["train", "--model", "m", "--data", "rows.jsonl", f"{name}=null"]) == 2
    told = capsys.readouterr().err
    assert f"`{name}` is null" in told and f"hint: {name}=" in told


@pytest.mark.case("A10")
def test_a_damaged_report_or_board_is_named_with_its_way_back(world, capsys):
    (world / "report.json").write_text('{"title": "Rates", "blocks": []}')
    assert main(["reports", "add", "report.json"]) == 0
    assert main(["boards", "make", "b", "--title", "t", "--metric", "loss"]) == 0
    for words, path in (("reports", ".reports/rates.json"), ("boards", ".boards/b.json")):
        (world / "runs" / path).write_bytes(b"\xff{")
        assert main([words, "show", path.rpartition("/")[2].removesuffix(".json")]) == 2
        told = capsys.readouterr().err
        assert "is damaged" in told and f"runs/{path}" in told.partition("hint: ")[2]
        assert main([words, "list"]) == 0


@pytest.mark.case("A10")
def test_a_registry_whose_journal_is_lost_names_what_brings_it_back(world, capsys):
    """Until a version is found again, whatever is asked of it."""
    (world / "model").mkdir()
    (world / "model" / "config.json").write_text("{}")
    (world / "model" / "model.safetensors").write_bytes(b"weights")
    assert main(["registry", "add", "model", "--name", "chat"]) == 0
    (world / "runs" / ".registry" / "journal.jsonl").write_bytes(b"")
    for words in (["show", "chat"], ["show", "chat/1"]):
        assert main(["registry", *words]) == 2
        assert "hint: whet registry verify --rebuild" in capsys.readouterr().err
    assert main(["registry", "list"]) == 0
    assert "verify --rebuild" in "".join(capsys.readouterr())
    assert main(["registry", "verify", "--rebuild"]) == main(["registry", "show", "chat/1"]) == 0

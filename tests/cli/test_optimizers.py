"""Optimizers from the command line: what is listed, and what is refused by name before anything is trained."""

from __future__ import annotations

import re

import pytest

from tests.tiny import LLAMA, conversations, tokenizer, write_rows
from whet.base.yaml import dump_value
from whet.cli.main import main

REFUSED = [
    (["optimizer.kind=galore", "optimizer.rank=33"], "`optimizer.rank` is 33, and no matrix that is trained"),
    (["optimizer=muon", "tuner={kind: freeze, patterns: [norm]}"], "`optimizer: muon` steps matrices, and none is"),
    (["optimizer.kind=muon", "optimizer.rest.kind=soap"], "`optimizer.rest: soap` steps matrices"),
    (["optimizer.kind=lisa", "optimizer.layers=3"], "`optimizer.layers` is 3, and the model has 2"),
    (["optimizer=badam", "parallel.pipeline=2"], "`parallel.pipeline`"),
    (["optimizer=lyon"], "did you mean `lion`?"),
    (["optimizer=lion", "train.in_backward=true", "train.ema=0.9"], "does not go with `train.ema`"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optimizers")
    tokenizer(folder / "tokenizer")
    write_rows(folder / "rows.jsonl", conversations(8))
    (folder / "run.yaml").write_text(
        f"model: {{init: {dump_value(LLAMA)}, tokenizer: tokenizer}}\ndata: rows.jsonl\ntrain: {{steps: 1}}\n"
    )
    return folder


@pytest.mark.parametrize(("words", "says"), REFUSED, ids=lambda v: v[-1] if isinstance(v, list) else None)
def test_a_bad_setting_is_refused_before_training(folder, monkeypatch, capsys, words, says):
    monkeypatch.chdir(folder)
    assert main(["train", "run.yaml", *words, "name=refused"]) == 2
    told = capsys.readouterr().err
    assert says in told and "hint: " in told and "step 1" not in told and "Traceback" not in told
    assert not (folder / "runs" / "refused").exists()  # the name is free for what is typed next


def test_settings_may_stand_before_and_behind_flags(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["train", "run.yaml", "optimizer.kind=galore", "--name", "late", "optimizer.rank=33"]) == 2
    assert "`optimizer.rank` is 33" in capsys.readouterr().err
    assert main(["train", "run.yaml", "--name", "late", "optimizer.rank=33", "--optimiser"]) == 2
    assert "`whet train` has no option `--optimiser`" in capsys.readouterr().err


def test_every_kind_is_listed_with_its_bytes_and_source(capsys):
    assert main(["slots", "optimizer"]) == 0
    listed = capsys.readouterr().out.splitlines()
    shown = {line.split()[0]: float(re.search(r"state_bytes=(\S+)", line).group(1)) for line in listed}
    assert len(shown) >= 21 and shown["adamw"] == 8 and shown["muon"] == 4 and shown["apollo-mini"] < 0.01
    assert main(["slots", "optimizer", "muon"]) == 0
    told = capsys.readouterr().out
    assert "source: " in told and re.search(r"^  rest +adamw ", told, re.MULTILINE)

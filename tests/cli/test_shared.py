"""`--tensor` of `whet chat` and `whet predict`: two processes answer as one does."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from functools import partial

import pytest

from tests.generate import tiny
from tests.nursery import Child
from whet.cli.main import main

pytestmark = pytest.mark.ranks
GREEDY = ["--max-new-tokens", "6", "--temperature", "0", "--device", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, one with a head that scores, and a file of prompts beside them."""
    found = tmp_path_factory.mktemp("shared")
    tiny.folder(found / "model", max_position_embeddings=512)
    rows = [{"prompt": text} for text in ("hello", "the fox", "why?")]
    shutil.copytree(found / "model", found / "headed")
    config = json.loads((found / "headed" / "config.json").read_text())
    config |= {"architectures": ["LlamaForSequenceClassification"], "num_labels": 1}
    (found / "headed" / "config.json").write_text(json.dumps(config))
    (found / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return found


def answered(folder, *words: str) -> tuple[str, list, str]:
    """What `whet chat` prints and `whet predict` writes, and what is said of the model beside it."""
    model, output = str(folder / "model"), folder / f"answers{len(words)}.jsonl"
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        assert main(["chat", model, "--prompt", "hello", *GREEDY, *words]) == 0
        assert main(["predict", model, str(folder / "rows.jsonl"), "--output", str(output), *GREEDY, *words]) == 0
    return out.getvalue(), [json.loads(line) for line in output.read_text().splitlines()], told.getvalue()


def test_two_processes_chat_and_predict_as_one_does(folder):
    said, rows, _ = answered(folder)
    shared = Child(partial(answered, folder, "--tensor", "2")).wait()
    assert shared[:2] == (said, rows) and len(rows) == 3
    assert shared[2].count("2 processes share the weights") == 2


@pytest.mark.parametrize("command", [["chat"], ["predict", "rows.jsonl", "--output", "out.jsonl"]])
@pytest.mark.parametrize(("model", "tensor", "hint"), [("model", "3", "--tensor 2"), ("headed", "2", "whet {} headed")])
def test_what_processes_do_not_share_is_refused_before_they_start(
    folder, command, model, tensor, hint, capsys, monkeypatch
):
    monkeypatch.chdir(folder)
    name, *rest = command
    assert main([name, model, *rest, "--tensor", tensor]) == 2
    assert f"hint: {hint.format(name)}" in capsys.readouterr().err

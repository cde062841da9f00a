"""A checkpoint answers as its run did at that step, whatever was trained and on however many ranks."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.ranks import on_ranks
from tests.tiny import config, write_rows
from whet.base.config import from_mapping, load
from whet.base.errors import ModelError
from whet.cli.main import main
from whet.generate.models import load_model
from whet.generate.serving.request import Limits
from whet.models.tuning.wrapper import wrapper_of
from whet.server.openai.opening import Opening, opened
from whet.track.recorded.checkpoint_names import CheckpointName, parse_checkpoint
from whet.train.api import train
from whet.train.build import assemble
from whet.train.checkpoint_model import load_any
from whet.train.checkpoints.places import place_of
from whet.train.run.folder import RunFolder

KINDS: dict[str, dict[str, Any]] = {
    "full": {},
    "averaged": {"train": {"ema": 0.5}},
    "schedule-free": {"optimizer": {"kind": "schedule-free", "lr": 1e-2}},
    "lora": {"tuner": {"kind": "lora", "targets": ["q_proj", "down_proj"]}},
    "adalora": {"tuner": {"kind": "adalora", "rank": 1, "start_rank": 2, "warmup": 0.1, "final": 0.2}},
}


def settings(folder, name, **sections):
    """Four steps with a checkpoint after every second."""
    sections["train"] = {"steps": 4, "checkpoint_every": 2, "keep": 2, **sections.get("train", {})}
    if "tuner" in sections and (folder / "runs" / "full" / "model").exists():
        sections["model"] = {
            "kind": "hf",
            "path": str(folder / "runs" / "full" / "model"),
            "init": None,
            "tokenizer": None,
        }
    return config(folder, name=name, **sections)


def logits(module) -> torch.Tensor:
    module.eval()
    with torch.no_grad():
        return module(torch.arange(3, 23)[None]).logits


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Finished runs of each kind, by their names."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, sections in KINDS.items():
        train(from_mapping(settings(folder, name, **sections)))
    return folder / "runs"


@pytest.mark.parametrize("name", KINDS)
def test_the_checkpoint_of_the_last_step_is_the_model_of_the_run(root, name):
    last: Any
    model: Any
    last, model = load_any(f"{name}@4", root=root), load_model(name, root=root)
    rounding = 1e-5 if name == "adalora" else 0.0  # its model is written without the ranks that were silenced
    torch.testing.assert_close(logits(last.module), logits(model.module), rtol=0, atol=rounding)
    assert last.processor.chat_template == model.processor.chat_template
    assert (wrapper_of(last.module) is None) == (wrapper_of(model.module) is None)  # an adapter stays one


@pytest.mark.parametrize("name", ["full", "schedule-free", "lora"])
def test_an_earlier_checkpoint_is_the_run_that_stands_there(root, tmp_path, name):
    stands = shutil.copytree(root / name, tmp_path / name)
    shutil.rmtree(place_of(stands / "checkpoints", 4))
    built = assemble(load(stands / "config.yaml"), RunFolder(stands))
    try:
        with built.loop.executor.evaluation_weights():
            expected = logits(built.loaded.module)
    finally:
        built.close()
    assert torch.equal(logits(load_any(f"{name}@2", root=root).module), expected)
    assert not torch.equal(expected, logits(load_any(f"{name}@latest", root=root).module))


ROWS = [
    {"text": f"the owls {word} over {number} rivers", "label": word}
    for number, word in enumerate(["watch", "sleep", "call"] * 8)
]
RANKED = [{"query": f"owl {i}", "positive": f"owls {i} watch", "negatives": [f"rivers {i}"]} for i in range(24)]
HEADED: dict[str, tuple[Any, list[dict[str, Any]], dict[str, Any]]] = {
    "classes": ("sequence-classification", ROWS, {}),
    "classes-lora": ("sequence-classification", ROWS, {"tuner": {"kind": "lora"}}),
    "reranker": ("reranker", RANKED, {}),
    "embeddings": ({"kind": "embedding", "query_prompt": "find: ", "pooling": "last"}, RANKED, {}),
}


@pytest.mark.parametrize("name", HEADED)
def test_a_checkpoint_with_a_head_says_what_its_run_says(root, tmp_path, name):
    """Classes, ranks and embeddings, predicted and served: by the written model's labels, or the data's without one."""
    objective, rows, sections = HEADED[name]
    data = {"train": [str(write_rows(tmp_path / "rows.jsonl", rows))]}
    train(from_mapping(settings(root.parent, name, objective=objective, data=data, **sections)))
    asked = [{"text": row["text"]} for row in rows[:3]] if "text" in rows[0] else rows[:3]
    columns = ["--column", "text"] if "text" in rows[0] else ["--column", "query", "--second", "positive"]
    columns = ["--column", "query", "--side", "query"] if name == "embeddings" else columns
    file = write_rows(tmp_path / "asked.jsonl", [{k: v for k, v in row.items() if k != "negatives"} for row in asked])

    def said_by(model):
        out = tmp_path / "said.jsonl"
        assert main(["predict", model, str(file), "--output", str(out), "--root", str(root), *columns]) == 0
        return [json.loads(line) for line in out.read_text().splitlines()]

    expected = said_by(name)
    assert said_by(f"{name}@4") == expected != said_by(f"{name}@2")
    shutil.rmtree(root / name / "model")
    assert said_by(f"{name}@latest") == expected
    opening = Opening(model=f"{name}@4", adapters={}, root=root, limits=Limits(), timeout_s=9.0)
    service = opened(opening)
    assert (service.embedding is not None) == (name == "embeddings")
    assert service.scores_texts == (name != "embeddings")
    with pytest.raises(ModelError, match="--draft is of models that continue texts"):
        opened(replace(opening, draft="full"))
    assert main(["export", f"{name}@4", "--root", str(root)]) == 2


def on_two(folder):
    train(from_mapping(settings(folder, "two", parallel={"shard": 2, "timeout_s": 60})))


@pytest.mark.ranks
def test_shards_of_two_ranks_are_one_model(tmp_path):
    on_ranks(2, on_two, tmp_path)
    root = tmp_path / "runs"
    assert len(list(place_of(root / "two" / "checkpoints", 4).glob("*.distcp"))) == 2
    assert torch.equal(logits(load_any("two@4", root=root).module), logits(load_model("two", root=root).module))


def said(code: int, capsys) -> str:
    """What a command that failed says, which is one message."""
    found = capsys.readouterr().err
    assert code == 2 and found.count("error: ") == 1 and "Traceback" not in found
    return found


def test_commands_take_a_checkpoint(root, tmp_path, capsys):
    asked, answers = ["--root", str(root)], []
    how = ["--prompt", "the owls", "--raw", "--temperature", "0", "--max-new-tokens", "8", *asked]
    for name in ("full@4", "full", str(place_of(root / "full" / "checkpoints", 4))):
        assert main(["chat", name, *how]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0].strip() and len(set(answers)) == 1
    assert main(["export", "lora@2", "--output", str(tmp_path / "out"), *asked]) == 0
    whole = logits(load_model(str(tmp_path / "out")).module)
    torch.testing.assert_close(whole, logits(load_any("lora@2", root=root).module), rtol=0, atol=1e-5)


def test_a_checkpoint_that_cannot_be_asked_ends_in_one_message(root, tmp_path, capsys):
    broken = shutil.copytree(root / "full", tmp_path / "full")
    ask = lambda name: main(["chat", name, "--prompt", "x", "--root", str(tmp_path)])  # noqa: E731
    assert "step 3; of 2, 4 it does" in said(ask("full@3"), capsys)
    assert "no run `gone`" in said(ask("gone@3"), capsys)
    assert "whet export full@4" in said(main(["merge", "full@4", "--root", str(tmp_path)]), capsys)
    file = next(place_of(broken / "checkpoints", 4).glob("*.distcp"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    found = said(ask("full@4"), capsys)
    assert "is damaged" in found and "hint: whet chat full@2" in found
    file.unlink()
    assert "is damaged" in said(ask("full@4"), capsys)
    shutil.rmtree(broken / "checkpoints")
    assert "keeps no checkpoint" in said(ask("full@latest"), capsys)


@pytest.mark.parametrize(
    ("text", "is_checkpoint"),
    [
        ("first@200", CheckpointName("first", 200)),
        ("runs/a@b@latest", CheckpointName("runs/a@b", None)),
        ("runs/first/checkpoints/step-00000020", CheckpointName("runs/first", 20)),
        ("registry:chat@3", None), ("first", None), ("@3", None), ("first@", None), ("first@-1", None),
        ("first@prod", None), ("first@²", None), ("first@" + "9" * 40, None),
    ],
)  # fmt: skip
def test_what_a_checkpoint_is_called(text, is_checkpoint):
    assert parse_checkpoint(text) == is_checkpoint

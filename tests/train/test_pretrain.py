"""Pre-training with further tokens and with text to fill in, through the whole path."""

from __future__ import annotations

import json

import pytest
import torch

from tests.exact import rounding
from tests.ranks import on_ranks
from tests.tiny import config, sentence, write_rows
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, ModelError
from whet.train.api import resume, train
from whet.train.build import assemble

# Sums over a vocabulary of 400 and a step's tokens, and in three layers over width, inner width and tokens.
ROUNDED = rounding(400, 256, *[32, 64, 32, 64] * 3)
MTP = {"kind": "pretrain", "mtp": 2, "mtp_weight": 0.5}


def settings(folder, name, objective, **sections):
    rows = folder / "text.jsonl"
    if not rows.exists():  # ranks call this as well, and one would read what the other has just emptied
        write_rows(rows, [{"text": sentence(i, 5 + i % 17)} for i in range(40)])
    data = {"train": [str(rows)], **sections.pop("data", {})}
    train = {"steps": 5, **sections.pop("train", {})}
    return config(folder, name=name, objective=objective, data=data, train=train, **sections)


def metrics(path):
    records = map(json.loads, (path / "records.jsonl").read_text().splitlines())
    return {r["step"]: r["metrics"] for r in records if r["kind"] == "step"}


def test_further_tokens_are_learned_and_no_written_model_knows_of_them(tmp_path):
    from safetensors import safe_open

    folder, _ = train(from_mapping(settings(tmp_path, "far", MTP, train={"steps": 16}, data={"held_out": 0.1})))
    found = metrics(folder.path)
    first, last = found[1], found[16]
    assert first["loss"] == pytest.approx(first["nll"] + 0.25 * (first["mtp_1"] + first["mtp_2"]), rel=ROUNDED)
    assert all(last[name] < first[name] - 0.5 for name in ("nll", "mtp_1", "mtp_2"))
    with safe_open(folder.model / "model.safetensors", "pt") as stored:
        assert not [name for name in stored.keys() if "ahead" in name]  # noqa: SIM118


@pytest.mark.slow
def test_a_broken_run_goes_on_bit_for_bit_with_its_further_modules(tmp_path):
    whole, _ = train(from_mapping(settings(tmp_path, "whole", MTP)))
    built = assemble(from_mapping(settings(tmp_path, "broken", MTP)))
    for _ in range(4):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    folder, _ = resume(tmp_path / "runs" / "broken")
    expected = metrics(whole.path)
    found = metrics(folder.path)
    assert [found[i] for i in range(1, 6)] == [expected[i] for i in range(1, 6)]


def losses(folder, name):
    path = train(
        from_mapping(settings(folder, name, MTP, train={"steps": 3, "device": "cpu"}, optimizer={"lr": 1e-3}))
    )[0].path
    return [m[key] for m in metrics(path).values() for key in ("loss", "grad_norm", "mtp_2")]


@pytest.mark.ranks
@pytest.mark.slow  # below, any split of a step gives the same, and test_resume has two ranks
def test_two_ranks_look_ahead_as_one_does(tmp_path):
    expected = losses(tmp_path, "one")
    for found in on_ranks(2, losses, tmp_path, "two"):
        assert found == pytest.approx(expected, rel=2e-5, abs=1e-6)


def test_any_split_of_a_step_gives_the_same_loss_and_gradients(tmp_path):
    found = []
    for name, micro_batch in (("small", 40), ("large", 128)):
        built = assemble(from_mapping(settings(tmp_path, name, MTP, train={"micro_batch": micro_batch})))
        loop = built.loop
        batches = loop.dealer(loop.source.next(0))
        weights, _ = loop.executor.weigh(batches, {})
        ledger = loop.executor._accumulate(0, batches, weights)
        gradients = {n: p.grad.clone() for n, p in loop.executor.module.named_parameters()}
        found.append(
            (len(batches), loop.executor._figures(loop.executor._read(ledger, {}), weights)["loss"], gradients)
        )
    (many, loss, theirs), (one, other, ours) = found
    assert many > one and other == pytest.approx(loss, rel=ROUNDED)
    norm = torch.stack([g.norm() for g in theirs.values()]).norm()
    for name, gradient in theirs.items():
        assert (ours[name] - gradient).norm() <= ROUNDED * max(gradient.norm(), 1e-3 * norm), name


def test_text_to_fill_in_is_trained_on_with_new_tokens(tmp_path):
    base, _ = train(from_mapping(settings(tmp_path, "base", "pretrain", train={"steps": 1})))
    tokens = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
    model = {"path": str(base.path), "init": None, "tokenizer": None, "new_tokens": tokens}
    plain, _ = train(from_mapping(settings(tmp_path, "plain", "pretrain", model=model, train={"steps": 1})))
    folder, _ = train(
        from_mapping(settings(tmp_path, "fim", {"kind": "pretrain", "fim": 1.0}, model=model, train={"steps": 1}))
    )
    facts = [
        next(
            json.loads(line)["facts"] for line in (path / "records.jsonl").read_text().splitlines() if "started" in line
        )
        for path in (plain.path, folder.path)
    ]
    assert facts[1]["tokens"] >= facts[0]["tokens"] + 3 * 40


MISTAKES = {
    "no tokens": ({"fim": 0.5}, {}, ModelError, "no tokens to fill in", "objective.fim"),
    "idle spm": ({"spm": 0.1}, {}, ConfigError, "`spm` does nothing", "objective.spm"),
    "idle tokens": ({"fim_tokens": ["a"]}, {}, ConfigError, "`fim_tokens` does nothing", "objective.fim_tokens"),
    "two tokens": ({"fim": 0.5, "fim_tokens": ["a", "b"]}, {}, ConfigError, "not three", "objective.fim_tokens"),
    "idle weight": ({"mtp_weight": 0.1}, {}, ConfigError, "`mtp_weight` does nothing", "objective.mtp_weight"),
    "scaled": ({"fim": 0.5}, {"data": {"loss_scale": {"a": 2}}}, ConfigError, "fim` moves it", "data.loss_scale"),
    "groups": ({"mtp": 1}, {"train": {"group": 16}}, ConfigError, "`train.group`", "train.group"),
    "curvature": ({"mtp": 1}, {"optimizer": {"kind": "sophia"}}, ConfigError, "draws labels", "optimizer.kind"),
}  # fmt: skip


@pytest.mark.parametrize("given, sections, kind, says, at", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_error_at_the_door(tmp_path, given, sections, kind, says, at):
    with pytest.raises(kind, match=says) as error:
        train(from_mapping(settings(tmp_path, "wrong", {"kind": "pretrain", **given}, **sections)))
    assert error.value.at == at and error.value.hint


@pytest.mark.slow
def test_an_adapter_cannot_look_further(tmp_path):
    base, _ = train(from_mapping(settings(tmp_path, "base", "pretrain", train={"steps": 1})))
    model = {"path": str(base.path), "init": None, "tokenizer": None}
    with pytest.raises(ConfigError, match="adapter cannot hold"):
        train(from_mapping(settings(tmp_path, "lora", MTP, model=model, tuner={"kind": "lora", "rank": 2})))

"""Quantization-aware training through torchao, beside the formula by hand. What needs torchao skips without it."""

from importlib.util import find_spec

import pytest
import torch

from tests.generate import tiny
from whet.base.catalogue import tuner
from whet.base.errors import WhetError
from whet.kernels.codes import Grid, nearest

IDS = torch.tensor([[5, 9, 2, 44, 17, 8, 60, 31]])
needs_torchao = pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is not installed")


def qat(**settings):
    found = tuner.get("qat")
    return found.build(**found.settings(**settings).values())


def by_hand(weight, bits, group):
    """Symmetric integers with the largest magnitude half-way between the ends of their range."""
    groups = weight.view(len(weight), -1, group or weight.shape[1])
    ends = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / ((ends[1] - ends[0]) / 2)
    return ((groups / scale).round().clamp(*ends) * scale).view(weight.shape)


@needs_torchao
@pytest.mark.parametrize("bits, group", [(4, 16), (4, 0), (8, 0), (8, 32)])
def test_the_model_computes_with_rounded_weights_and_trains_them_straight_through(bits, group):
    plain, method = tiny.module(), qat(bits=bits, group=group)
    model = method.prepare(tiny.module())
    names = [name for name, part in plain.named_modules() if isinstance(part, torch.nn.Linear) and name != "lm_head"]
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in plain.named_parameters()]
    with torch.no_grad():
        for name in names:
            weight = plain.get_submodule(name).weight
            weight.copy_(method.written(model, f"{name}.weight", weight.detach()))
    outputs = [one(input_ids=IDS, labels=IDS) for one in (plain, model)]
    assert torch.allclose(outputs[0].logits, outputs[1].logits, atol=1e-4)
    for one in outputs:
        one.loss.backward()
    # A weight on the grid has the gradient of the rounded one; where the range was cut there is none.
    for name in names:
        ours, theirs = (one.get_submodule(name).weight.grad for one in (model, plain))
        inside = ours != 0
        assert torch.allclose(ours[inside], theirs[inside], atol=1e-5) and float(inside.float().mean()) > 0.9


@needs_torchao
@pytest.mark.parametrize("bits, group", [(4, 16), (8, 0)])
def test_what_is_written_lies_on_a_grid_that_quantizing_finds_again(bits, group):
    method = qat(bits=bits, group=group)
    model = method.prepare(tiny.module())
    for name, parameter in model.named_parameters():
        written = method.written(model, name, parameter.detach())
        if "_proj" not in name:
            assert torch.equal(written, parameter)
            continue
        # A weight half-way between two points may fall on either.
        gap = (written - by_hand(parameter.detach(), bits, group)).abs()
        step = parameter.detach().abs().amax() / (2 ** (bits - 1) - 0.5)
        assert float((gap > 1e-6).float().mean()) < 0.02 and bool((gap <= step * 1.01).all())
        assert torch.allclose(nearest(written, Grid(bits, group or None)).dense(), written, atol=1e-6)


@needs_torchao
def test_a_run_is_exported_as_it_was_trained_and_quantized_without_loss(tmp_path, monkeypatch):
    import json

    from whet.cli.main import main

    tiny.folder(tmp_path / "base", initializer_range=0.1)
    (tmp_path / "text.jsonl").write_text("\n".join(json.dumps({"text": text * 2}) for text in tiny.TEXTS * 4))
    monkeypatch.chdir(tmp_path)
    words = ["tuner.kind=qat", "tuner.group=16", "objective=pretrain", "train.steps=3", "train.batch_tokens=256"]
    assert main(["train", "--model", "base", "--data", "text.jsonl", "--name", "run", *words]) == 0
    assert json.loads((tmp_path / "runs/run/model/equivalence.json").read_text())["max_difference"] < 1e-5
    assert main(["quantize", "run", "--kind", "int4", "group=16", "--output", "small"]) == 0
    report = json.loads((tmp_path / "small" / "equivalence.json").read_text())
    assert report["max_difference"] < 1e-4 * report["deviation"]


@needs_torchao
def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(WhetError, match="groups of 128 do not divide"):
        qat(group=128).prepare(tiny.module())


@pytest.mark.skipif(find_spec("torchao") is not None, reason="torchao is installed")
def test_without_torchao_the_package_is_named():
    with pytest.raises(WhetError, match='hint: pip install "whet\\[qat\\]"'):
        qat().prepare(tiny.module())

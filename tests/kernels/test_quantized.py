"""A quantized weight is its dequantized values to every reader, and refuses to be changed in place."""

import copy

import pytest
import torch
from torch import nn

from whet.base.errors import ModelError
from whet.kernels.dense import dense
from whet.kernels.quantized import Quantized


def linear(codec, bias=True):
    torch.manual_seed(0)
    layer = nn.Linear(128, 96, bias=bias)
    layer.weight = nn.Parameter(Quantized.of(layer.weight.data, codec), requires_grad=False)
    return layer


def gradients(layer, weight, x):
    x = x.clone().requires_grad_()
    layer.zero_grad()
    torch.nn.functional.linear(x, weight, layer.bias).square().sum().backward()
    return x.grad, layer.bias.grad.clone()


@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_linear_and_its_gradients_are_those_of_the_dense_weight(codec):
    layer, x = linear(codec), torch.randn(3, 5, 128)
    expected = nn.functional.linear(x, dense(layer.weight)) + layer.bias
    assert torch.equal(layer(x), expected)
    for ours, plain in zip(gradients(layer, layer.weight, x), gradients(layer, dense(layer.weight), x), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)


def test_backward_keeps_the_packed_weight_and_not_the_dense_one():
    layer, saved = linear("nf4", bias=False), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        layer(torch.randn(4, 128, requires_grad=True)).sum()
    assert not any(type(t) is torch.Tensor and t.shape == (96, 128) for t in saved)
    assert layer.weight.num_bytes < 96 * 128 * 0.55


def test_autocast_computes_in_its_dtype():
    layer = linear("nf4")
    x = torch.randn(4, 128)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    expected = x.bfloat16() @ dense(layer.weight, torch.bfloat16).T + layer.bias.bfloat16()
    assert found.dtype == torch.bfloat16 and torch.equal(found, expected)


@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_copies_casts_and_moves_stay_packed(codec):
    layer = linear(codec)
    values = dense(layer.weight)
    for other in (copy.deepcopy(layer), copy.deepcopy(layer).to(torch.bfloat16), copy.deepcopy(layer).requires_grad_()):
        assert isinstance(other.weight, Quantized) and torch.equal(dense(other.weight, torch.float32), values)
    assert copy.deepcopy(layer).to(torch.bfloat16).weight.dtype == torch.bfloat16
    moved = copy.deepcopy(layer).to("meta").weight
    assert isinstance(moved, Quantized) and all(part.is_meta for part in moved.parts.values())


def test_any_other_operation_reads_the_plain_values():
    weight = linear("nf4").weight
    values = dense(weight)
    for ours, plain in (
        (weight + 1, values + 1),
        (weight.T, values.T),
        (weight[3], values[3]),
        (weight.norm(), values.norm()),
    ):
        assert type(ours) is torch.Tensor and torch.equal(ours, plain)


def test_a_weight_is_not_changed_in_place():
    weight = linear("nf4").weight
    for change in (
        lambda: weight.data.add_(1),
        lambda: weight.data.mul_(2),
        lambda: torch.neg(weight, out=weight.data),
    ):
        with pytest.raises(ModelError, match="quantized weight cannot be"):
            change()


@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_what_is_assigned_is_quantized(codec):
    layer, new = linear(codec), torch.randn(96, 128)
    expected = dense(Quantized.of(new, codec))
    layer.load_state_dict({"weight": new, "bias": layer.bias})
    assert torch.equal(dense(layer.weight), expected)
    layer.weight.data = -new
    assert torch.equal(dense(layer.weight), dense(Quantized.of(-new, codec)))


def test_dense_leaves_an_ordinary_tensor_alone():
    plain = torch.randn(2, 2)
    assert dense(plain) is plain and dense(plain, torch.bfloat16).dtype == torch.bfloat16


@pytest.mark.parametrize("options", [{}, {"use_dora": True}, {"use_rslora": True}])
def test_peft_trains_adapters_as_on_the_dense_weights(options):
    peft = pytest.importorskip("peft")
    models = []
    for of in (lambda w: w, dense):
        model = nn.Sequential(linear("nf4"), nn.Tanh())
        model[0].weight = nn.Parameter(of(model[0].weight.data), requires_grad=False)
        torch.manual_seed(1)
        models.append(
            peft.get_peft_model(model, peft.LoraConfig(target_modules=["0"], r=4, init_lora_weights=False, **options))
        )
    x = torch.randn(7, 128)
    results = []
    for model in models:
        loss = model(x).square().sum()
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in model.parameters() if p.requires_grad)])
    assert len(results[0]) == 3 + ("use_dora" in options)
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)

"""Fast LoRA against the same PEFT modules: logits, gradients, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from tests.exact import rounding
from tests.models.architectures import tiny_model
from tests.models.batches import packed, random_samples
from tests.models.tuning.test_peft_tuner import disturb, logits, make
from whet.base.seeds import forked
from whet.kernels.quantized import Quantized
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.tuning.fast_lora import GATED, install

pytest.importorskip("peft")
attention.register()
LENGTHS = (9, 5, 7)
# Sums over vocabulary and tokens, and in two layers over width, inner width and tokens.
ROUNDED = rounding(61, sum(LENGTHS), *[32, 48, 32, max(LENGTHS)] * 2)


def prepared(name, fast, quantized=False, **settings):
    module = tiny_model(name, "whet")
    if quantized:
        for part in module.modules():
            if isinstance(part, torch.nn.Linear) and part is not module.lm_head:
                part.weight = torch.nn.Parameter(Quantized.of(part.weight.data, "nf4"), requires_grad=False)
    with forked("start"):
        return disturb(make("lora", rank=4, fast=fast, **settings).prepare(module).eval())


def learned(module):
    loss = LanguageModel(module).run(packed(random_samples(LENGTHS, 61)), frozenset({"nll"}))["nll"]
    loss.backward()
    return loss.item(), {n: p.grad for n, p in module.named_parameters() if p.requires_grad}


def changed(module):
    return {n for n, part in module.named_modules() if "forward" in part.__dict__ and n}


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3", "gemma2", "phi3", "mixtral", "olmo2"])
def test_loss_and_gradients_are_pefts(name):
    fast, plain = prepared(name, True), prepared(name, False)
    assert changed(fast) and not changed(plain)
    (loss, ours), (expected, theirs) = learned(fast), learned(plain)
    assert loss == pytest.approx(expected, rel=ROUNDED)
    whole = torch.stack([g.norm() for g in theirs.values()]).norm()
    for parameter, gradient in theirs.items():
        assert (ours[parameter] - gradient).norm() <= ROUNDED * max(gradient.norm(), 1e-2 * whole), parameter


def test_a_quantized_base_learns_what_pefts_modules_learn_on_it():
    (loss, ours), (expected, theirs) = (learned(prepared("llama", fast, quantized=True)) for fast in (True, False))
    assert loss == pytest.approx(expected, rel=ROUNDED)
    assert all(torch.allclose(ours[n], theirs[n], rtol=1e-4, atol=1e-4) for n in theirs)


def test_gated_mlps_and_shared_projections_are_found():
    found = changed(prepared("llama", True))
    assert {"model.layers.0.mlp", "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.o_proj"} <= found
    assert not any(name.endswith(GATED) for name in found)


@pytest.mark.parametrize("settings", [{"dropout": 0.1}, {"dora": True}, {"bias": "all"}])
def test_what_is_more_than_plain_lora_stays_pefts(settings):
    name = "llama"  # with biases in its attention
    found = changed(prepared(name, True, targets=["q_proj", "k_proj", "v_proj"], **settings))
    assert not found


def test_an_mlp_that_computes_something_else_is_left_alone():
    module = tiny_model("llama", None)
    kind = type(module.model.layers[0].mlp)

    class Halved(kind):
        def forward(self, x):
            return super().forward(x) / 2

    for layer in module.model.layers:
        layer.mlp.__class__ = Halved
    module = make("lora", rank=2, fast=False).prepare(module)
    install(module)
    assert not any(name.endswith(".mlp") for name in changed(module))


def test_an_adapter_that_is_switched_off_or_merged_is_pefts_business():
    from whet.models.tuning.wrapper import wrapper_of

    module = prepared("llama", True)
    bare, tuned = logits(tiny_model("llama", "whet")), logits(module)
    with wrapper_of(module).disable_adapter():
        assert torch.allclose(logits(module), bare, atol=1e-6)
    wrapper_of(module).merge_adapter()
    assert torch.allclose(logits(module), tuned, atol=1e-5)


def test_recomputed_layers_give_the_same_gradients():
    fast, plain = prepared("llama", True), prepared("llama", False)
    fast.train().gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    ours, theirs = learned(fast)[1], learned(plain)[1]
    assert all(torch.allclose(ours[n], theirs[n], rtol=1e-4, atol=1e-4) for n in theirs)

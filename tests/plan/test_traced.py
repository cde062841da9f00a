"""What was traced, against models of other sizes: shapes, bytes that are kept for the backward pass, gradients."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from tests.plan.saved import hooked
from whet.base.catalogue import tuner
from whet.plan.architecture import FIRST, described
from whet.plan.formulas import total
from whet.plan.models.find import published
from whet.plan.models.planned import PlannedModel
from whet.plan.tracing.describe import PRECISIONS
from whet.plan.tracing.trace import one_sample
from whet.plan.tracing.twins import build, telling_config

# Sizes of no telling config: a quarter of the usual, heads in groups of four.
OTHER = {
    "hidden_size": 96, "intermediate_size": 160, "moe_intermediate_size": 48, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 300, "num_experts_per_tok": 2, "q_lora_rank": 24,
    "kv_lora_rank": 40, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 16, "n_shared_experts": 1,
}  # fmt: skip
TOKENS = 50


def config(model_type: str, *, tied: bool = False) -> dict:
    told = telling_config(model_type, 0, tied=tied)
    names = PlannedModel.of("telling", told).architecture.names
    own = {names[name]: size for name, size in OTHER.items() if names.get(name) in told}
    if "kv_lora_rank" in names:
        own[names["num_key_value_heads"]] = OTHER["num_attention_heads"]
    return {**told, **own}


@pytest.mark.parametrize("model_type", described())
def test_shapes_are_those_of_transformers(model_type):
    from transformers import AutoConfig, AutoModelForCausalLM

    for tied in (False, True):
        told = config(model_type, tied=tied)
        with torch.device("meta"):
            module = AutoModelForCausalLM.from_config(AutoConfig.for_model(**told))
        expected = sorted(tuple(parameter.shape) for parameter in module.parameters())
        planned = PlannedModel.of("other", told)
        assert sorted(t.shape for t in planned.tensors() for _ in range(t.times)) == expected


@pytest.mark.parametrize("name", [name for name, told in published().items() if told["model_type"] in described()])
def test_published_models_have_the_shapes_that_transformers_gives_them(name):
    from transformers import AutoConfig, AutoModelForCausalLM

    told = dict(published()[name])
    told["num_hidden_layers"] = 1 + told.get("first_k_dense_replace", 0)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(AutoConfig.for_model(**told))
    planned = PlannedModel.of(name, told)
    assert planned.num_parameters == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("model_type", [one for one in described() if one != "deepseek_v3"])
def test_a_config_that_leaves_out_heads_of_keys_and_their_width_has_those_of_its_class(model_type):
    from transformers import AutoConfig, AutoModelForCausalLM

    told = {**config(model_type), "num_attention_heads": 256, "hidden_size": 512}
    del told["num_key_value_heads"]
    told.pop("head_dim", None)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(AutoConfig.for_model(**told))
    planned = PlannedModel.of("bare", told)
    assert planned.num_parameters == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("model_type", "method", "precision"),
    [("llama", "full", "fp32"), ("llama", "full", "bf16"), ("llama", "lora", "bf16"), ("qwen2", "full", "fp32"),
     ("mistral", "lora", "bf16"), ("qwen3", "full", "bf16"), ("mixtral", "full", "fp32"),
     ("qwen3_moe", "full", "fp32"), ("deepseek_v3", "full", "fp32"), ("deepseek_v3", "full", "bf16")],
)  # fmt: skip
def test_bytes_kept_for_the_backward_pass_are_those_that_hooks_see(model_type, method, precision):
    told, rank = config(model_type), 4
    trained, frozen, autocast = PRECISIONS[precision]
    made = tuner.get(method).build(**({"rank": rank} if tuner.get(method).facts.traced else {}))
    loaded = build(told, dtype=frozen if made.narrow else trained, method=made, recompute=False)
    kept = _kept_by_layers(loaded, autocast)
    planned = PlannedModel.of("other", told)
    step = planned.architecture.step(f"{precision} {method}")
    run = {"tokens": TOKENS, "seen": TOKENS, "trained": TOKENS - 1, "rank": rank}
    sizes = {**planned.sizes, **{name: float(size) for name, size in run.items()}}
    layers = [step.layers[kind] for kind in planned.layers]
    layers[0] = step.layers.get(FIRST, layers[0])
    assert kept == [total(layer.forward.left[0], sizes) for layer in layers]


def _kept_by_layers(loaded, autocast) -> list[int]:
    """Bytes of the distinct tensors that autograd keeps in each layer, but weights and what came from outside."""
    outside = {p.untyped_storage()._cdata for p in loaded.module.parameters()}
    given: list[torch.Tensor] = []  # and what layers give, which the next one keeps: their places stay theirs
    ends: list[torch.UntypedStorage] = []

    def begin(module, args, kwargs):
        given.extend(_tensors((args, kwargs)))
        outside.update(one.untyped_storage()._cdata for one in _tensors((args, kwargs)))
        saved.begin()

    def end(module, args, out):
        given.append(out[0] if isinstance(out, tuple) else out)
        ends.append(given[-1].untyped_storage())
        saved.begin()

    layers = [loaded.module.get_submodule(name) for name in loaded.layers]
    handles = [layer.register_forward_pre_hook(begin, with_kwargs=True) for layer in layers]
    handles += [layer.register_forward_hook(end) for layer in layers]
    batch = one_sample(TOKENS, TOKENS - 1, loaded.vocab)
    with hooked() as saved, torch.autocast("cpu", autocast) if autocast else nullcontext():
        total = loaded.model.run(batch, frozenset({"nll"}))["nll"]
        kept = saved.kept()[1::2]  # of layers, and not of what lies between them
    del total
    for handle in handles:
        handle.remove()
    found = [
        {key: size for key, size in own.items() if key not in outside} | {last._cdata: last.nbytes()}
        for own, last in zip(kept, ends, strict=True)
    ]
    return [sum(layer.values()) for layer in found]


def _tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)

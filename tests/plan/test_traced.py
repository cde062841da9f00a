"""What was traced, against models of other sizes: shapes, bytes that are kept for the backward pass, gradients."""

from __future__ import annotations

import pytest
import torch

from whet.base.catalogue import tuner
from whet.plan.architecture import FIRST, described
from whet.plan.formulas import total
from whet.plan.models.planned import PlannedModel
from whet.plan.tracing.describe import PRECISIONS
from whet.plan.tracing.trace import one_sample
from whet.plan.tracing.twins import build, telling_config

# Sizes of no telling config: a quarter of the usual, heads in groups of four.
OTHER = {
    "hidden_size": 96, "intermediate_size": 160, "moe_intermediate_size": 48, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 300, "num_experts_per_tok": 2, "q_lora_rank": 24,
    "kv_lora_rank": 40, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 20,
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


@pytest.mark.parametrize(
    ("model_type", "method", "precision"),
    [("llama", "full", "fp32"), ("llama", "full", "bf16"), ("llama", "lora", "bf16"), ("qwen2", "full", "fp32"),
     ("mistral", "lora", "bf16"), ("qwen3", "full", "bf16"), ("mixtral", "full", "fp32"),
     ("qwen3_moe", "full", "fp32")],
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
    found: list[dict[int, int]] = []

    def pack(tensor):
        storage = tensor.untyped_storage()
        if inside and storage._cdata not in outside:
            found[-1][storage._cdata] = storage.nbytes()
        alive.append(tensor)
        return tensor

    def begin(module, args, kwargs):
        states = args[0] if args else kwargs["hidden_states"]
        outside.update(one.untyped_storage()._cdata for one in _tensors((args, kwargs)))
        outside.add(states.untyped_storage()._cdata)
        found.append({})
        inside.append(module)

    def end(module, args, out):
        states = out[0] if isinstance(out, tuple) else out
        found[-1][states.untyped_storage()._cdata] = states.untyped_storage().nbytes()  # the next layer keeps it
        alive.append(states)
        inside.pop()

    alive: list[torch.Tensor] = []
    inside: list[torch.nn.Module] = []
    handles = [
        handle
        for name in loaded.layers
        for layer in [loaded.module.get_submodule(name)]
        for handle in (layer.register_forward_pre_hook(begin, with_kwargs=True), layer.register_forward_hook(end))
    ]
    batch = one_sample(TOKENS, TOKENS - 1, loaded.vocab)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        if autocast:
            with torch.autocast("cpu", autocast):
                loaded.model.run(batch, frozenset({"nll"}))
        else:
            loaded.model.run(batch, frozenset({"nll"}))
    for handle in handles:
        handle.remove()
    return [sum(layer.values()) for layer in found]


def _tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)

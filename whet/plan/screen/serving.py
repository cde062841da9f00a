"""A model that is served as closed forms: its weights, what layers keep, and what a step makes; as JSON values."""

from __future__ import annotations

from collections import Counter
from typing import Any

from whet.plan.serving.cache import BLOCK
from whet.plan.serving.memory import serving_weights
from whet.plan.serving.served import CHUNK_TOKENS, Serving
from whet.plan.serving.speed import prompt_weights, read_weights


def serving_forms(serving: Serving) -> dict[str, Any]:
    """Of a model over ranks of `tensor` alone: its memory for any number of conversations of any length."""
    model, mesh = serving.model, serving.mesh
    kept = Counter((layer.a_token, layer.window, layer.fixed_bytes, layer.heads) for layer in model.layers)
    share = {heads: max(1, heads // mesh.tensor) / heads if heads else 1.0 for _, _, _, heads in kept}
    layers = [
        {
            "count": count, "a_token": a_token * serving.item * share[heads], "window": window,
            "fixed": fixed / mesh.tensor,
        }
        for (a_token, window, fixed, heads), count in kept.items()
    ]  # fmt: skip
    item = 2.0 if serving.dtype != "fp32" else 4.0
    return {
        "ranks": mesh.ranks, "weights": serving_weights(serving), "layers": layers, "block": BLOCK,
        "chunk": CHUNK_TOKENS, "a_row": item * (2 * model.width + 3 * model.inner / mesh.tensor),
        "a_logit_row": 2 * 4.0 * model.vocab / mesh.tensor, "context": model.context, "speed": _speed(serving),
    }  # fmt: skip


def _speed(serving: Serving) -> dict[str, Any]:
    """What the speed follows from, as `whet.plan.serving.speed` has it: bytes that a rank reads where a step goes
    through all weights, how many of them are experts', and weights that a token of a prompt is multiplied with."""
    model = serving.model
    return {
        "read": read_weights(serving), "parameters": model.parameters, "in_experts": model.numbers.get("expert", 0),
        "experts": model.experts, "chosen": model.chosen, "multiplied": prompt_weights(model), "width": model.width,
        "is_fp32": serving.dtype == "fp32",
    }  # fmt: skip

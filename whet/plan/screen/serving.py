"""A model that is served as closed forms: its weights, what layers keep, and what a step makes; as JSON values."""

from __future__ import annotations

from collections import Counter
from typing import Any

from whet.plan.serving.cache import BLOCK
from whet.plan.serving.memory import serving_weights
from whet.plan.serving.served import CHUNK_TOKENS, Serving


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
        "a_logit_row": 2 * 4.0 * model.vocab / mesh.tensor, "context": model.context,
    }  # fmt: skip

"""Memory of a rank that serves: weights, the cache of all conversations, what a step makes; and what fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from whet.plan.serving.served import CHUNK_TOKENS, Serving
from whet.plan.subject import Lever
from whet.plan.timeline import MemoryPlan, Moment, Stage, with_overhead

# Roles of which ranks of `tensor` have a part each.
_CUT = ("matrix", "expert", "embedding", "head", "bias")
_MOST = 1 << 30  # conversations, or tokens: where nothing is kept, no more are looked for


@dataclass(frozen=True)
class ServingPlan:
    """What is served, its memory while prompts are read (`prefill`) and while answers are written (`decode`)."""

    serving: Serving

    @cached_property
    def memory(self) -> MemoryPlan:
        return MemoryPlan(Stage("", ()), list(_moments(self.serving)))

    @property
    def peak(self) -> float:
        return self.memory.peak.total

    @property
    def budget(self) -> int:
        return self.serving.card.usable_bytes

    @property
    def fits(self) -> bool:
        return self.peak <= self.budget

    def most_conversations(self) -> int:
        """How many of this length fit at once; of `replicate` all copies together."""
        each = self.serving.mesh.readers
        return each * _most(lambda n: ServingPlan(self.serving.where(concurrency=n * each)).fits, _MOST)

    def longest(self) -> int:
        """Tokens that each of so many conversations may have, up to what the model is made for."""
        limit = self.serving.model.context or _MOST
        return _most(lambda n: ServingPlan(self.serving.where(length=n)).fits, limit)

    def levers(self) -> list[Lever]:
        """Changes that lower the peak, the most helpful first."""
        found = [Lever(setting, ServingPlan(other).peak) for setting, other in _changes(self)]
        return sorted((lever for lever in found if lever.peak < self.peak), key=lambda lever: lever.peak)


def _moments(serving: Serving) -> Iterator[Moment]:
    model, mesh, item = serving.model, serving.mesh, 2.0 if serving.dtype != "fp32" else 4.0
    held = {"weights": serving_weights(serving), "cache": _here(serving) * serving.a_conversation}
    tokens = min(CHUNK_TOKENS, serving.prompt * serving.concurrency)
    for phase, rows in (("prefill", tokens), ("decode", min(serving.concurrency, tokens))):
        # A layer's widest moment: states in and out, both sides of the MLP, and their product.
        layer = item * rows * (2 * model.width + 3 * model.inner / mesh.tensor)
        logits = 2 * 4.0 * min(_here(serving), rows) * model.vocab / mesh.tensor  # and as probabilities
        yield with_overhead(Moment(phase, "", {**held, "working": max(layer, logits)}), serving.card, mesh.ranks)


def _here(serving: Serving) -> int:
    """Conversations on one copy of the model."""
    return -(-serving.concurrency // serving.mesh.readers)


def serving_weights(serving: Serving) -> float:
    """A rank's, of the stage that has most: its layers, and one of the ends, which may be the same."""
    model, mesh = serving.model, serving.mesh
    here = -(-len(model.layers) // mesh.pipeline) / len(model.layers)
    end = 0.5 if mesh.pipeline > 1 and not model.is_tied else 1.0
    total = 0.0
    for role, count in model.numbers.items():
        inside = model.inside.get(role, 0)
        cut = mesh.tensor * (mesh.expert if role == "expert" else 1) if role in _CUT else 1
        total += inside * serving.weight_bytes(role, True) * here / cut
        total += (count - inside) * serving.weight_bytes(role, False) * end / cut
    return total


def _most(fits, limit: int) -> int:  # type: ignore[no-untyped-def]
    """The largest number up to `limit` that fits; 0 where one does not."""
    low, high = 0, 1
    while high <= limit and fits(high):
        low, high = high, high * 2
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _changes(plan: ServingPlan) -> Iterator[tuple[str, Serving]]:
    serving = plan.serving
    if serving.quantize is None and serving.card.vendor == "nvidia":
        for packed in ("int8", "nf4"):
            yield f"model.quantize={packed}", serving.where(quantize=packed)
    if serving.cache_dtype != "fp8" and serving.card.rate("fp8") is not None:
        yield "--kv-cache-dtype fp8", serving.where(cache_dtype="fp8")
    if (fewer := plan.most_conversations()) and fewer < serving.concurrency:
        yield f"--concurrency {fewer}", serving.where(concurrency=fewer)
    if (shorter := plan.longest()) > 16 and shorter < serving.length:
        yield f"--length {shorter}", serving.where(length=shorter, prompt=min(serving.prompt, shorter))

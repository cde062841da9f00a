"""A plan of serving for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from whet.base.units import duration, figure, size
from whet.plan.report import bar, card_dict, component_lines
from whet.plan.serving.cache import described
from whet.plan.serving.fitting import ways
from whet.plan.serving.memory import ServingPlan
from whet.plan.serving.speed import serving_speed


def lines(plan: ServingPlan) -> Iterator[str]:
    """The plan as text."""
    serving, peak = plan.serving, plan.memory.peak
    model, card = serving.model, serving.card
    active = f", {figure(model.active())} of them for a token" if model.active() < model.parameters else ""
    yield f"{model.name}: {figure(model.parameters)} parameters{active}, {len(model.layers)} layers"
    usable = card.figures["usable_gib"]
    yield f"{serving.mesh.ranks} x {card.name}: {usable.value:.4g} GiB that may be used ({usable.how}); {serving.mesh}"
    weights = f"weights in {serving.quantize or serving.dtype}, cache in {serving.cache_dtype}"
    yield f"{_conversations(serving.concurrency)} of up to {serving.length:,} tokens at once; {weights}"
    yield from (f"  {line}" for line in described(list(model.layers)))
    yield ""
    yield from component_lines(peak)
    yield f"{'peak':<12}{size(peak.total):>12}   {peak}"
    share = peak.total / plan.budget
    fits = f"fits, {share:.0%} of it" if plan.fits else f"does not fit: {share:.3g} times as much is needed"
    yield f"{'card':<12}{size(plan.budget):>12}   {fits}"
    yield f"\n{bar(peak, max(peak.total, plan.budget))}\n"
    yield f"a conversation of {serving.length:,} tokens keeps {size(serving.a_conversation)} on a rank"
    most = plan.most_conversations()
    if most:
        yield f"at most {_conversations(most)} of this length, or {plan.longest():,} tokens of each"
    else:
        yield "not one conversation of this length fits beside the weights"
    if most and (speed := serving_speed(plan)) is not None:
        yield (
            f"about {figure(speed.tokens_per_s)} tokens/s, {figure(speed.each_per_s)} a conversation; a prompt of "
            f"{serving.prompt:,} tokens takes {duration(speed.first_s)} to the first one (estimated, not measured)"
        )
    if not plan.fits and (helpful := plan.levers()):
        yield "\nless memory with"
        for lever in helpful[:3]:
            yield f"  {lever.setting:<28}{size(lever.peak):>10}{'   fits' if lever.peak <= plan.budget else ''}"
    if not plan.fits and (found := ways(plan)):
        yield "\nfits with"
        width = max(28, *(len(way.words) + 1 for way in found))
        yield from (f"  {way.words:<{width}}{size(way.plan.peak):>10} a card" for way in found)


def _conversations(count: int) -> str:
    return f"{count:,} conversation" + "s" * (count != 1)


def to_dict(plan: ServingPlan) -> dict[str, Any]:
    """The plan for programs."""
    serving, speed = plan.serving, serving_speed(plan)
    model = serving.model
    return {
        "model": {
            "name": model.name, "model_type": model.model_type, "parameters": model.parameters,
            "active_parameters": round(model.active()), "layers": len(model.layers),
        },
        "card": card_dict(serving.card), "ranks": serving.mesh.ranks, "mesh": asdict(serving.mesh),
        "serving": {
            "concurrency": serving.concurrency, "length": serving.length, "prompt": serving.prompt,
            "dtype": serving.dtype, "quantize": serving.quantize, "cache_dtype": serving.cache_dtype,
        },
        "fits": plan.fits, "budget_bytes": plan.budget, "peak_bytes": round(plan.peak),
        "peak": str(plan.memory.peak),
        "components": {name: round(value) for name, value in plan.memory.peak.parts.items()},
        "cache": [asdict(layer) for layer in model.layers], "conversation_bytes": round(serving.a_conversation),
        "most_conversations": plan.most_conversations(), "longest": plan.longest(),
        "speed": None if speed is None else asdict(speed),
        "levers": [{"setting": lever.setting, "peak_bytes": round(lever.peak)} for lever in plan.levers()],
    }  # fmt: skip

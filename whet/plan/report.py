"""A plan for people (a table, a bar, the timeline) and for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from whet.base.units import duration, figure, size
from whet.plan.calibration import Calibration
from whet.plan.decide import WAVES
from whet.plan.hardware.cards import Card
from whet.plan.hardware.detected import host_bytes
from whet.plan.subject import Plan, Subject
from whet.plan.timeline import COMPONENTS, Moment

WIDTH = 48
# What each component is drawn with.
_INK = dict(zip(COMPONENTS, "WBAGOaCw.", strict=True))
MEANINGS = {
    "weights": "the model's, and adapters'", "beside": "other models, a checkpoint's copy",
    "gathered": "whole layers, for a while", "gradients": "", "optimizer": "state as its kind declares it",
    "activations": "kept for the backward pass", "cache": "keys and values of conversations",
    "working": "made and given back", "overhead": "context and allocator: assumed, not measured",
}  # fmt: skip


_MUCH_WAITING = 0.3  # a share of their time from which what ranks of a pipeline wait is told

_HOW = {
    "formulas": "memory by formulas that were traced from this class of models",
    "step": "memory of a step of this run, taken on tensors without values",
}


def lines(found: Plan) -> Iterator[str]:
    """The plan as text."""
    peak, helpful = found.memory.peak, found.levers
    yield from _head(found.subject)
    yield ""
    yield from component_lines(peak, _measured_overhead(found))
    where = f" on a rank of {found.memory.stage.name}" if found.memory.stage.name else ""
    yield f"{'peak':<12}{size(peak.total):>12}   {peak}{where}"
    yield f"{'card':<12}{size(found.budget):>12}   {_share(found)}"
    yield from _host(found)
    if (speed := found.speed) is not None:
        yield f"{'time':<12}{duration(speed.step_s):>12}   a step, {figure(speed.tokens_per_s)} tokens/s: {speed.how}"
    yield f"\n{bar(peak, max(peak.total, found.budget))}\n"
    most = max(moment.total for moment in found.memory.moments)
    for moment in found.memory.phases():
        yield f"{moment.phase:<10}{bar(moment, most)} {size(moment.total):>10}  {moment.what}".rstrip()
    if found.measured is not None:
        yield from (f"measured here: {words}" for words in found.measured.words())
    if helpful:
        yield "\nless memory with"
        yield from (f"  {lever.setting:<28}{size(lever.peak):>10}" for lever in helpful[:3])
    if not found.fits and all(lever.peak > found.budget for lever in helpful):
        model, job = found.subject.model, found.subject
        on = f" --gpus {job.mesh.ranks}" if job.mesh.ranks > 1 else ""
        yield f"\nall of them together: whet fit {shlex.quote(model.name)} --gpu {job.card.name}{on}"


def component_lines(moment: Moment, overhead: str = MEANINGS["overhead"]) -> Iterator[str]:
    """A line for each component of a moment; what is said of `overhead` depends on where it is from."""
    meanings = {**MEANINGS, "overhead": overhead}
    for name in COMPONENTS:
        if name in moment.parts:
            yield f"{name:<12}{size(moment.parts[name]):>12}   {_INK[name]}  {meanings[name]}".rstrip()


def _measured_overhead(found: Plan) -> str:
    """What the overhead is, and which part of it was measured by finished runs."""
    told = found.measured
    if told is None or (told.process is None and told.steps is None):
        return MEANINGS["overhead"]
    parts = {"process": told.process, "what steps take beyond the plan": told.steps}
    return ", ".join(f"{name}: {'assumed' if usual is None else usual}" for name, usual in parts.items())


def _head(job: Subject) -> Iterator[str]:
    model, card = job.model, job.card
    active = f", {figure(model.active)} of them for a token" if model.active < model.parameters else ""
    yield f"{model.name}: {figure(model.parameters)} parameters{active}, {model.layers} layers"
    usable = card.figures["usable_gib"]
    yield f"{job.mesh.ranks} x {card.name}: {usable.value:.4g} GiB that may be used ({usable.how}); mesh: {job.mesh}"
    how = f"rank {job.rank}, " if job.rank else ""
    packed = f"weights in {job.quantize}, " if job.quantize else ""
    again = ", recompute" if job.recompute else ""
    yield f"{job.objective}, {job.tuner}: {how}{packed}{job.precision}, {job.optimizer}{again}"
    often = "once a step" if job.num_micro == 1 else f"{job.num_micro:,} times a step"
    yield f"{job.micro:,} tokens at once on a rank, {often}; samples of up to {job.length:,}"
    yield from _too_few(job)
    yield _HOW[job.how]


def _too_few(job: Subject) -> Iterator[str]:
    """That a step has too few tokens for so many ranks: some have none of it, or they wait for each other."""
    mesh, all_once = job.mesh, job.micro * job.mesh.readers
    if all_once > job.step_tokens and mesh.readers > 1:
        yield (
            f"too few tokens a step: {job.step_tokens:,} for {mesh.readers} ranks with samples of their own; the time "
            f"is that of train.batch_tokens={all_once}"
        )
    waiting = (mesh.pipeline - 1) / (mesh.pipeline - 1 + job.num_micro)
    if waiting > _MUCH_WAITING and mesh.schedule in ("gpipe", "1f1b"):
        times = WAVES * mesh.pipeline
        yield (
            f"ranks of the pipeline wait {waiting:.0%} of their time; less where a step has more micro-batches: "
            f"train.batch_tokens={times * all_once} has {times}"
        )


def _host(found: Plan) -> Iterator[str]:
    """What ranks of a machine have in its memory, which is its other limit."""
    subject, here = found.subject, host_bytes(found.subject.card)
    if not found.memory.host_bytes or subject.card.device != "cuda":
        return
    a_node = subject.card.figures.get("a_node")
    ranks = min(subject.mesh.ranks, int(a_node.value) if a_node else 1)
    taken = ranks * found.memory.host_bytes
    said = "in the memory of a machine with " + (f"{ranks} cards" if ranks > 1 else "a card")
    if here is not None:
        said += f", which has {size(here)}" + (": does not fit" if taken > here else "")
    yield f"{'host':<12}{size(taken):>12}   {said}"


def _share(found: Plan) -> str:
    share = found.memory.peak.total / found.budget
    return f"fits, {share:.0%} of it" if found.fits else f"does not fit: {share:.3g} times as much is needed"


def bar(moment: Moment, scale: float) -> str:
    text, done = "", 0.0
    for name in COMPONENTS:
        done += moment.parts.get(name, 0.0)
        text += _INK[name] * (round(done / scale * WIDTH) - len(text))
    return f"[{text.ljust(WIDTH)}]"


def to_dict(found: Plan) -> dict[str, Any]:
    """The plan for programs: bytes everywhere, and where each figure of the card comes from."""
    job, memory = found.subject, found.memory
    return {
        "model": {
            "name": job.model.name, "model_type": job.model.model_type, "parameters": job.model.parameters,
            "active_parameters": job.model.active, "layers": job.model.layers,
        },
        "card": card_dict(job.card), "ranks": job.mesh.ranks,
        "mesh": asdict(job.mesh),
        "run": {
            "objective": job.objective, "tuner": job.tuner, "rank": job.rank, "precision": job.precision,
            "optimizer": job.optimizer, "quantize": job.quantize, "recompute": job.recompute, "micro_batch": job.micro,
            "micro_batches": job.num_micro, "batch_tokens": job.step_tokens, "length": job.length,
        },
        "how": job.how, "fits": found.fits, "budget_bytes": found.budget, "peak_bytes": round(memory.peak.total),
        "peak": str(memory.peak), "stage": memory.stage.name,
        "host_bytes_a_rank": round(memory.host_bytes),
        "components": _rounded(memory.peak.parts),
        "timeline": [
            {"phase": one.phase, "what": one.what, "bytes": round(one.total), "components": _rounded(one.parts)}
            for one in memory.moments
        ],
        "levers": [{"setting": lever.setting, "peak_bytes": round(lever.peak)} for lever in found.levers],
        "speed": None if found.speed is None else {
            "step_s": found.speed.step_s, "tokens_per_s": found.speed.tokens_per_s, "how": found.speed.how,
        },
        "measured": None if found.measured is None else _measured(found.measured),
    }  # fmt: skip


def _measured(told: Calibration) -> dict[str, Any]:
    """What finished runs say of memory, with how many of them."""
    parts = {"process_bytes": told.process, "step_over_planned": told.steps}
    return {name: None if usual is None else asdict(usual) for name, usual in parts.items()}


def card_dict(card: Card) -> dict[str, Any]:
    figures = {
        name: {"value": one.value, "how": one.how, "source": one.source} for name, one in sorted(card.figures.items())
    }
    return {"name": card.name, "kind": card.kind, "vendor": card.vendor, "figures": figures}


def _rounded(parts: Mapping[str, float]) -> dict[str, int]:
    return {name: round(value) for name, value in parts.items()}

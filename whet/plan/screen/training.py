"""A training as closed forms: what is constant, what each part of a step adds, in which order; as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from whet.plan.architecture import LayerMemory, Stretch
from whet.plan.formulas import Terms
from whet.plan.job import Job
from whet.plan.memory import RankMemory
from whet.plan.screen.folded import folded, folded_stretch
from whet.plan.speed import moved_bytes, token_flops
from whet.plan.stages import stages_of


def training_steps(job: Job) -> dict[str, Any]:
    """The parts of a step by their numbers, layer by layer, where gradients are made (`first`) or added to (`more`);
    the same however many ranks share weights as shards, and whatever the optimizer keeps."""
    kept = _Kept(job.sizes)
    step, layers = job.model.architecture.step(job.mode), _layers(job)
    turns = {
        turn: {
            "before": kept.stretch(step.before), "forward": [kept.stretch(one.forward) for one in layers],
            "dropped": [kept.term(one.dropped) for one in layers], "head": kept.stretch(step.head[turn]),
            "backward": [kept.stretch(one.backward[turn]) for one in layers], "after": kept.stretch(step.after[turn]),
        }
        for turn in ("first", "more")
    }  # fmt: skip
    return {**turns, "stretches": kept.stretches, "terms": kept.terms}


def training_constants(job: Job) -> dict[str, Any]:
    """Bytes of a rank that do not change with tokens, in steps of `one` micro-batch and of `more`, and what the speed
    follows from; of a job whose ranks share nothing but shards."""
    one = replace(job, step_tokens=job.micro * job.mesh.readers)
    more = replace(one, step_tokens=2 * one.step_tokens)
    return {"ranks": job.mesh.ranks, "one": _constants(one), "more": _constants(more), "speed": _speed(job)}


def _constants(job: Job) -> dict[str, Any]:
    rank = RankMemory(job, stages_of(job)[0])
    return {
        "weights": rank.weights, "optimizer": rank.optimizer, "gradients": rank.gradients, "kept": rank.kept,
        "had": rank.had, "whole": rank.kept_whole, "buffer": rank.buffer, "unpacked": rank.unpacked, "turn": rank.turn,
    }  # fmt: skip


def state_bytes(job: Job) -> float:
    """What the optimizer keeps on all ranks together."""
    return sum(job.state_bytes(tensor) for tensor in job.learned())


def _layers(job: Job) -> list[LayerMemory]:
    rank = RankMemory(job, stages_of(job)[0])
    return [rank.layer(number, kind) for number, kind in enumerate(job.model.layers)]


class _Kept:
    """Stretches and terms, each once; whoever has one knows its number."""

    def __init__(self, sizes: Mapping[str, float]) -> None:
        self.stretches: list[dict[str, Any]] = []
        self.terms: list[dict[str, float]] = []
        self._sizes = sizes
        # Layers of a kind share their stretches: each is folded once. What is seen is kept, lest another has its id.
        self._seen: dict[int, tuple[int, object]] = {}

    def stretch(self, stretch: Stretch) -> int:
        if id(stretch) not in self._seen:
            self._seen[id(stretch)] = _place(folded_stretch(stretch, self._sizes), self.stretches), stretch
        return self._seen[id(stretch)][0]

    def term(self, terms: Terms) -> int:
        if id(terms) not in self._seen:
            self._seen[id(terms)] = _place(folded(terms, self._sizes), self.terms), terms
        return self._seen[id(terms)][0]


def _place(value: Any, among: list[Any]) -> int:
    if value not in among:
        among.append(value)
    return among.index(value)


def _speed(job: Job) -> dict[str, Any]:
    """What the time of a step follows from, as `whet.plan.speed` has it: operations a token, `flops[0] + flops[1] *
    length`; bytes that an update moves on a rank; bytes of all weights and gradients, which ranks that share send."""
    numbers = sum(tensor.numbers for tensor in job.learned())
    short, longer = (token_flops(replace(job, length=length)) for length in (0, 1))
    return {
        "flops": [short, longer - short], "moved": moved_bytes(job),
        "weights": sum(item * tensor.numbers for tensor, item in job.weights()),
        "gradients": numbers * job.learned_item, "shards": job.mesh.shards,
        "is_packed": job.quantize is not None, "is_fp32": job.precision == "fp32",
    }  # fmt: skip

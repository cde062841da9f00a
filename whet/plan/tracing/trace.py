"""What one layer of each kind, and what lies before and after the layers, holds while a step is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from whet.base.at_once import at_once, computed_by
from whet.contracts.batch import Batch
from whet.contracts.model import Loaded
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.plan.tracing.live import Timeline, number_of, watched
from whet.plan.tracing.telling import RUN

MICRO_BATCHES = ("first", "more")  # of a step: gradients are made, and are added to


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the timeline: what it leaves behind, and what is alive at each of its high tides, both compared with
    what was alive when it began. Pieces by number, negative where they went; `gradients` are told apart."""

    left: Sequence[tuple[int, int]]
    tides: Sequence[Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Traced:
    """The stretches of a step by name (`first forward 0`, `more backward 1`, `first before`, ...), the pieces that they
    speak of, and which of these are the gradients that stay."""

    stretches: Mapping[str, Stretch]
    pieces: Sequence[tuple[int, int]]
    gradients: frozenset[int]


def traced(loaded: Loaded, which: int, autocast: torch.dtype | None) -> Traced:
    """Two micro-batches of one step of the sft loss, forward and backward, on this CPU."""
    batch, timeline = one_sample(RUN["tokens"][which], RUN["trained"][which], loaded.vocab or 1), Timeline()
    budget = RUN["chunk"][which] * (loaded.vocab or 1) * 4
    with computed_by(replace(at_once("cpu"), logits_bytes=budget)), _marked(loaded, timeline) as turn:
        loaded.model.run(batch, frozenset({"nll"}))["nll"].backward()  # what is made once and kept, such as masks
        loaded.module.zero_grad(set_to_none=True)
        timeline.events.clear()
        with watched(timeline) as watch:
            for name in MICRO_BATCHES:
                turn.append(name)
                timeline.mark(f"{name} before")
                with torch.autocast("cpu", autocast) if autocast else nullcontext():
                    total = loaded.model.run(batch, frozenset({"nll"}))["nll"]
                (total * 0.5).backward()
                del total
            timeline.mark("end")
            gradients = {number_of(watch, p.grad) for p in loaded.module.parameters() if p.grad is not None}
    return Traced(_stretches(timeline), timeline.pieces, frozenset(n for n in gradients if n is not None))


def one_sample(tokens: int, trained: int, vocab: int) -> Batch:
    """A row of one sample, of whose tokens the last `trained` have a loss."""
    ids = np.random.default_rng(0).integers(0, vocab, tokens).astype(np.int32)
    weights = np.zeros(tokens, np.float32)
    weights[-trained:] = 1.0
    return collate([Sample(ids=ids, weights=weights)])


@contextmanager
def _marked(loaded: Loaded, timeline: Timeline) -> Iterator[list[str]]:
    """Inside, the timeline has a mark where each layer begins and ends, forward and backward."""
    turn: list[str] = ["warm"]
    layers = [loaded.module.get_submodule(name) for name in loaded.layers]
    handles = []
    for number, layer in enumerate(layers):
        handles += [
            layer.register_forward_pre_hook(_before(timeline, turn, number), with_kwargs=True),
            layer.register_forward_hook(_after(timeline, turn, number, len(layers))),
        ]
    try:
        yield turn
    finally:
        for handle in handles:
            handle.remove()


def _before(timeline: Timeline, turn: list[str], number: int) -> Any:
    def hook(module: Any, args: Any, kwargs: Any) -> None:
        name, states = turn[-1], args[0] if args else kwargs["hidden_states"]
        if torch.is_grad_enabled() and states.requires_grad and number == 0:
            states.register_hook(lambda grad: timeline.mark(f"{name} after backward"))
        timeline.mark(f"{name} forward {number}")

    return hook


def _after(timeline: Timeline, turn: list[str], number: int, count: int) -> Any:
    def hook(module: Any, args: Any, out: Any) -> None:
        name, states = turn[-1], out[0] if isinstance(out, tuple) else out
        if states.requires_grad:
            states.register_hook(lambda grad: timeline.mark(f"{name} backward {number}"))
        if number == count - 1:
            timeline.mark(f"{name} head")

    return hook


def _stretches(timeline: Timeline) -> dict[str, Stretch]:
    found: dict[str, Stretch] = {}
    name: str | None = None
    alive: dict[int, int] = {}
    tides: list[list[tuple[int, int]]] = []
    rising = False
    for what, number in [*timeline.events, ("at", "")]:
        if what == "at":
            if name is not None and name not in found:
                if rising:
                    tides.append(list(alive.items()))
                found[name] = Stretch(list(alive.items()), tides)
            name, alive, tides, rising = number, {}, [], False
        elif what == "+":
            alive[number], rising = 1, True
        else:
            if rising:
                tides.append(list(alive.items()))
            rising = False
            if alive.pop(number, 0) == 0:
                alive[number] = -1
    return found

"""What is known of a class of models: its weights' shapes, and the memory of its layers, as formulas of its config."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from whet.base.errors import ModelError
from whet.base.nearest import nearest
from whet.plan.formulas import Sizes, Terms, total, value

FOLDER = Path(__file__).with_name("architectures")
FIRST = "first"  # what the first layer's memory is called where it differs: nothing below it may be trained
# Bytes by expression, those of gradients apart.
Piece = tuple[Terms, Terms]


class Weight(NamedTuple):
    """One parameter: its name (in its layer), its role, and the expression of each dimension."""

    name: str
    role: str
    shape: tuple[str, ...]

    def sized(self, sizes: Sizes) -> tuple[float, ...]:
        return tuple(value(dimension, sizes) for dimension in self.shape)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a step: what it leaves in memory, and the high tides while it lasts; both above what was there."""

    left: Piece
    tides: Sequence[Piece]

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Stretch:
        return cls(_piece(written["left"]), [_piece(tide) for tide in written["tides"]])

    def leaves(self, sizes: Sizes) -> tuple[float, float]:
        """Bytes of activations and of gradients."""
        return total(self.left[0], sizes), total(self.left[1], sizes)

    def highest(self, sizes: Sizes) -> tuple[float, float]:
        """Bytes of activations and of gradients when both together are most."""
        found = [(total(acts, sizes), total(gradients, sizes)) for acts, gradients in self.tides]
        return max(found, key=sum, default=(0.0, 0.0))


def _piece(written: Sequence[Terms]) -> Piece:
    activations, gradients = written
    return _pairs(activations), _pairs(gradients)


def _pairs(terms: Terms) -> Terms:
    """With what is kept for each pair of tokens as such: they are those of one sample, of which one was traced."""
    return {expression.replace("tokens*tokens", "tokens*seen"): num_bytes for expression, num_bytes in terms.items()}


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """The stretches of one layer; `backward` by whether gradients are made (`first`) or added to (`more`). `dropped` is
    what it keeps until the forward pass of all layers is over."""

    forward: Stretch
    dropped: Terms
    backward: Mapping[str, Stretch]


@dataclass(frozen=True, slots=True)
class StepMemory:
    """The stretches of a step: before the layers, in each kind of layer, from the last layer to the loss and back, and
    after the backward pass of the first layer."""

    before: Stretch
    layers: Mapping[str, LayerMemory]
    head: Mapping[str, Stretch]
    after: Mapping[str, Stretch]


@dataclass(frozen=True, slots=True)
class Architecture:
    """`names` are those of sizes in a config.json; `ends` the weights outside of the layers, `layers` those of a layer
    of each kind; `defaults` and `is_tied` what holds where a config does not say; `adapted` are weights beside which
    LoRA is put."""

    model_type: str
    names: Mapping[str, str]
    defaults: Mapping[str, int]
    is_tied: bool
    ends: Sequence[Weight]
    layers: Mapping[str, Sequence[Weight]]
    adapted: frozenset[str]
    memory: Mapping[str, Any]

    def step(self, mode: str) -> StepMemory:
        """What was traced in a mode, such as `bf16 lora recompute`."""
        return _step(self.model_type, mode)

    def needed(self) -> Iterator[str]:
        """Sizes that a config must tell."""
        optional = {"head_dim", "num_key_value_heads", "tie_word_embeddings"}
        yield from (name for name in self.names if name not in optional)


def described() -> list[str]:
    """The classes (`model_type` of a config.json) that have been traced."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def told(model_type: str) -> Mapping[str, Any]:
    """What was traced of a class, as it is written. Raises ModelError, with the nearest name, for another class."""
    path = FOLDER / f"{model_type}.json"
    if model_type not in described():
        near = nearest(model_type, described())
        hint = f"did you mean `{near}`?" if near else f"classes that are: {', '.join(described())}"
        raise ModelError(f"models of the class `{model_type}` have not been traced", hint=hint)
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def architecture(model_type: str) -> Architecture:
    """Raises ModelError, with the nearest name, for a class that has not been traced."""
    known = told(model_type)
    return Architecture(
        model_type, known["names"], known["defaults"], known["tied"], [_weight(one) for one in known["ends"]],
        {kind: [_weight(one) for one in weights] for kind, weights in known["layers"].items()},
        frozenset(known["adapted"]), known["memory"],
    )  # fmt: skip


def _weight(written: Sequence[Any]) -> Weight:
    return Weight(written[0], written[1], tuple(written[2]))


@cache
def _step(model_type: str, mode: str) -> StepMemory:
    memory, turns = architecture(model_type).memory[mode], ("first", "more")
    return StepMemory(
        Stretch.read(memory["before"]),
        {
            kind: LayerMemory(
                Stretch.read(one["forward"]), _pairs(one["dropped"]), {turn: Stretch.read(one[turn]) for turn in turns}
            )
            for kind, one in memory["layers"].items()
        },
        {turn: Stretch.read(memory["head"][turn]) for turn in turns},
        {turn: Stretch.read(memory["after"][turn]) for turn in turns},
    )

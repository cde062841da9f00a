"""What a rule is: how one step moves weights, given their gradients and what the rule remembers.

Two kinds, by what they must see. A *row rule* works on any rows of a parameter, or on parts of rows, so it runs on
shards as they lie. A *whole rule* needs the whole tensor; under sharding one rank owns it. Both keep plain tensors as
state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from whet.optim.codecs import Entry
from whet.optim.direction import Direction
from whet.optim.groups import NamedParameter
from whet.optim.rounding import key_of
from whet.optim.row_chunks import RowShard

Tensors = list[Tensor]
DecayForm = Literal["factor", "sum", "late"]


@dataclass(frozen=True, slots=True)
class At:
    """Where a step stands: the group's learning rate and decay, and how many steps its parameters have had.

    `blend` is a further number that a rule accounts for itself.
    """

    lr: float
    decay: float
    step: int
    blend: float = 0.0


@dataclass(frozen=True, slots=True)
class Whole:
    """One whole tensor: its gradient in the dtype of computation, and the rule's state for it.

    `seed` is the run's. `square` is the sum of squares of the weight, where the rule asked for it.
    """

    named: NamedParameter
    grad: Tensor
    state: dict[str, Any]
    seed: int
    square: Tensor | None = None

    def key(self, what: str, step: int) -> int:
        """The key of a draw: it depends on the tensor's name, so that it is the same whichever ranks hold what."""
        return key_of(self.seed, what, self.named.name, step)


class Rule:
    """What rules of both kinds may say of themselves.

    `replicated` names state that every rank holds whole. `evaluate` moves the weights to those to evaluate with.
    """

    replicated: tuple[str, ...] = ()
    evaluate: RowRule | None = None

    def account(self, states: Sequence[dict[str, Any]], at: At) -> At:
        """Plain numbers of a step, perhaps kept in the states of its parameters, which are equally far."""
        return at


class RowRule(Rule, ABC):
    """Moves rows. `entries` are its moments, of the parameter's shape. `has_prepare`: `prepare` does something.
    `needs_rows`: it must see rows whole, where ranks hold parts of them.
    """

    entries: tuple[Entry, ...] = ()
    has_prepare: bool = False
    needs_rows: bool = False

    def begin_rows(self, named: NamedParameter, device: torch.device) -> dict[str, Tensor]:
        """Further state of a parameter that has had no step."""
        return {}

    def kept_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of a parameter's moments, where it keeps fewer columns."""
        return shape

    def prepare(self, shards: Sequence[RowShard]) -> list[RowShard]:
        """The shards with what the rule must know of all their rows before its first chunk."""
        return list(shards)

    @abstractmethod
    def advance(self, weights: Tensors, grads: Tensors, state: Mapping[str, Tensors], at: At) -> None:
        """Change weights and state in place. All lists are parallel; numbers are float32 (or wider)."""

    def finish(self, shards: Sequence[RowShard], ready: Sequence[RowShard]) -> None:
        """After the last chunk of what `prepare` made `ready`."""


class WholeRule(Rule, ABC):
    """Gives the direction that a rate and a decay then turn into a step.

    `decay_form` is how the published code writes its decay, which float32 tells apart: `factor` multiplies the old
    weight by 1 - lr x decay, `sum` subtracts lr x decay x weight, `late` does that with the new weight.
    """

    decay_form: DecayForm
    needs_weights: bool

    @abstractmethod
    def begin(self, named: NamedParameter, device: torch.device) -> dict[str, Any]:
        """The state of a tensor that has had no step."""

    @abstractmethod
    def directions(self, wholes: Sequence[Whole], at: At) -> Iterator[Direction]:
        """What to subtract from each, times the rate, in order. `wholes` have one shape."""


class Descend(RowRule):
    """The step itself, as a row rule whose gradients are directions."""

    def __init__(self, form: DecayForm) -> None:
        self._form = form

    def advance(self, weights: Tensors, grads: Tensors, state: Mapping[str, Tensors], at: At) -> None:
        if at.decay and self._form == "factor":
            torch._foreach_mul_(weights, 1 - at.lr * at.decay)
        if at.decay and self._form == "sum":
            torch._foreach_add_(weights, weights, alpha=-at.lr * at.decay)
        torch._foreach_add_(weights, grads, alpha=-at.lr)
        if at.decay and self._form == "late":
            torch._foreach_add_(weights, weights, alpha=-at.lr * at.decay)

    def descend(self, weight: Tensor, direction: Direction, at: At) -> None:
        """The same for one whole weight in the dtype of computation, term by term and in place."""
        if at.decay and self._form == "factor":
            weight.mul_(1 - at.lr * at.decay)
        if at.decay and self._form == "sum":
            weight.add_(weight, alpha=-at.lr * at.decay)
        for term in direction:
            term.add_to(weight, -at.lr)
        if at.decay and self._form == "late":
            weight.add_(weight, alpha=-at.lr * at.decay)

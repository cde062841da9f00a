"""Drive: a rank's way through the table of a schedule, one action after the other."""

# T tokens  D model

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.distributed.pipelining._backward import stage_backward_input, stage_backward_weight

from whet.contracts.batch import Batch
from whet.contracts.executor import POLICY
from whet.parallel.pipeline.carrier import Carrier, Form
from whet.parallel.pipeline.schedule import Action, Move

GRADIENT = "gradient"
BACK = (Move.BACKWARD, Move.INPUTS, Move.WEIGHTS)
# Hidden states (T, D) of a micro-batch between two stages, of each model of the run by its name.
States = Mapping[str, Tensor]


class Forwarding(Protocol):
    """What the stages of a rank compute, one after the other."""

    def forward(self, stage: int, number: int, batch: Batch, states: States) -> States:
        """What a stage makes of what came in (nothing at the first). Of the last stage `policy` is the loss (); or what
        its layers gave, with the `gradient` of that, where backward passes come in halves."""
        ...

    def forms(self, batch: Batch) -> Mapping[str, Form]:
        """What lies between two stages for this batch."""
        ...


class Passes(Forwarding, Protocol):
    """What they compute while they learn."""

    def backward(self, action: Action) -> AbstractContextManager[Any]:
        """What goes around a backward pass."""
        ...

    def weights(self, stage: int) -> Sequence[nn.Parameter]:
        """The trained parameters of a stage."""
        ...


class _Key(NamedTuple):
    stage: int
    number: int


@dataclass(slots=True)
class _Flight:
    """A micro-batch in a stage between its forward and its backward pass: what it took and gave of the trained model.
    Of a backward pass in two halves, `rest` is what the second needs."""

    taken: Tensor | None
    given: Tensor
    rest: Any = None


@dataclass(frozen=True)
class Driver:
    """Runs the stages of the rank at place `rank`; `place` is that of each stage."""

    place: Sequence[int]
    rank: int
    carrier: Carrier

    @property
    def own(self) -> list[int]:
        """The stages of this rank, in order."""
        return [stage for stage, rank in enumerate(self.place) if rank == self.rank]

    def run(self, actions: Sequence[Action], batches: Sequence[Batch], passes: Passes) -> None:
        """Leave the gradients of the rank's stages in their parameters."""
        way = _Way(self, batches, passes)
        for action in actions:
            way.take(action)
        self.carrier.settle()

    def arrivals(self, batches: Iterable[Batch], passes: Forwarding) -> Iterator[tuple[Batch, States | None]]:
        """Forward passes alone: each batch once this rank is done with it, at the last stage with what arrives."""
        for number, batch in enumerate(batches):
            states: States = {}
            for stage in self.own:
                if stage and self.place[stage - 1] != self.rank:
                    forms = passes.forms(batch).values()
                    taken = [self.carrier.take(form, self.place[stage - 1]) for form in forms]
                    states = dict(zip(passes.forms(batch), (arrived() for arrived in taken), strict=True))
                if stage == len(self.place) - 1:
                    break
                states = passes.forward(stage, number, batch, states)
                if self.place[stage + 1] != self.rank:
                    for tensor in states.values():
                        self.carrier.send(tensor, self.place[stage + 1])
            yield batch, states if self.rank == self.place[-1] else None
        self.carrier.settle()


@dataclass(frozen=True)
class _Way:
    """What is under way in a step: what was made here, what comes, and micro-batches between their passes."""

    driver: Driver
    batches: Sequence[Batch]
    passes: Passes
    flights: dict[_Key, _Flight] = field(default_factory=dict)
    states: dict[_Key, Callable[[], States]] = field(default_factory=dict)  # that a stage goes on from
    gradients: dict[_Key, Callable[[], Tensor]] = field(default_factory=dict)  # of what a stage gave

    def take(self, action: Action) -> None:
        move, at = action.move, _Key(action.stage, action.micro_batch)
        if move is Move.FORWARD:
            self._forward(at)
        elif move is Move.SEND_STATES:
            for tensor in self.states.pop(_after(at))().values():
                self.driver.carrier.send(tensor, self.driver.place[at.stage + 1])
        elif move is Move.TAKE_STATES:
            coming = {name: self._coming(form, at.stage - 1) for name, form in self._forms(at).items()}
            self.states[at] = lambda: {name: arrived() for name, arrived in coming.items()}
        elif move is Move.SEND_GRADIENTS:
            self.driver.carrier.send(self.gradients.pop(_before(at))(), self.driver.place[at.stage - 1])
        elif move is Move.TAKE_GRADIENTS:
            self.gradients[at] = self._coming(self._forms(at)[POLICY], at.stage + 1)
        else:
            with self.passes.backward(action):
                _BACKWARD[move](self, at)

    def _forms(self, at: _Key) -> Mapping[str, Form]:
        return self.passes.forms(self.batches[at.number])

    def _coming(self, form: Form, stage: int) -> Callable[[], Tensor]:
        return self.driver.carrier.take(form, self.driver.place[stage])

    def _forward(self, at: _Key) -> None:
        states = dict(self.states.pop(at)()) if at.stage else {}
        taken_TD = states[POLICY].requires_grad_() if at.stage else None
        made = self.passes.forward(at.stage, at.number, self.batches[at.number], states)
        given = made[POLICY]
        if GRADIENT in made:
            self.gradients[at] = lambda: made[GRADIENT]
        elif at.stage < len(self.driver.place) - 1:
            passed = {**made, POLICY: given.detach()}
            self.states[_after(at)] = lambda: passed
        self.flights[at] = _Flight(taken_TD, given)

    def _gradient(self, at: _Key) -> Tensor | None:
        """Of what the stage gave; None for the loss."""
        return self.gradients.pop(at)() if at in self.gradients else None

    def _back(self, at: _Key, taken_TD: Tensor | None) -> None:
        """Keep the gradient of what came in for the stage before."""
        if taken_TD is not None:
            gradient_TD = torch.zeros_like(taken_TD) if taken_TD.grad is None else taken_TD.grad
            taken_TD.grad = None
            self.gradients[_before(at)] = lambda: gradient_TD

    def backward(self, at: _Key) -> None:
        flight, gradient = self.flights.pop(at), self._gradient(at)
        if flight.given.requires_grad:  # of the first stage nothing may be trained
            flight.given.backward(gradient)
        self._back(at, flight.taken)

    def inputs(self, at: _Key) -> None:
        flight, gradient = self.flights[at], self._gradient(at)
        flight.rest = gradient
        if flight.taken is not None:  # the first stage has nobody who waits: its weights are done with all else
            told = None if gradient is None else [gradient]
            weights = iter(self.passes.weights(at.stage))
            _, flight.rest = stage_backward_input([flight.given], told, [flight.taken], weights)
            self._back(at, flight.taken)

    def weights(self, at: _Key) -> None:
        flight = self.flights.pop(at)
        if flight.taken is not None:
            stage_backward_weight(iter(self.passes.weights(at.stage)), flight.rest)
        elif flight.given.requires_grad:
            flight.given.backward(flight.rest)


def _after(at: _Key) -> _Key:
    return _Key(at.stage + 1, at.number)


def _before(at: _Key) -> _Key:
    return _Key(at.stage - 1, at.number)


_BACKWARD = {Move.BACKWARD: _Way.backward, Move.INPUTS: _Way.inputs, Move.WEIGHTS: _Way.weights}

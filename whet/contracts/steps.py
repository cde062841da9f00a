"""StepSource: where the samples of each optimizer step come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from whet.contracts.sample import Sample


@dataclass(frozen=True, slots=True)
class Step:
    """The samples of one optimizer step, the same on every rank; each rank fetches only its own.

    `lengths` are tokens a sample (1 for models without tokens); `fetch(i)` reads sample i. `passes` counts the whole
    passes over the data that lie before the step; `samples` are the numbers of its samples in the data set, where there
    is one. `figures` are shown beside those of the step, and `warnings` said,
    where the source has something to tell of them. `answers(num)` tells, as JSON values, what the model answered to the
    first `num` prompts of a rollout, where the step is the first one that learns from it.
    """

    index: int
    lengths: Sequence[int]
    fetch: Callable[[int], Sample]
    epoch: float = 0.0
    passes: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    samples: Sequence[int] = ()
    answers: Callable[[int], Sequence[Mapping[str, Any]]] | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The source has no further step."""

    reason: str


@runtime_checkable
class Stateful(Protocol):
    """A part whose state the checkpoint stores by name. States are JSON values or tensors."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class StepSource(Stateful, Protocol):
    """Yields steps in an order that depends on seed, epoch and manifest alone.

    `total` is the number of steps, fixed before the first one. `can_prefetch`: the next step may be asked for while the
    present one is learned from, in another thread, because it depends on no weights and asks no other rank.
    """

    @property
    def total(self) -> int: ...

    @property
    def can_prefetch(self) -> bool: ...

    def next(self, step: int) -> Step | Stop: ...

"""Executor: what the loop, scoring and export ask of the model of a run, whatever of it lies on which rank."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from whet.contracts.batch import Batch
from whet.contracts.model import PLAIN, Readout

if TYPE_CHECKING:
    from torch import Tensor

# The trained model in `ask`, and figures of `step`: weights that the update before it made infinite or undefined, and
# the factor on the loss with which gradients did not fit into float16.
POLICY, BROKEN, OVERFLOW = "policy", "broken", "overflow"
Weights = Mapping[str, float]


class Executor(Protocol):
    """Runs forward, backward and update. All ranks call the same methods in the same order, with as many batches."""

    def weigh(self, batches: Sequence[Batch], flags: Weights) -> tuple[dict[str, float], dict[str, float]]:
        """Global weight of each term of the step's loss, and `flags` added over ranks."""
        ...

    def step(self, index: int, batches: Sequence[Batch], weights: Weights, factor: float) -> dict[str, float]:
        """Update the weights once. `factor` scales every group's rate, and a group's own `rate` on top of it.

        Returns loss, grad_norm, lr and the objective's metrics over the global step, read from the device at once and
        before the update: it is the one moment of a step that waits for the device. Where the norm is not finite
        nothing is updated: the caller decides. Nor is it where the last update left weights that are no numbers:
        `broken` counts them over ranks. `overflow` says that the next step tries a smaller loss scale.
        torch.OutOfMemoryError leaves weights and state as they were.
        """
        ...

    def abort(self) -> None:
        """Drop what a step that raised has left, and the memory behind it."""
        ...

    def broken(self) -> list[str]:
        """The trained weights that hold an infinite or undefined number on this rank."""
        ...

    def gradients(self, batches: Sequence[Batch]) -> float:
        """Leave the gradient of a step's loss in the parameters, that of the largest loss scale with which it is
        finite, if there is one. Returns its 2-norm over all ranks."""
        ...

    def measure(self, batches: Sequence[Batch], weights: Weights) -> dict[str, float]:
        """Loss and metrics over `batches` without learning, with the weights to evaluate with."""
        ...

    def ask(
        self, batches: Iterable[Batch], want: frozenset[str], readout: Readout = PLAIN, model: str = POLICY
    ) -> Iterator[dict[str, Tensor]]:
        """What a model of the run says of each batch (`whet.contracts.model.Model`): without gradient, in evaluation
        mode, in the run's precision. `model` is the one that is trained, or `reference`, `teacher`."""
        ...

    def weights(self, names: Collection[str] | None = None) -> Iterator[tuple[str, Tensor]]:
        """Name and whole value of each parameter (tied ones once) and persistent buffer, or of those of `names`, one at
        a time. All ranks take part, and must take all."""
        ...

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Inside, the model has the weights that the optimizer evaluates with (an average, say)."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A model of the run as a `Model` that is asked through its executor, and never trained."""

    executor: Executor
    name: str = POLICY

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, Tensor]:
        [found] = self.executor.ask([batch], want, readout, self.name)
        return found

"""What is measured on data that nothing is learned from: the loss of samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from whet.contracts.batch import Batch
from whet.contracts.executor import Executor
from whet.contracts.steps import Step
from whet.train.step.micro_batches import Dealer

# Hears of the batches that are measured.
Hear = Callable[[Sequence[Batch]], None]


class HeldOut(Protocol):
    """Measures; `figure` names the one that early stop follows, and `sign` is -1 where more of it is better."""

    figure: str
    sign: int

    def __call__(self) -> dict[str, float]: ...

    def warnings(self) -> list[str]:
        """What went wrong while it was measured, each once."""
        ...

    def tell(self, hear: Hear) -> None:
        """Have somebody hear of the samples, once, if it measures any."""
        ...


@dataclass(slots=True)
class HeldOutLoss:
    """The objective's loss and figures over samples, as one long step."""

    samples: Step
    dealer: Dealer
    executor: Executor
    is_nll: bool = False  # whether exp(loss) is a perplexity
    figure: str = "loss"
    sign: int = 1
    _hear: Hear | None = None

    def __call__(self) -> dict[str, float]:
        batches = self.dealer(self.samples)
        if self._hear is not None:
            self._hear(batches)
            self._hear = None
        weights, _ = self.executor.weigh(batches, {})
        figures = self.executor.measure(batches, weights)
        return figures | ({"perplexity": math.exp(min(figures["loss"], 700.0))} if self.is_nll else {})

    def warnings(self) -> list[str]:
        return []

    def tell(self, hear: Hear) -> None:
        self._hear = hear

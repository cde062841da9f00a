"""What a tuner may ask before the first step: how long the run is, and the first step's gradient."""

from __future__ import annotations

from dataclasses import dataclass

from whet.contracts.executor import Executor
from whet.contracts.steps import Step, StepSource
from whet.train.step.micro_batches import Dealer


@dataclass(frozen=True, slots=True)
class FirstStep:
    """The first step of a run, looked at without taking it (contract: `whet.contracts.tuner.Calibration`)."""

    source: StepSource
    dealer: Dealer
    executor: Executor

    @property
    def total_steps(self) -> int:
        return self.source.total

    def gradients(self) -> float:
        """Leave the gradient of the first step's loss in the parameters; the source stands where it stood."""
        before = self.source.state_dict()
        step = self.source.next(0)
        self.source.load_state_dict(before)
        assert isinstance(step, Step)
        return self.executor.gradients(self.dealer(step))

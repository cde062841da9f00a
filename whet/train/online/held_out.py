"""What the rewards say of answers to prompts that nothing is learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from whet.base.seeds import derive
from whet.contracts.executor import Executor
from whet.data.render.prompts import Asked
from whet.train.measure.held_out import Hear
from whet.train.online.figures import Failures, rewards_of
from whet.train.online.rollout_worker import Asking


@dataclass(slots=True)
class HeldOutReward:
    """What the rewards say of an answer to each prompt, drawn as those that are learned from.

    The draws are the same at every measurement, so that what changes between two is the model. `settle` waits for
    rollouts on their way, whose engine may be the same.
    """

    asked: Sequence[Asked]
    asking: Asking
    executor: Executor
    seed: int
    settle: Callable[[], None]
    figure: str = "reward"
    sign: int = -1
    _failures: Failures = field(default_factory=Failures)

    def __call__(self) -> dict[str, float]:
        self.settle()
        with self.executor.evaluation_weights():
            share = self.asking(self.asked, 1, derive("held-out reward", self.seed), "answering held-out prompts")
        self._failures.add(share.failures, share.examples)
        lengths = np.concatenate([a.lengths_N for a in share.answered])
        truncated = np.concatenate([a.is_truncated_N for a in share.answered])
        return {
            **rewards_of(share.answered), "length": float(lengths.mean()), "truncated": float(truncated.mean())
        }  # fmt: skip

    def tell(self, hear: Hear) -> None:
        """Its samples are made anew at each measurement."""

    def warnings(self) -> list[str]:
        return self._failures.take()

"""What a trained reward model says."""

from __future__ import annotations

from whet.base.catalogue import reward
from whet.base.settings import Place
from whet.contracts.rewards import Reward


@reward("model", model="path")
def model(*, path: Place, device: str = "auto") -> Reward:
    """The score of a reward model that was trained with `objective: reward`; it runs in this process.

    path: its folder, its run, or the run's name, such as runs/reward
    device: cpu, cuda, cuda:1; a GPU where there is one by default
    """
    from whet.rewards.scorer import ModelReward

    return ModelReward(path, device)

"""Who takes part in rollouts, and what is measured on what is held out: values built from the config."""

from __future__ import annotations

import sys
from typing import Any

from whet.base.run import Run
from whet.contracts.model import Loaded
from whet.contracts.tuner import Tuner
from whet.parallel.world import World
from whet.rewards.build import build_grader
from whet.rewards.limit import FailureLimit
from whet.train.deal import Dealer
from whet.train.executor import Executor
from whet.train.feed import Feed
from whet.train.held_out import HeldOut, HeldOutLoss, HeldOutReward
from whet.train.online.asking import Asking
from whet.train.online.player import player_of, watch_of
from whet.train.online.rollouts import Making
from whet.train.online.scoring import Scoring


def making_of(run: Run, world: World, model: Loaded, method: Tuner, executor: Executor, dealer: Dealer) -> Making:
    """Who answers, grades and scores in the rollouts of this run."""
    player = player_of(run, world, model, is_adapter=method.is_adapter)
    watch = watch_of(run, world, player, lambda text: print(text, file=sys.stderr, flush=True))
    limit = FailureLimit(run.rewards.max_failed)
    asking = Asking(world, player, build_grader(run.rewards), limit, watch, run.rollout.staleness > 0)
    online: Any = executor.objective
    return Making(asking, online, Scoring(executor, dealer, run.rollout.temperature), lambda: dealer.capacity)


def held_out_of(run: Run, fed: Feed, dealer: Dealer, executor: Executor) -> HeldOut | None:
    """What is measured at each evaluation, if anything is held out."""
    if fed.held_out is not None:
        return HeldOutLoss(fed.held_out, dealer, executor)
    if fed.rollouts is None or not fed.held_asked:
        return None
    return HeldOutReward(fed.held_asked, fed.rollouts.making.asking, executor, run.seed, fed.rollouts.settle)

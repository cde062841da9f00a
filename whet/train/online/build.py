"""Who takes part in rollouts, and how far their answers may drift: values built from the config."""

from __future__ import annotations

import sys
from typing import Any

import torch

from whet.base.catalogue import engine
from whet.base.run import Run
from whet.contracts.model import Loaded
from whet.models.decoding.checks import half_the_digits
from whet.parallel.world import World
from whet.rewards.build import build_grader
from whet.rewards.limit import FailureLimit
from whet.train.online.player import player_of, watch_of
from whet.train.online.rollout_worker import Asking
from whet.train.online.rollouts import Making
from whet.train.online.scoring import Scoring
from whet.train.setup.precision import autocast_dtype
from whet.train.setup.trained import Trained
from whet.train.step.micro_batches import Dealer
from whet.train.step.watchdog import DriftLimit


def making_of(trained: Trained, dealer: Dealer) -> Making:
    """Who answers, grades and scores in the rollouts of this run."""
    run, world = trained.run, trained.world
    online: Any = trained.objective
    player = player_of(run, world, trained.loaded, trained.executor, is_adapter=trained.tuner.is_adapter)
    watch = watch_of(run, world, player, lambda text: print(text, file=sys.stderr, flush=True))
    limit = FailureLimit(run.rewards.max_failed)
    asking = Asking(world, player, build_grader(run.rewards), limit, watch, run.rollout.staleness > 0)
    return Making(asking, online, Scoring(trained.executor, dealer, run.rollout.temperature), lambda: dealer.capacity)


def drift_limit(run: Run, world: World, model: Loaded) -> DriftLimit:
    """Half of the digits of the precision that training computes in; of bf16 for an engine of another process, whose
    precision is its own."""
    if engine.get(run.rollout.engine.kind).facts.in_training:
        dtype = autocast_dtype(run, world.device) or next(model.module.parameters()).dtype
        return DriftLimit(
            half_the_digits(torch.float32 if dtype == torch.float64 else dtype),
            "What draws at random in training does that (dropout and noise: set them to 0 in the model's config or the "
            "tuner); else this model is decoded wrongly here, and another rollout.engine answers rightly.",
        )
    return DriftLimit(
        half_the_digits(torch.bfloat16),
        "The engine has other weights than training, or reads them otherwise (quantized, another precision, another "
        "model): send it these weights, or serve them as they are trained.",
    )

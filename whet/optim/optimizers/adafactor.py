"""Adafactor: second moments as row and column means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from whet.base.catalogue import optimizer
from whet.base.settings import NonNegative, Positive
from whet.optim.costs import StateBytes, Trained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def factored_numbers(shape: tuple[int, ...]) -> int:
    """Numbers in the row and column means of a matrix, or in a vector."""
    return math.prod(shape) if len(shape) < 2 else math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return 4 * factored_numbers(tuple(trained.shape))


@optimizer("adafactor", state_bytes=StateBytes(_bytes), one_by_one=True)
def adafactor(
    groups: ParamGroups,
    *,
    lr: Positive = 1e-2,
    decay_power: Annotated[float, Ge(-1), Le(0)] = -0.8,
    eps: Positive = 1e-3,
    clip: Positive = 1.0,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
) -> Optimizer:
    """Factored second moments and a relative rate (Shazeer and Stern 2018, algorithm 4), without momentum.

    lr: largest rate, relative to the weight's root mean square; 1/sqrt(step) where that is less
    decay_power: the second moment forgets as the step to this power
    eps: the least root mean square that a weight counts with
    clip: largest root mean square of an update
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    """
    from whet.optim.factored import Adafactor
    from whet.optim.family import Family

    return Family(groups, groups.with_decay(weight_decay, decay), Adafactor(decay_power, eps, clip), lr=lr)

"""BuildContext: what a model source is told besides its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from whet.contracts.model import Head
from whet.contracts.tuner import Tuner

if TYPE_CHECKING:
    from whet.models.probing.probes import Verdict


@dataclass(frozen=True, slots=True)
class BuildContext:
    """How the model is built.

    `dtype` is that of the weights, `seed` where draws begin. `tuner` prepares the model and its probes' twin alike;
    without one, all parameters are trained. `head` asks for a model with another head than that of a language model.
    With `values` a language model gets a head that gives each token's place a number. `ahead` asks for that many
    modules that predict tokens after the next one. `verdict` is how the model may be run, where that is known.
    """

    dtype: torch.dtype = torch.float32
    seed: int = 0
    tuner: Tuner | None = None
    head: Head | None = None
    values: bool = False
    ahead: int = 0
    verdict: Verdict | None = None

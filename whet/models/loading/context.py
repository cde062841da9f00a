"""BuildContext: what a model source is told besides its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from whet.base.seeds import forked
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Head
from whet.contracts.tuner import Tuner
from whet.models.features.carried import carry

if TYPE_CHECKING:
    from whet.models.probing.probes import Verdict


@dataclass(frozen=True, slots=True)
class BuildContext:
    """How the model is built.

    `dtype` is that of the weights, `seed` where draws begin. `tuner` prepares the model and its probes' twin alike;
    without one, all parameters are trained. `head` asks for a model with another head than that of a language model.
    `features` may add parts to it. `verdict` is how the model may be run, where that is known.
    """

    dtype: torch.dtype = torch.float32
    seed: int = 0
    tuner: Tuner | None = None
    head: Head | None = None
    features: Sequence[ModelFeature] = ()
    verdict: Verdict | None = None

    def prepared(self, module: nn.Module, device: str) -> nn.Module:
        """The module as the tuner makes it, with the parts of its features: on meta, and again with values ("cpu")."""
        if self.tuner is not None:
            with forked(self.seed, "tuner"):
                module = self.tuner.prepare(module)
        for feature in self.features:
            with torch.device(device):
                feature.extend(module, self.dtype, self.seed)
            carry(module, feature)
        return module

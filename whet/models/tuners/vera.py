"""VeRA: shared random matrices, of which only two vectors a layer are trained (Kopiczko et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count, Momentum, Natural, Positive

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("vera")
def vera(
    *,
    rank: Count = 256,
    dropout: Momentum = 0.0,
    start: Positive = 0.1,
    seed: Natural = 0,
    targets: tuple[str, ...] | str = "all-linear",
    layers: tuple[Natural, ...] = (),
    modules_to_save: tuple[str, ...] = (),
) -> PeftTuner:
    """Train two scaling vectors a layer around one pair of frozen random matrices.

    rank: size of the shared random matrices
    dropout: share of a layer's input dropped while training
    start: first value of the inner vector
    seed: seed of the random matrices
    targets: all-linear (every linear layer but the head), names of modules, or a regular expression
    layers: only these layers, counted from 0
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    """
    from whet.models.tuning.peft_tuner import PeftTuner
    from whet.models.tuning.targets import chosen_modules

    settings = {
        "r": rank,
        "vera_dropout": dropout,
        "d_initial": start,
        "projection_prng_key": seed,
    }
    return PeftTuner("vera", settings | chosen_modules(targets, (), layers, modules_to_save))

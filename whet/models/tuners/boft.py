"""BOFT: orthogonal matrices as products of butterfly factors (Liu et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count, Momentum, Natural

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("boft")
def boft(
    *,
    block: Count = 4,
    factors: Count = 1,
    dropout: Momentum = 0.0,
    targets: tuple[str, ...] | str = "all-linear",
    exclude: tuple[str, ...] | str = (),
    layers: tuple[Natural, ...] = (),
    modules_to_save: tuple[str, ...] = (),
) -> PeftTuner:
    """Train orthogonal matrices made of butterfly factors that turn each layer.

    block: size of an orthogonal block
    factors: butterfly factors
    dropout: share of blocks left as they are while training
    targets: all-linear (every linear layer but the head), names of modules, or a regular expression
    exclude: names, or a regular expression, of modules that are left out, such as [lm_head]
    layers: only these layers, counted from 0
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    """
    from whet.models.tuning.peft_tuner import PeftTuner
    from whet.models.tuning.targets import chosen_modules

    settings = {
        "boft_block_size": block,
        "boft_n_butterfly_factor": factors,
        "boft_dropout": dropout,
    }
    return PeftTuner("boft", settings | chosen_modules(targets, exclude, layers, modules_to_save))

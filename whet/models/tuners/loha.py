"""LoHa: the elementwise product of two low-rank matrices beside each layer (Hyeon-Woo et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count, Momentum, Natural, Positive

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("loha")
def loha(
    *,
    rank: Count = 8,
    alpha: Positive = 8,
    rank_dropout: Momentum = 0.0,
    module_dropout: Momentum = 0.0,
    targets: tuple[str, ...] | str = "all-linear",
    exclude: tuple[str, ...] | str = (),
    layers: tuple[Natural, ...] = (),
    modules_to_save: tuple[str, ...] = (),
) -> PeftTuner:
    """Train the elementwise product of two low-rank matrices beside each layer.

    rank: rank of each of the two
    alpha: their scale is alpha / rank
    rank_dropout: share of ranks dropped while training
    module_dropout: share of layers whose adapter is dropped while training
    targets: all-linear (every linear layer but the head), names of modules, or a regular expression
    exclude: names, or a regular expression, of modules that are left out, such as [lm_head]
    layers: only these layers, counted from 0
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    """
    from whet.models.tuning.peft_tuner import PeftTuner
    from whet.models.tuning.targets import chosen_modules

    settings = {
        "r": rank,
        "alpha": alpha,
        "rank_dropout": rank_dropout,
        "module_dropout": module_dropout,
    }
    return PeftTuner("loha", settings | chosen_modules(targets, exclude, layers, modules_to_save))

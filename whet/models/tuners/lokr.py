"""LoKr: a Kronecker product of small matrices beside each layer (Edalati et al. 2022; Yeh et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count, Momentum, Natural, Positive

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("lokr")
def lokr(
    *,
    rank: Count = 8,
    alpha: Positive = 8,
    factor: int = -1,
    decompose_both: bool = False,
    rank_dropout: Momentum = 0.0,
    module_dropout: Momentum = 0.0,
    targets: tuple[str, ...] | str = "all-linear",
    exclude: tuple[str, ...] | str = (),
    layers: tuple[Natural, ...] = (),
    modules_to_save: tuple[str, ...] = (),
) -> PeftTuner:
    """Train a Kronecker product of two small matrices beside each layer.

    rank: rank of the larger factor
    alpha: the scale is alpha / rank
    factor: how the sizes are split; -1 as near to square as they divide
    decompose_both: give the smaller factor a low rank as well
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
        "decompose_factor": factor,
        "decompose_both": decompose_both,
        "rank_dropout": rank_dropout,
        "module_dropout": module_dropout,
    }
    return PeftTuner("lokr", settings | chosen_modules(targets, exclude, layers, modules_to_save))

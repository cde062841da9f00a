"""AdaLoRA: the rank of each layer's adapter follows from what its parts matter (Zhang et al. 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whet.base.catalogue import tuner
from whet.base.settings import Count, Fraction, Momentum, Natural, NonNegative, Positive

if TYPE_CHECKING:
    from whet.models.tuning.adalora import AdaLora


@tuner("adalora", refuses={"ranks.several": "what a rank is worth is measured on one process"})
def adalora(
    *,
    rank: Count = 8,
    start_rank: Count = 12,
    alpha: Positive | None = None,
    dropout: Momentum = 0.0,
    warmup: Fraction = 0.1,
    final: Fraction = 0.3,
    every: Count = 1,
    betas: tuple[Momentum, Momentum] = (0.85, 0.85),
    orthogonal: NonNegative = 0.5,
    targets: tuple[str, ...] | str = "all-linear",
    exclude: tuple[str, ...] | str = (),
    layers: tuple[Natural, ...] = (),
    modules_to_save: tuple[str, ...] = (),
) -> AdaLora:
    """Start with more rank than is wanted, and take away what matters least, layer by layer.

    rank: mean rank of a layer at the end
    start_rank: rank of every layer at the start
    alpha: the adapter's scale is alpha / start_rank; twice the start by default
    dropout: share of a layer's input that the adapter does not see while training
    warmup: share of the run before anything is taken away
    final: share of the run after the last of it
    every: steps between decisions
    betas: decay rates of importance and of its uncertainty
    orthogonal: weight of the term that keeps the outer matrices orthogonal
    targets: all-linear (every linear layer but the head), names of modules, or a regular expression
    exclude: names, or a regular expression, of modules that are left out, such as [lm_head]
    layers: only these layers, counted from 0
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    """
    from whet.base.errors import ConfigError
    from whet.models.tuning.adalora import AdaLora, Budget
    from whet.models.tuning.targets import chosen_modules

    if rank > start_rank:
        raise ConfigError(
            f"`rank` {rank} is above `start_rank` {start_rank}", at="tuner", hint=f"tuner.start_rank={rank}"
        )
    if warmup + final >= 1:
        raise ConfigError("`warmup` and `final` leave no time between them", at="tuner", hint="tuner.final=0.3")
    settings: dict[str, Any] = {
        "target_r": rank,
        "init_r": start_rank,
        "lora_alpha": 2 * start_rank if alpha is None else alpha,
        "lora_dropout": dropout,
        "orth_reg_weight": orthogonal,
        "beta1": betas[0],
        "beta2": betas[1],
        "deltaT": every,
        **chosen_modules(targets, exclude, layers, modules_to_save),
    }
    return AdaLora(settings, Budget(rank, start_rank, warmup, final, every), betas, orthogonal)

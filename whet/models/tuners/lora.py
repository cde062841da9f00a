"""LoRA and its variants: a low-rank matrix beside each chosen linear layer (Hu et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import tuner
from whet.base.settings import Count, Momentum, Natural, Positive

if TYPE_CHECKING:
    from whet.models.tuning.lora import Lora

Start = Literal["default", "gaussian", "orthogonal", "pissa", "pissa-fast", "olora", "lora-ga", "loftq"]


@tuner("lora", settings={"init=loftq": "tuner.whole_weights", "init=lora-ga": "tuner.whole_weights"}, traced=("rank",))
def lora(
    *,
    rank: Count = 16,
    alpha: Positive | None = None,
    dropout: Momentum = 0.0,
    targets: tuple[str, ...] | str = "all-linear",
    parameters: tuple[str, ...] = (),
    exclude: tuple[str, ...] | str = (),
    layers: tuple[Natural, ...] = (),
    modules_to_save: tuple[str, ...] = (),
    bias: Literal["none", "all", "lora_only"] = "none",
    init: Start = "default",
    rslora: bool = False,
    dora: bool = False,
    plus: Positive = 1.0,
    fast: bool = True,
) -> Lora:
    """Train a low-rank matrix beside each chosen linear layer; the model itself stays frozen.

    rank: rank of the added matrices
    alpha: their scale is alpha / rank; twice the rank by default
    dropout: share of a layer's input that the added matrices do not see while training
    targets: all-linear (every linear layer but the head), names of modules, or a regular expression
    parameters: names of three-dimensional parameters, or `experts` for those of a mixture of experts
    exclude: names, or a regular expression, of modules that are left out, such as [lm_head]
    layers: only these layers, counted from 0
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    bias: which biases are trained as well
    init: how they start; pissa, olora from the weights, lora-ga from a first gradient, loftq from what was rounded off
    rslora: scale by alpha / sqrt(rank) instead (rsLoRA)
    dora: train the length of each weight column apart from its direction (DoRA)
    plus: learning rate of the second matrix over that of the first (LoRA+); 16 is usual there
    fast: compute plain layers by kernels of ours, which keep less for the backward pass
    """
    from whet.base.errors import ConfigError
    from whet.models.tuning.lora import Lora, peft_start
    from whet.models.tuning.targets import chosen_modules

    if dora and init in ("pissa", "pissa-fast", "olora", "lora-ga"):
        raise ConfigError(
            f"`dora` with `init: {init}` has no form that PEFT could load", at="tuner", hint="tuner.dora=false"
        )
    if dora and init == "loftq":
        raise ConfigError("`dora` takes lengths before `init: loftq` starts", at="tuner", hint="tuner.dora=false")
    settings: dict[str, Any] = {
        "r": rank,
        "lora_alpha": 2 * rank if alpha is None else alpha,
        "lora_dropout": dropout,
        "bias": bias,
        "init_lora_weights": peft_start(init),
        "use_rslora": rslora,
        "use_dora": dora,
        "target_parameters": list(parameters) or None,
        **chosen_modules(targets, exclude, layers, modules_to_save),
    }
    return Lora(settings, init=init, plus=plus, fast=fast)

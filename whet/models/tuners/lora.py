"""LoRA and its variants: a low-rank matrix beside each chosen linear layer (Hu et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import tuner
from whet.base.settings import Count, Momentum, Natural, Positive

if TYPE_CHECKING:
    from whet.models.peft_tuner import PeftTuner

Start = Literal["default", "gaussian", "orthogonal", "pissa", "olora"]


@tuner("lora")
def lora(
    *,
    rank: Count = 16,
    alpha: Positive | None = None,
    dropout: Momentum = 0.0,
    targets: tuple[str, ...] | str = "all-linear",
    exclude: tuple[str, ...] | str = (),
    layers: tuple[Natural, ...] = (),
    bias: Literal["none", "all", "lora_only"] = "none",
    modules_to_save: tuple[str, ...] = (),
    init: Start = "default",
    rslora: bool = False,
    dora: bool = False,
) -> PeftTuner:
    """Train a low-rank matrix beside each chosen linear layer; the model itself stays frozen.

    rank: rank of the added matrices
    alpha: their scale is alpha / rank; twice the rank by default
    dropout: share of a layer's input that the added matrices do not see while training
    targets: all-linear (every linear layer but the head), names of modules, or a regular expression
    exclude: names, or a regular expression, of modules that are left out
    layers: only these layers, counted from 0
    bias: which biases are trained as well
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    init: how the matrices start; pissa and olora take them from the weights
    rslora: scale by alpha / sqrt(rank) instead
    dora: train the length of each weight column apart from its direction
    """
    from whet.models.peft_tuner import PeftTuner, as_targets

    settings: dict[str, Any] = {
        "r": rank,
        "lora_alpha": 2 * rank if alpha is None else alpha,
        "lora_dropout": dropout,
        "target_modules": as_targets(targets),
        "exclude_modules": as_targets(exclude) or None,
        "layers_to_transform": list(layers) or None,
        "bias": bias,
        "modules_to_save": list(modules_to_save) or None,
        "init_lora_weights": True if init == "default" else init,
        "use_rslora": rslora,
        "use_dora": dora,
    }
    return PeftTuner("lora", settings, changes_base=init in {"pissa", "olora"})

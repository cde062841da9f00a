"""IA3: a vector scales keys, values and the inner activations of each layer (Liu et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whet.base.catalogue import tuner

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("ia3")
def ia3(
    *,
    targets: tuple[str, ...] | str = "auto",
    feedforward: tuple[str, ...] = (),
    exclude: tuple[str, ...] | str = (),
    modules_to_save: tuple[str, ...] = (),
) -> PeftTuner:
    """Train vectors that scale keys, values and inner activations; the fewest parameters of all.

    targets: auto (PEFT's for this model, else keys, values and the MLP's last layer), names, or a regular expression
    feedforward: those targets whose input is scaled instead of their output
    exclude: names, or a regular expression, of modules that are left out, such as [lm_head]
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    """
    from whet.base.errors import ConfigError
    from whet.models.tuning.peft_tuner import PeftTuner
    from whet.models.tuning.targets import chosen_modules

    if feedforward and targets == "auto":
        raise ConfigError(
            "`feedforward` needs `targets`", at="tuner.targets", hint="tuner.targets=[k_proj,v_proj,down_proj]"
        )
    settings: dict[str, Any] = chosen_modules(targets, exclude, (), modules_to_save)
    if targets != "auto":
        settings["feedforward_modules"] = list(feedforward)
    return PeftTuner("ia3", settings)

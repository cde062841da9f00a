"""LN tuning: only the norms are trained (Zhao et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whet.base.catalogue import tuner

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("ln-tuning")
def ln_tuning(
    *,
    targets: tuple[str, ...] | str = "all-norms",
    exclude: tuple[str, ...] | str = (),
    modules_to_save: tuple[str, ...] = (),
) -> PeftTuner:
    """Train the norms and nothing else.

    targets: all-norms, names of norms, or a regular expression
    exclude: names, or a regular expression, of modules that are left out, such as [lm_head]
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    """
    from whet.models.tuning.peft_tuner import PeftTuner
    from whet.models.tuning.targets import chosen_modules

    settings: dict[str, Any] = chosen_modules(targets, exclude, (), modules_to_save)
    return PeftTuner("ln_tuning", settings)

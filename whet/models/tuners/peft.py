"""Any other method of the installed PEFT, by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whet.base.catalogue import tuner

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("peft")
def peft(*, method: str, settings: dict[str, Any] = {}) -> PeftTuner:  # noqa: B006  (a default is never written to)
    """Any method of the installed PEFT, with its own settings.

    method: PEFT's name of it, such as hra, fourierft, randlora, miss, vblora
    settings: fields of its config, such as {r: 8, target_modules: all-linear}
    """
    from whet.models.tuning.peft_tuner import PeftTuner, check_fields

    check_fields(method, settings)
    return PeftTuner(method, settings)

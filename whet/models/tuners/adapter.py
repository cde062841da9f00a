"""An adapter that is there already, trained further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Place

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("adapter")
def adapter(*, path: Place) -> PeftTuner:
    """Continue an adapter: its method, its settings and its weights; the model is its base.

    path: folder of the adapter, or the run or name of a run that made it, such as runs/first
    """
    from whet.models.tuning.continued import continued

    return continued(path)

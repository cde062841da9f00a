"""Prefix tuning: keys and values before the first token of every layer are trained (Li and Liang 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count, Natural

if TYPE_CHECKING:
    from whet.models.tuning.prompting import PromptTuner


@tuner("prefix", virtual=True)
def prefix(*, tokens: Count = 16, hidden: Natural = 0) -> PromptTuner:
    """Train keys and values of virtual tokens in every layer.

    tokens: virtual tokens
    hidden: width of a network that makes them while training; 0 trains them as they are
    """
    from whet.models.tuning.prompting import PromptTuner

    settings = {
        "num_virtual_tokens": tokens,
        "prefix_projection": hidden > 0,
        "encoder_hidden_size": hidden or None,
    }
    return PromptTuner("prefix_tuning", settings)

"""Prompt tuning: embeddings before the first token are trained (Lester et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import tuner
from whet.base.settings import Count

if TYPE_CHECKING:
    from whet.models.tuning.prompting import PromptTuner


@tuner("prompt", virtual=True)
def prompt(*, tokens: Count = 16, start: Literal["random", "sample"] = "sample") -> PromptTuner:
    """Train the embeddings of virtual tokens before every sample.

    tokens: virtual tokens
    start: random numbers, or embeddings of words drawn from the vocabulary
    """
    from whet.models.tuning.prompting import PromptTuner

    settings = {
        "num_virtual_tokens": tokens,
        "prompt_tuning_init": {"random": "RANDOM", "sample": "SAMPLE_VOCAB"}[start],
    }
    return PromptTuner("prompt_tuning", settings)

"""P-tuning: a small network makes the embeddings before the first token (Liu et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import tuner
from whet.base.settings import Count

if TYPE_CHECKING:
    from whet.models.tuning.prompting import PromptTuner


@tuner("p-tuning", virtual=True)
def p_tuning(*, tokens: Count = 16, network: Literal["mlp", "lstm"] = "mlp", hidden: Count = 128) -> PromptTuner:
    """Train a network that gives the embeddings of virtual tokens before every sample.

    tokens: virtual tokens
    network: the network
    hidden: its width
    """
    from whet.models.tuning.prompting import PromptTuner

    settings = {
        "num_virtual_tokens": tokens,
        "encoder_reparameterization_type": network.upper(),
        "encoder_hidden_size": hidden,
    }
    return PromptTuner("p_tuning", settings)

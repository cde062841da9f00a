"""Batch norm in a run: what is said of it where the statistics are those of the whole step that it trains.

Where they are not, `whet.train.setup.combinations` refuses it: the gradient would depend on how samples are split into
micro-batches and ranks, and tokens of other samples would be seen.
"""

from __future__ import annotations

from whet.contracts.model import Loaded
from whet.models.forward.batch_norm import live


def on_batch_norm(model: Loaded) -> tuple[str, ...]:
    """A sentence where a model that is trained normalises over the samples of a step."""
    names = live(model.module)
    if not names or not any(parameter.requires_grad for parameter in model.module.parameters()):
        return ()
    return (
        f"`{names[0]}` is a batch norm: a sample is normalised by the others of its step, so the loss is no sum over "
        "samples. A step is one micro-batch on one process, and another batch size or order gives other gradients",
    )

"""Batch norm in a run: where its statistics are those of the whole step it trains, elsewhere it is refused."""

from __future__ import annotations

from torch import nn

from whet.base.errors import ModelError
from whet.base.run import Run
from whet.contracts.model import Loaded
from whet.models.forward.batch_norm import live
from whet.parallel.world import World
from whet.train.setup.sources import BATCH_SAMPLES

_INSTEAD = "use layer or group norm, or a `train` method that leaves it in evaluation mode"


def on_batch_norm(run: Run, world: World, model: Loaded) -> tuple[str, ...]:
    """A sentence where the model normalises over the samples of a step; none where it does not, or nothing is trained.

    Raises ModelError where it would normalise over a part of them: the gradient would depend on how samples are split
    into micro-batches and ranks, and tokens of other samples would be seen.
    """
    names = live(model.module)
    if not names or not any(parameter.requires_grad for parameter in model.module.parameters()):
        return ()
    what = f"`{names[0]}` is a batch norm"
    if model.capabilities.tokens:
        raise ModelError(f"{what}: a token would be normalised by those of other samples", at="model", hint=_INSTEAD)
    apart = [name for name in names if not isinstance(model.module.get_submodule(name), nn.SyncBatchNorm)]
    if apart and world.count("data") > 1:
        raise ModelError(
            f"`{apart[0]}` is a batch norm: each of {world.count('data')} ranks would normalise by its own samples",
            at="model", hint=f"one process, or {_INSTEAD}",
        )  # fmt: skip
    samples, wanted = run.train.batch_samples or BATCH_SAMPLES, run.train.micro_batch
    if isinstance(wanted, int) and wanted < samples:
        raise ModelError(
            f"{what}: each micro-batch of {wanted} would be normalised by itself, and a step has {samples} samples",
            at="train.micro_batch", hint=f"train.micro_batch={samples}, or {_INSTEAD}",
        )  # fmt: skip
    return (
        f"{what}: a sample is normalised by the others of its step, so the loss is no sum over samples. A step is one "
        "micro-batch on one process, and another batch size or order gives other gradients",
    )

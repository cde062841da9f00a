"""Batch norm: which layers of a module normalise by the samples of a micro-batch while it trains, and with too few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from whet.base.errors import RunError

_TOO_FEW = "Expected more than 1 value per channel when training"  # PyTorch 2.13


def live(module: nn.Module) -> tuple[str, ...]:
    """Names of the batch norms that take their statistics from what they are given in training mode.

    Others stay in evaluation mode when the module is put to training (a `train` method of their owner's), and give
    each sample what the running statistics say.
    """
    norms = {name: part for name, part in module.named_modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)}
    if not norms:
        return ()
    before = {part: part.training for part in module.modules()}
    module.train()
    found = tuple(name for name, part in norms.items() if part.training or part.running_mean is None)
    for part, was_training in before.items():
        part.training = was_training
    return found


@contextmanager
def told() -> Iterator[None]:
    """Inside, a step that leaves a batch norm a single number to normalise by is refused in a sentence."""
    try:
        yield
    except ValueError as error:
        if _TOO_FEW not in str(error):
            raise
        raise RunError(
            "a step has a single sample, by which a batch norm cannot normalise",
            at="train.batch_samples",
            hint="another train.batch_samples, so that no step has one sample alone",
        ) from error

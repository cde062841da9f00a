"""Batch norm: which layers of a module normalise by the samples of a micro-batch while it trains."""

from __future__ import annotations

from torch import nn


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

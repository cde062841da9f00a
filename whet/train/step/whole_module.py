"""A whole model of a rank's own, of one whose parts lie on several: to answer with."""

from __future__ import annotations

from torch import nn

from whet.contracts.executor import Executor
from whet.generate.shadow_model import beside, shape_of


def whole_copy(module: nn.Module, executor: Executor) -> nn.Module:
    """A tree beside a module whose layers, matrices or tokens ranks share (`World.shares_layers`), with all weights as
    they are now, in evaluation mode, which takes the memory of the whole model. All ranks call it together."""
    tensors = {name: tensor.detach().clone() for name, tensor in (*module.named_buffers(), *executor.weights())}
    return beside(shape_of(module), tensors)

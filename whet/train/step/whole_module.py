"""A whole model of a rank's own, of one whose parts lie on several: to answer with, and to be looked at."""

from __future__ import annotations

from torch import nn

from whet.contracts.executor import Executor
from whet.generate.shadow_model import beside, shape_of
from whet.parallel.pipeline.stages import stages_of


def whole_module(module: nn.Module, executor: Executor) -> nn.Module:
    """The module itself; of one that is cut into stages a tree beside it with all weights as they are now, in
    evaluation mode, which takes the memory of the whole model. All ranks call it together."""
    return module if stages_of(module) is None else whole_copy(module, executor)


def whole_copy(module: nn.Module, executor: Executor) -> nn.Module:
    """Such a tree beside a module whose layers, matrices or tokens ranks share (`World.shares_layers`)."""
    tensors = {name: tensor.detach().clone() for name, tensor in (*module.named_buffers(), *executor.weights())}
    return beside(shape_of(module), tensors)

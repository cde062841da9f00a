"""What a rank answers with, of a model whose parts lie on several: a whole one of its own, or its own stages."""

from __future__ import annotations

from torch import nn

from whet.contracts.executor import Executor
from whet.generate.shadow_model import beside, shape_of
from whet.parallel.world import World
from whet.train.step.stage_module import stage_of_now


def whole_copy(module: nn.Module, executor: Executor) -> nn.Module:
    """A tree beside a module whose layers, matrices or tokens ranks share (`World.shares_layers`), with all weights as
    they are now, in evaluation mode, which takes the memory of the whole model. All ranks call it together."""
    tensors = {name: tensor.detach().clone() for name, tensor in (*module.named_buffers(), *executor.weights())}
    return beside(shape_of(module), tensors)


def answering_module(module: nn.Module, world: World, executor: Executor) -> nn.Module:
    """What answers as a whole module does, called by all ranks alike: itself where ranks share no layers, a whole copy
    where they do, and where they have different ones each one's own stages."""
    if not world.shares_layers:
        return module
    return stage_of_now(module, world) if world.count("stages") > 1 else whole_copy(module, executor)

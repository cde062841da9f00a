"""A rank's own stages of a model whose layers lie on several ranks: to answer with, beside those that train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.generate.eval_mode import reshard
from whet.generate.shadow_model import beside, shape_of
from whet.kernels.layout import whole_tensor
from whet.models.features.carried import carry
from whet.models.loading.fill import plain_tensors
from whet.parallel.pipeline.over_stages import OverStages
from whet.parallel.pipeline.stages import PassThrough, of_stages
from whet.parallel.world import World


def answering_module(module: nn.Module, world: World) -> nn.Module:
    """What answers as a whole module does, called by all ranks alike: itself, or where ranks have different layers each
    one's own stages."""
    return stage_of_now(module, world) if world.count("stages") > 1 else module


def stage_of_now(live: nn.Module, world: World) -> OverStages:
    """The model over stages with the weights as they are now. What ranks of one stage share is put together, all of
    them calling this at once; the rest takes no memory."""
    reshard(live)
    weights = {name: _whole(parameter) for name, parameter in live.named_parameters()}
    return stage_with(stage_shape(live), dict(live.named_buffers()) | weights, world)


def stage_shape(live: nn.Module) -> nn.Module:
    """The tree of this rank's stages without values, for `stage_with` to fill. Not while a forward runs."""
    shape = beside(shape_of(live))
    for name, part in live.named_modules():
        if isinstance(part, PassThrough):
            owner, _, last = name.rpartition(".")
            shape.get_submodule(owner)._modules[last] = part
        else:
            vars(shape.get_submodule(name)).update(plain_tensors(part))
    carry(shape, of_stages(live))
    return shape


def stage_with(shape: nn.Module, tensors: Mapping[str, Tensor], world: World) -> OverStages:
    """The model over stages with these whole parameters and buffers of the rank's own, among the ranks of `world`."""
    twin = beside(shape, tensors)
    return OverStages(twin, replace(of_stages(shape), group=world.group("stages")))


def _whole(parameter: Tensor) -> Tensor:
    return whole_tensor(parameter) if isinstance(parameter, DTensor) else parameter

"""Cut a model over the ranks, before it has values: what `tensor` cuts, then each layer and the root (FSDP2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    FSDPModule,
    MixedPrecisionPolicy,
    fully_shard,
    register_fsdp_forward_method,
)
from torch.utils._pytree import tree_map_only

from whet.base.parallel import Parallel
from whet.contracts.model import Loaded
from whet.kernels.quantized import Quantized
from whet.models.blocks import layers_of_both
from whet.models.features.carried import carry
from whet.parallel.context import Context
from whet.parallel.experts import Groups, deal
from whet.parallel.handed import hand_on
from whet.parallel.noise import NoiseOfHeads
from whet.parallel.pipeline.cut import cut as cut_stages
from whet.parallel.plan import ParallelPlan
from whet.parallel.sequence import lay
from whet.parallel.tensor import cut
from whet.parallel.world import World


def shard(
    model: Loaded, world: World, settings: Parallel, forwards: tuple[str, ...], *, on_host: bool = False
) -> nn.Module:
    """Cut the model's module as the plan of its ranks says. `forwards` are methods of the root that run as a forward.

    The module is on meta and stays there: `whet.parallel.fill` gives every rank the values of its own shards. Quantized
    weights are whole on every rank. `on_host` shards lie in the memory of the host, and so will their gradients and the
    optimizer's state (FSDP2's own offload). Gradients are summed over ranks, not averaged: the loop has
    divided by global weights already. Raises ModelError where the model does not divide.
    """
    module, plan = model.module, ParallelPlan.of(model, settings, world.sizes)
    if plan.stages is not None:
        cut_stages(model, plan.stages, world.index("stages"), world.group("stages"))
        plan = plan.on(module)
    if (over := world.weights("tensor")) is not None:
        cut(module, plan.styles, over, plan.regions)
        lay(module, plan.regions, over.get_group())
    if (over := world.experts("model", "tensor")) is not None:
        deal(module, plan.experts, over, Groups(world.group("expert"), world.group("tensor")))
    if (group := world.group("context")) is not None:
        carry(module, Context(group, *world.parts("context", plan.sharing_heads)))
    if (over := world.weights("tensor")) is not None:  # around what goes in a ring, too
        carry(module, NoiseOfHeads(over.get_local_rank()))
    if (mesh := world.weights("replicate", "fsdp")) is None:
        return module
    # The blocks of a quantized weight, and those of its magnitudes, do not end where shards would.
    packed: set[nn.Parameter] = {parameter for parameter in module.parameters() if isinstance(parameter, Quantized)}
    reduced = _reduced(module)
    how: Any = {"ignored_params": packed, "mp_policy": reduced}
    if on_host:
        how["offload_policy"] = CPUOffloadPolicy(pin_memory=world.device.type == "cuda")
    apart = world.experts("replicate", "part") if world.group("expert") is not None else None
    for name in plan.experts if apart is not None else ():
        fully_shard(module.get_submodule(name), mesh=apart, reshard_after_forward=plan.mesh.zero == 3, **how)
    has_two_stacks = model.capabilities.family == "seq2seq"
    for block in map(module.get_submodule, layers_of_both(module) if has_two_stacks else model.layers):
        if next(block.parameters(), None) is not None:
            fully_shard(block, mesh=mesh, reshard_after_forward=plan.mesh.zero == 3, **how)
            if has_two_stacks:
                hand_on(block)
    fully_shard(module, mesh=mesh, reshard_after_forward=False, **how)
    _sum_gradients(module, world)
    for name in forwards:
        setattr(module, name, _without_views(getattr(module, name)))
        register_fsdp_forward_method(module, name)
    return module


def _without_views(forward: Callable[..., Any]) -> Callable[..., Any]:
    """FSDP2 warns of outputs that are parts of others: what is added to one in place would not reach its gradients."""

    def run(*args: Any, **settings: Any) -> Any:
        return tree_map_only(Tensor, lambda x: x.clone() if x._is_view() else x, forward(*args, **settings))

    return run


def _reduced(module: nn.Module) -> MixedPrecisionPolicy:
    """Gradients of bfloat16 weights are added over ranks in float32."""
    trained = {p.dtype for p in module.parameters() if p.requires_grad}
    is_narrow = bool(trained) and all(dtype.itemsize < 4 for dtype in trained)
    return MixedPrecisionPolicy(reduce_dtype=torch.float32 if is_narrow else None)


def begin(module: nn.Module) -> None:
    """Let FSDP look over all of a module whose forwards will show it but a part at a time (stages)."""
    if isinstance(module, FSDPModule):  # torch (2.13) looks at what a module holds when it first runs, and only then
        fully_shard.state(module)._lazy_init()  # type: ignore[attr-defined]


def gather_root(module: nn.Module) -> None:
    """Put together what FSDP's root holds, of a module whose parts are called and which is not called itself."""
    if isinstance(module, FSDPModule):
        module.unshard()


def sum_gradients_now(module: nn.Module, is_now: bool) -> None:
    """Whether the next backward pass adds its gradients, and those that it finds, over ranks (ZeRO-2 and 3: always)."""
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(is_now)


def _sum_gradients(module: nn.Module, world: World) -> None:
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)
            if world.device.type == "cpu":  # gloo has no PREMUL_SUM
                part.set_force_sum_reduction_for_comms(True)

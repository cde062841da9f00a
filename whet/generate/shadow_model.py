"""Answering beside a trainer: modules over the same tensors, or over copies of them, that nobody else calls.

What trains sets flags on its modules (training mode, adapters off). An answer in a thread that was left behind could
find them changed under it, or change them; in a tree of modules of its own it does neither.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.generate.eval_mode import borrowed
from whet.models.tuning import fast_lora
from whet.parallel.pipeline.over_stages import OverStages

_SHAPE = "whet_shape"


@contextmanager
def answering(module: nn.Module) -> Iterator[nn.Module]:
    """What to answer with, inside the block and without gradients: a tree beside the module, which is not touched.

    A module of which ranks hold parts cannot be copied. It answers itself, in evaluation mode meanwhile; its ranks call
    it together, and none of them goes on without the others. One over stages stands beside the trained one already.
    """
    if isinstance(module, OverStages):
        with torch.no_grad():
            yield module
    elif is_sharded(module):
        with borrowed(module):
            yield module
    else:
        with torch.no_grad():
            yield beside(module)


def beside(module: nn.Module, tensors: Mapping[str, Tensor] | None = None) -> nn.Module:
    """A tree of the same modules over the same parameters and buffers, in evaluation mode.

    `tensors` take the place of those of their names. Costs some Python a module, and no memory for weights.
    """
    given = tensors or {}
    memo: dict[int, object] = {
        id(held): held
        for part in module.modules()
        for held in (*vars(part).values(), *part._parameters.values(), *part._buffers.values())
        if isinstance(held, Tensor)
    }
    for name, parameter in module.named_parameters():
        if name in given:
            new = given[name]
            kept = isinstance(new, nn.Parameter)  # another module's own, perhaps quantized
            memo[id(parameter)] = new if kept else nn.Parameter(new, requires_grad=parameter.requires_grad)
    memo |= {id(buffer): given[name] for name, buffer in module.named_buffers() if name in given}
    twin = copy.deepcopy(module, memo)
    if any(fast_lora.is_plain(part) and "forward" in vars(part) for part in module.modules()):
        fast_lora.install(twin)  # projections that share an input would share it with those of the module
    return twin.eval()


def keep_shape(module: nn.Module) -> None:
    """Remember the tree of modules, without values, before its weights are sharded: a sharded one cannot be copied."""
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    empty = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    object.__setattr__(module, _SHAPE, beside(module, empty))


def shape_of(module: nn.Module) -> nn.Module:
    """The tree that was remembered, for `beside` to fill."""
    return vars(module)[_SHAPE]


def is_sharded(module: nn.Module) -> bool:
    """Whether ranks hold parts of the module: shards of FSDP, or of what `tensor` and `expert` cut."""
    if not (dist.is_available() and dist.is_initialized()):
        return False
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor

    parts = module.modules()
    return any(isinstance(one, FSDPModule) for one in parts) or any(isinstance(p, DTensor) for p in module.parameters())

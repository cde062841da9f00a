"""A model without values: the very modules of a run, whose tensors have shapes, dtypes and a place on the CPU alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from whet.contracts.model import Capabilities, Loaded
from whet.kernels.quantized import Quantized
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.loading.building import build_module
from whet.models.loading.context import BuildContext
from whet.models.loading.families import family_of
from whet.models.loading.fill import plain_tensors
from whet.models.loading.loaded import loaded
from whet.models.loading.pretrained import verdict_of
from whet.models.loading.reading import context_length, published_config
from whet.models.loading.spec import Spec
from whet.plan.tracing.live import storages


def model_on_meta(
    config: Mapping[str, Any], context: BuildContext, *, quantize: str | None = None, keep: tuple[str, ...] = ()
) -> Loaded:
    """The model of a config.json as a run would have it, on meta: probed on its twin, tuned, and with its head.

    Neither weights nor a tokenizer are looked for, so an adapter's base need not be stored.
    """
    attention.register()
    spec, read = Spec(init=dict(config), quantize=quantize, keep=keep), published_config(config, "model")
    verdict = context.verdict or verdict_of(spec, read, context)
    base = build_module(
        spec, read, dtype=context.dtype, seed=context.seed, attention=verdict.attention, on_meta=True,
        head=context.head,
    )  # fmt: skip
    module: Any = context.prepared(base, "meta")
    can = Capabilities(
        packed=verdict.packed, shares=verdict.shares, head=verdict.head, context=context_length(read),
        family=family_of(read, allow_code=False) or "causal", attention=verdict.packing.attention,
        mixers=verdict.packing.mixers,
    )  # fmt: skip
    return loaded(module, None, can, LanguageModel(module, **verdict.how))


def hollow(module: nn.Module, mode: FakeTensorMode) -> None:
    """Put a tensor of `mode`, on the CPU, in the place of each one on meta; what is tied stays tied."""
    made: dict[int, tuple[Tensor, Tensor]] = {}

    def of(tensor: Tensor) -> Tensor:
        if tensor.device.type != "meta":
            return tensor
        if id(tensor) not in made:  # the old one is kept, so that no other gets its identity
            made[id(tensor)] = tensor, _empty(tensor, mode)
        return made[id(tensor)][1]

    for part in module.modules():
        for held in (part._parameters, part._buffers):
            held.update({name: of(tensor) for name, tensor in held.items() if tensor is not None})  # type: ignore[misc]
        for name, tensor in plain_tensors(part):
            vars(part)[name] = of(tensor)


def _empty(tensor: Any, mode: FakeTensorMode) -> Tensor:
    with mode:
        if isinstance(tensor, Quantized):
            bare: Tensor = tensor._like(lambda part: torch.empty_like(part, device="cpu"))
        else:
            bare = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
        return nn.Parameter(bare, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else bare


def held_bytes(*modules: nn.Module) -> int:
    """What parameters and buffers of the modules take together; what they share counts once."""
    found = {storage._cdata: storage.nbytes() for module in modules for storage in _held(module)}
    return sum(found.values())


def _held(module: nn.Module) -> Iterator[torch.UntypedStorage]:
    for tensor in (*module.parameters(), *module.buffers()):
        yield from storages(tensor)

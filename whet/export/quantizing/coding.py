"""All weights of a model one after the other as its files hold them, some of them as codes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from whet.base.memory import give_back
from whet.export.quantizing import calibration
from whet.export.quantizing.layers import Layers
from whet.export.quantizing.method import Method
from whet.export.quantizing.walk import Inputs, Shared, Walk, observe_block, run_block
from whet.models.blocks import blocks
from whet.models.checkpoints.experts import Piece, experts
from whet.models.forward import attention
from whet.models.forward.heads import class_of
from whet.models.forward.language import LanguageModel
from whet.models.loading.context import BuildContext
from whet.models.loading.pretrained import verdict_of
from whet.models.loading.spec import Spec
from whet.models.merging.weights import stored_name
from whet.models.probing.probes import Packing
from whet.models.probing.twin import build_twin, twin_config

if TYPE_CHECKING:
    from whet.contracts.sample import Sample
    from whet.export.quantizing.original import Original

Told = Callable[[int, int], None]  # how many of how many are done
Named = Iterator[tuple[str, Any]]


def untold(done: int, total: int) -> None:
    """No one is told how far it is."""


def rounded(original: Original, model: Any, method: Method, layers: Layers, device: torch.device, told: Told) -> Named:
    """Each weight as it is read: rounding needs to know nothing else."""

    def code(piece: Piece, weight_OI: Tensor) -> Any:
        codes = method.round(weight_OI.to(device), None, method.grid)
        give_back()
        return codes

    ties = getattr(model, "all_tied_weights_keys", {})
    names = [name for name in model.state_dict() if name not in ties]
    for number, name in enumerate(names, 1):
        yield from layers.written(name, original.weights[stored_name(name, original.weights)], code)
        told(number, len(names))


def calibrated(
    original: Original,
    method: Method,
    layers: Layers,
    samples: Sequence[Sample],
    device: torch.device,
    told: Told,
    idle: list[str],
) -> Named:
    """Block after block, with codes made from what each block was given; `idle` gets the experts without a token."""
    attention.register()
    verdict = verdict_of(Spec(original.path), original.config, BuildContext())
    # Blocks are run by themselves, without the segments of the rows.
    is_packed = verdict.packed and verdict.packing == Packing()
    module = empty(original.config, is_packed)
    walk = Walk(LanguageModel(module, packed=is_packed, head_mode=verdict.head), original.weights, device)
    state = module.state_dict()
    ties = getattr(module, "all_tied_weights_keys", {})
    for name in state:
        if not name.startswith(f"{walk.prefix}.") and name not in ties:
            value = original.weights[stored_name(name, original.weights)]
            yield from layers.written(name, value, lambda piece, value: value)
    inputs = walk.begin(calibration.batches(samples, is_packed), returns_tuples(original.config))
    for index, (prefix, block) in enumerate(walk.visit(inputs)):
        code = _coder(block, f"{prefix}.", layers, inputs, index, method, idle)
        for inner, value in block.state_dict().items():
            yield from layers.written(f"{prefix}.{inner}", value, code)
        told(index + 1, len(walk.blocks))


def _coder(
    block: Any,
    prefix: str,
    layers: Layers,
    inputs: Sequence[Inputs],
    index: int,
    method: Method,
    idle: list[str],
) -> Callable[[Piece, Tensor], Any]:
    """What makes codes of a block's layers, which from then on compute with what the codes mean."""
    own = [piece for piece in layers.chosen if piece.parameter.startswith(prefix)]
    names = [piece.parameter.removeprefix(prefix).removesuffix(".weight") for piece in own if piece.expert is None]
    fused = {piece.parameter.removeprefix(prefix) for piece in own if piece.expert is not None}
    shared, routed = observe_block(block, inputs, index, names, sorted(fused)) if own else ([], {})
    if method.fold is not None:
        method.fold(block, shared, method.grid, lambda: run_block(block, inputs[0], index))
    of: dict[str, Shared] = {name: one for one in shared for name in one.readers}

    def code(piece: Piece, weight_OI: Tensor) -> Any:
        inner = piece.parameter.removeprefix(prefix)
        one = of[inner.removesuffix(".weight")] if piece.expert is None else routed.get((inner, piece.expert))
        if one is None:
            idle.append(piece.owner)
        codes = method.round(weight_OI, (one or Shared.like(weight_OI)).hessian, method.grid)
        parameter = block.get_parameter(inner)
        if piece.expert is None:
            parameter.data = codes.dense()
        else:
            piece.of(parameter.data).copy_(codes.dense())
        give_back()
        return codes

    return code


def empty(config: Any, packed: bool) -> Any:
    """The architecture with its parameters on meta, its buffers as they are computed, its experts one by one."""
    from accelerate import init_empty_weights

    config = copy.deepcopy(config)
    with init_empty_weights(include_buffers=False):
        how = attention.NAME if packed else attention.own(config)
        module = class_of(config).auto.from_config(config, dtype=torch.float32, attn_implementation=how).eval()
    if experts(module):
        module.set_experts_implementation("eager")
    return module


def returns_tuples(config: Any) -> bool:
    """Whether a block of this architecture returns its hidden states in a tuple, seen on the twin."""
    try:
        twin = build_twin(twin_config(config), None, lambda module: module)
    except Exception:  # the twin of an unusual config may not fit together, and most blocks return a tensor
        return False
    seen: list[bool] = []
    hook = blocks(twin)[1][0].register_forward_hook(lambda module, args, output: seen.append(isinstance(output, tuple)))
    with torch.no_grad():
        twin(input_ids=torch.arange(4)[None], use_cache=False)
    hook.remove()
    return seen[0]

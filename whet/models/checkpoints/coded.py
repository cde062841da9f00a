"""Checkpoints of quantized weights read without the package that wrote them, and kept packed in memory."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.kernels.codes import Codes
from whet.kernels.grouped import parts_of
from whet.kernels.quantized import Quantized
from whet.models.checkpoints.experts import Piece, joined, pieces
from whet.models.checkpoints.layouts import PARTS, bits_of, reader
from whet.models.checkpoints.quantized import missing_packages
from whet.models.checkpoints.stored import Stored, local_folder


def is_read_here(config: Any) -> bool:
    """Whether whet loads a checkpoint by itself: one of integers packed in words, which transformers would unpack for
    good at the first forward, and any known one that transformers cannot read."""
    stored = stored_config(config)
    if stored is None or reader(stored) is None:
        return False
    return stored.get("format") == "pack-quantized" or is_beyond_transformers(config)


def is_beyond_transformers(config: Any) -> bool:
    """Whether a checkpoint is in a form that is known here, and that transformers cannot read as things are.

    That is for want of a package, or because of packed zeros, for which compressed-tensors 0.20 makes no place when
    transformers 5.23 builds the model.
    """
    stored = stored_config(config)
    if stored is None or reader(stored) is None:
        return False
    return bool(missing_packages(str(stored["quant_method"]))) or _has_packed_zeros(stored)


def _has_packed_zeros(stored: Mapping[str, Any]) -> bool:
    groups = stored.get("config_groups") or {}
    is_packed = stored.get("format") == "pack-quantized"
    return is_packed and not all(group["weights"]["symmetric"] for group in groups.values())


def stored_config(config: Any) -> Mapping[str, Any] | None:
    """A config's `quantization_config` as plain values; None without."""
    values = getattr(config, "quantization_config", None)
    return values if values is None or isinstance(values, Mapping) else values.to_dict()


def load_coded(path: str, config: Any, how: Mapping[str, Any], kind: Any) -> Any:
    """The model of class `kind` with its quantized weights packed (`Quantized`) and all others in `how`'s dtype.

    Raises ModelError where the files lack a weight.
    """
    from accelerate import init_empty_weights

    stored = stored_config(config)
    read = reader(stored) if stored is not None else None
    assert stored is not None and read is not None
    config = copy.deepcopy(config)
    del config.quantization_config
    with init_empty_weights(include_buffers=False):
        module = kind.from_config(config, **how)
    weights = Stored(local_folder(path))
    owners, held = _owners(weights), pieces(module)
    ties: Mapping[str, str] = getattr(module, "all_tied_weights_keys", {})

    def coded(piece: Piece) -> Codes:
        return read({part: weights[f"{piece.owner}.{part}"] for part in owners[piece.owner]})

    def plain(piece: Piece) -> Tensor:
        if piece.owner in owners:
            return coded(piece).dense(how["dtype"])
        if piece.name not in weights:
            raise ModelError(f"the weights of {path} lack `{piece.name}`", at="model.path", hint="copy the files again")
        return weights[piece.name].to(how["dtype"])

    for name, parameter in list(module.named_parameters()):
        owner, _, leaf = name.rpartition(".")
        first = held[name][0]
        if first.expert is not None:  # packed in the files alone: transformers computes with one tensor for all experts
            value: Tensor = joined(held[name], parameter.shape, map(plain, held[name]))
        elif first.owner in owners:
            codes = coded(first)
            value = Quantized("grouped", parts_of(codes, bits_of(stored)), codes.codes.shape, how["dtype"])
        elif name in ties and first.name not in weights:
            continue
        else:
            value = plain(first)
        setattr(module.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=False))
    for name, _ in list(module.named_buffers()):
        if name in held and (place := held[name][0].name) in weights:
            owner, _, leaf = name.rpartition(".")
            module.get_submodule(owner)._buffers[leaf] = weights[place]
    module.tie_weights()
    for parameter in module.parameters():
        if not isinstance(parameter, Quantized):
            parameter.requires_grad_(True)
    module.name_or_path = path
    return module.eval()


def _owners(weights: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Each module with quantized weights, and the parts that are stored of it."""
    found: dict[str, list[str]] = {}
    for name in weights:
        owner, _, part = name.rpartition(".")
        if part in PARTS:
            found.setdefault(owner, []).append(part)
    for owner, parts in found.items():
        if f"{owner}.weight" in weights:  # a code a byte: beside its scale, under the weight's own name
            parts.append("weight")
    return found

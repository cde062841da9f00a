"""The repeated blocks of a model: finding them, and putting more of them in."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from whet.base.errors import ModelError
from whet.models.text import text_config

# What attention and MLP blocks of transformers call the layer that writes into the residual stream.
LAST_OF_ATTENTION = ("o_proj", "out_proj", "c_proj", "dense", "wo")
LAST_OF_MLP = ("down_proj", "fc2", "c_proj", "dense_4h_to_h", "w2", "wo")


def blocks(module: nn.Module) -> tuple[str, nn.ModuleList]:
    """The name and the list of the repeated blocks: the one that holds most parameters. Raises ModelError without."""
    name = _largest_list(module)
    if name is None:
        raise ModelError("the model has no list of layers", at="tuner", hint="tuner=full")
    return name, _list(module, name)


def layers_of(module: nn.Module) -> tuple[str, ...]:
    """Names of the repeated blocks, from the input on; none where nothing repeats."""
    name = _largest_list(module)
    return () if name is None else tuple(f"{name}.{index}" for index in range(len(_list(module, name))))


def layers_of_both(module: nn.Module) -> tuple[str, ...]:
    """Names of the repeated blocks of an encoder-decoder: those of both stacks, from the input on."""
    return tuple(name for name, part in module.named_modules() if isinstance(part, GradientCheckpointingLayer))


def _largest_list(module: nn.Module) -> str | None:
    lists = {name: part for name, part in module.named_modules() if isinstance(part, nn.ModuleList)}
    return max(lists, key=lambda name: sum(p.numel() for p in lists[name].parameters()), default=None)


def _list(module: nn.Module, name: str) -> nn.ModuleList:
    found = module.get_submodule(name)
    assert isinstance(found, nn.ModuleList)
    return found


def expand(module: Any, count: int) -> list[int]:
    """Insert `count` copies of blocks, spread evenly, each after its original; returns the places of the new ones.

    What a copy adds to the residual stream is zero at first, so the model computes what it did (Wu et al. 2024).
    """
    name, old = blocks(module)
    if len(old) % count:
        fitting = [n for n in range(1, len(old) + 1) if len(old) % n == 0]
        raise ModelError(
            f"{count} new blocks cannot be spread evenly over {len(old)}",
            at="tuner.blocks",
            hint=f"tuner.blocks={min(fitting, key=lambda n: abs(n - count))}",
        )
    stride, new, places = len(old) // count, nn.ModuleList(), []
    origin = []
    for index, block in enumerate(old):
        new.append(block)
        origin.append(index)
        if (index + 1) % stride == 0:
            places.append(len(new))
            new.append(_silent(copy.deepcopy(block)))
            origin.append(index)
    owner, _, attribute = name.rpartition(".")
    setattr(module.get_submodule(owner), attribute, new)
    _renumber(new)
    _tell_config(text_config(module.config), len(old), origin)
    return places


def _silent(block: nn.Module) -> nn.Module:
    """Zero what a block writes into the residual stream."""
    found = set()
    with torch.no_grad():
        for name, part in block.named_modules():
            last = name.rsplit(".", 1)[-1]
            kinds = [kind for kind, names in (("attention", LAST_OF_ATTENTION), ("mlp", LAST_OF_MLP)) if last in names]
            if kinds and isinstance(getattr(part, "weight", None), nn.Parameter):
                for parameter in part.parameters(recurse=False):
                    parameter.zero_()
                found.add("attention" if "attn" in name or "attention" in name else "mlp")
            elif isinstance(getattr(part, "down_proj", None), nn.Parameter):  # experts
                part.down_proj.zero_()
                found.add("mlp")
    if found != {"attention", "mlp"}:
        raise ModelError(
            f"{type(block).__name__} names no layer that ends its attention and its MLP", at="tuner", hint="tuner=full"
        )
    return block


def _renumber(new: Any) -> None:
    """Blocks know their place by `layer_idx`: caches are looked up by it."""
    for index, block in enumerate(new):
        for part in block.modules():
            if "layer_idx" in part.__dict__:
                part.layer_idx = index


def _tell_config(config: Any, count: int, origin: list[int]) -> None:
    """The new number of layers, and per-layer lists with the entries of the copied ones."""
    names = config.attribute_map.get("num_hidden_layers", "num_hidden_layers")
    for key, value in list(vars(config).items()):
        if isinstance(value, list) and len(value) == count and key not in ("architectures",):
            setattr(config, key, [value[index] for index in origin])
    setattr(config, names, len(origin))

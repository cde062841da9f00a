"""PEFT's layers made plain again: what each wraps, with its adapter in the weights. Every merge goes through here.

Weights are merged by PEFT's own layers in float32 and rounded once. Weights that modules share (a head tied to the
embedding) stay shared only where all of them are changed alike: else each gets its own, and the config says so.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from whet.kernels.dense import dense
from whet.kernels.quantized import Quantized
from whet.models.text import text_config

# What PEFT raises for a method, or a layer, that cannot be merged.
UNMERGEABLE = (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError)


def wrapped(module: nn.Module) -> dict[str, Any]:
    """PEFT's outermost layers by the names of what they wrap."""
    found: dict[str, Any] = {}
    for name, part in module.named_modules(remove_duplicate=False):
        if _is_layer(part) and not any(name.startswith(f"{outer}.") for outer in found):
            found[name] = part
    return found


def plain(layer: Any) -> nn.Module:
    """What a layer wraps, with the adapter in its weights; the layer is used up, and what it holds is changed in place.
    Raises one of UNMERGEABLE.

    With PEFT's own check for numbers (0.21) a layer takes 4.8 times its weight at once, and so 3 times.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    with torch.no_grad():
        for part in _inwards(layer):
            if isinstance(part, BaseTunerLayer):
                part.merge(safe_merge=False)
            layer = part
        found = _inside(layer)
        for name, weight in found.named_parameters():
            if weight.numel() and not weight.is_meta and not torch.stack(weight.aminmax()).isfinite().all():
                raise ValueError(f"`{name}` is infinite or undefined with its adapter")
    return found


def folded(layer: Any) -> nn.Module:
    """What `plain` gives of a copy, in float32: the layer stays as it is. Takes the memory of one layer more."""
    return plain(_copied(layer))


def let_go(layer: nn.Module) -> None:
    """Free the weights of a layer that is used up: modules of PEFT lie in circles, which outlive them for a while."""
    for part in list(layer.modules()):
        part._parameters.clear()
        part._buffers.clear()


def _copied(layer: Any) -> Any:
    """The layer once more, dense and in float32."""
    whole = copy.deepcopy(layer, {id(tensor): tensor.detach() for tensor in _of_graphs(layer)})
    for part in whole.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            if isinstance(weight, Quantized):
                setattr(part, name, nn.Parameter(dense(weight), requires_grad=False))
    return whole.float()


def fold(module: nn.Module) -> nn.Module:
    """Make every layer of PEFT in the model plain, in place (on meta too). Raises one of UNMERGEABLE."""
    found, ties = wrapped(module), dict(ties_of(module))
    alike = _alike(module, found)
    for name, layer in found.items():
        dtypes = {key: p.dtype for key, p in _innermost(layer).named_parameters()}
        part = folded(layer).requires_grad_(False)
        for key, parameter in part.named_parameters():
            parameter.data = parameter.data.to(dtypes[key])
        owner, _, last = name.rpartition(".")
        setattr(module.get_submodule(owner), last, part)
    if alike == ties.keys():
        for end, source in ties.items():
            _set(module, end, module.get_parameter(source))
    else:
        untie(module)
    return module


def untie(module: nn.Module) -> None:
    """Give every tied weight memory of its own, and say it in the config."""
    for end, source in ties_of(module).items():
        weight = module.get_parameter(source)
        if module.get_parameter(end) is weight:
            _set(module, end, nn.Parameter(weight.detach().clone(), requires_grad=weight.requires_grad))
    object.__setattr__(module, "all_tied_weights_keys", {})
    untie_config(module.config)


def untie_config(config: Any) -> None:
    config.tie_word_embeddings = False
    text_config(config).tie_word_embeddings = False


def ties_of(module: nn.Module) -> Mapping[str, str]:
    """Names of the weights that are those of another name, and that name."""
    return getattr(module, "all_tied_weights_keys", None) or {}


def breaks_ties(module: nn.Module) -> bool:
    """Whether the model's adapters change one end of a tie and not the other."""
    return _alike(module, wrapped(module)) != ties_of(module).keys()


def live_weights(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(name, value) of each weight of the model with its adapters folded in, one layer at a time; the model stays.

    Those that are tied and changed alike come once, under the name of their source.
    """
    parts = Parts.of(module)
    for name, layer in parts.layers.items():
        whole = _copied(layer)
        yield from parts.named(name, plain(whole))
        let_go(whole)
    yield from ((name, dense(module.get_parameter(name).detach())) for name in parts.others)


@dataclass(frozen=True, slots=True)
class Parts:
    """What adapters are folded into: PEFT's `layers` by the names of what they wrap, the names of all `others`, and
    those that are tied and changed `alike`, which count under the name of their source."""

    layers: Mapping[str, Any]
    others: Sequence[str]
    alike: Collection[str]

    @classmethod
    def of(cls, module: nn.Module) -> Parts:
        layers = wrapped(module)
        alike, inside = _alike(module, layers), tuple(f"{layer}." for layer in layers)
        found: dict[int, str] = {}
        for name, parameter in module.named_parameters(remove_duplicate=False):
            if name not in alike and not name.startswith(inside):
                found.setdefault(id(parameter), name)
        return cls(layers, list(found.values()), alike)

    def named(self, name: str, layer: nn.Module) -> Iterator[tuple[str, Tensor]]:
        """The weights of a layer of this name, which is plain now."""
        named = ((f"{name}.{key}", parameter.detach()) for key, parameter in layer.named_parameters())
        return ((full, tensor) for full, tensor in named if full not in self.alike)


def _of_graphs(layer: nn.Module) -> Iterator[Tensor]:
    """Tensors that a forward pass has left at the modules: torch copies no part of a graph."""

    def inside(value: Any) -> Iterator[Tensor]:
        if isinstance(value, Tensor) and not value.is_leaf:
            yield value
        elif isinstance(value, dict | list | tuple) and not isinstance(value, nn.Module):
            for one in value.values() if isinstance(value, dict) else value:
                yield from inside(one)

    for part in layer.modules():
        yield from inside(vars(part))


def _is_layer(part: nn.Module) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    return isinstance(part, BaseTunerLayer | AuxiliaryTrainingWrapper)


def _inwards(layer: Any) -> Iterator[Any]:
    """The layers of PEFT around one module, from the outermost; each is looked into when it has been merged."""
    while _is_layer(layer):
        yield layer
        layer = _inside(layer)


def _inside(layer: Any) -> Any:
    """What one layer of PEFT wraps: two parameters of a module have one around another."""
    if hasattr(layer, "modules_to_save"):
        return layer.modules_to_save[layer.active_adapters[0]]
    return layer.token_adapter if hasattr(layer, "token_adapter") else layer.base_layer


def _innermost(layer: Any) -> nn.Module:
    while _is_layer(layer):
        layer = _inside(layer)
    return layer


def _alike(module: nn.Module, found: Mapping[str, Any]) -> set[str]:
    """Tied weights to which PEFT adds the same as to their source, or nothing."""
    return {end for end, source in ties_of(module).items() if _tensors(found, end) == _tensors(found, source)}


def _tensors(found: Mapping[str, Any], end: str) -> frozenset[int] | None:
    """Identities of the tensors that make up a weight with what PEFT adds; None where PEFT adds nothing."""
    layer = found.get(end.rpartition(".")[0])
    return None if layer is None else frozenset(id(parameter) for parameter in layer.parameters())


def _set(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
    owner, _, last = name.rpartition(".")
    setattr(module.get_submodule(owner), last, parameter)

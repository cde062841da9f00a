"""What every model source tells of its module: roles, layers, vocabulary and costs, found in one way for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from whet.contracts.model import Capabilities, Costs, Loaded, Model, ParamRole, Weights
from whet.kernels.quantized import Quantized
from whet.models.blocks import layers_of
from whet.models.forward.batch_norm import live
from whet.models.forward.language import unwrapped
from whet.models.roles import roles


def loaded(
    module: nn.Module,
    processor: Any | None,
    capabilities: Capabilities,
    model: Model,
    *,
    layers: Sequence[str] | None = None,
    vocab: int | None = None,
    weights: Weights | None = None,
) -> Loaded:
    """The module with what is told of it. `layers` name its repeated blocks; by default its largest list of modules."""
    found = roles(module)
    capabilities = replace(capabilities, batch_norm=bool(live(module)))
    return Loaded(
        module, processor, capabilities, model, found,
        layers_of(module) if layers is None else tuple(layers),
        vocab if vocab is not None or not capabilities.tokens else vocab_of(module),
        costs_of(module, found),
        weights,
    )  # fmt: skip


def vocab_of(module: nn.Module) -> int | None:
    """How many tokens have an embedding; None where a model of transformers has no table of them (canine hashes
    characters), and of other modules."""
    model = unwrapped(module)
    weight = getattr(model.get_input_embeddings(), "weight", None) if isinstance(model, PreTrainedModel) else None
    return None if weight is None else weight.shape[0]


def costs_of(module: nn.Module, found: Mapping[str, ParamRole]) -> Costs:
    """Parameters by their role and bytes by their dtype; shapes suffice, so the module may be on meta."""
    parameters, weight_bytes = Counter[ParamRole](), Counter[str]()
    for name, parameter in module.named_parameters():
        parameters[found[name]] += parameter.numel()
        for part in parameter.parts.values() if isinstance(parameter, Quantized) else [parameter]:
            weight_bytes[str(part.dtype).removeprefix("torch.")] += part.numel() * part.element_size()
    return Costs(dict(parameters), dict(weight_bytes))

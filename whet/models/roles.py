"""The role of every parameter, from the module that holds it and its shape."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from whet.contracts.model import ParamRole
from whet.models.features.carried import features_of
from whet.models.forward.heads import PLACES
from whet.models.forward.language import unwrapped


def roles(module: nn.Module) -> dict[str, ParamRole]:
    """The role of each name in `module.named_parameters()`. A head tied to the embedding is an embedding."""
    heads, embeddings = _ends(module)
    found = {}
    for owner_name, owner in module.named_modules():
        for name, parameter in owner.named_parameters(recurse=False):
            full = f"{owner_name}.{name}" if owner_name else name
            found[full] = _role(owner, name, parameter, heads, embeddings)
    return {name: found[name] for name, _ in module.named_parameters()}


def _role(owner: nn.Module, name: str, parameter: Tensor, heads: set[int], embeddings: set[int]) -> ParamRole:
    if id(parameter) in embeddings or isinstance(owner, nn.Embedding):
        return ParamRole.EMBEDDING
    if _is_norm(owner):
        return ParamRole.NORM
    if name == "bias" or name.endswith(("_bias", ".bias")):
        return ParamRole.BIAS
    if id(parameter) in heads:
        return ParamRole.HEAD
    if parameter.dim() == 3 and not isinstance(owner, nn.Conv1d):
        return ParamRole.EXPERT
    if parameter.dim() == 2:
        return ParamRole.MATRIX
    return ParamRole.OTHER


def _is_norm(owner: nn.Module) -> bool:
    """Norms of any library: by class name, since each transformers model has an RMSNorm of its own.

    The name must end so, and the parameters be vectors: `LayerNormMLP` is no norm.
    """
    named_so = type(owner).__name__.lower().endswith(("norm", "normgated", "norm1d", "norm2d", "norm3d"))
    parameters: Mapping[str, Tensor] = dict(owner.named_parameters(recurse=False))
    return named_so and all(p.dim() <= 1 for p in parameters.values())


def _ends(module: nn.Module) -> tuple[set[int], set[int]]:
    """Identities of the head's and of the embedding's parameters."""
    model = unwrapped(module)
    ends = []
    for name in ("get_output_embeddings", "get_input_embeddings"):
        end = getattr(model, name)() if hasattr(model, name) else None
        ends.append({id(p) for p in end.parameters()} if end is not None else set())
    for name in PLACES:
        if isinstance(head := getattr(model, name, None), nn.Module):
            ends[0] |= {id(p) for p in head.parameters()}
    for part in (module.get_submodule(name) for one in features_of(module) for name in one.parts):
        ends[0] |= {id(p) for p in part.parameters()} if isinstance(part, nn.Linear) else set()
    return ends[0], ends[1]

"""Weights that lie in a folder as the model holds them, so that every rank can read the part that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from whet.models.checkpoints.door import INDEX
from whet.models.checkpoints.overwritten import overwritten
from whet.models.checkpoints.stored import Stored

_SINGLE = "model.safetensors"
# As the format calls them: what transformers casts to the dtype of the model and nothing else.
_PLAIN = frozenset(("F64", "F32", "BF16", "F16", "I64", "I32", "BOOL"))


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor of a folder (contract: `whet.contracts.model.Readable`)."""

    weights: Stored
    name: str

    def part(self, place: tuple[slice, ...]) -> Tensor:
        return self.weights.part(self.name, place)


def direct(path: str, module: Any) -> dict[int, StoredTensor]:
    """Where the value of each parameter and stored buffer of an architecture lies, by the identity of its object.

    `module` is on meta. Nothing is found, and transformers must read the whole, where it is a hub's id rather than a
    folder, or where transformers would do more on the way than to give a tensor another name and dtype: fuse or cut
    experts, turn matrices, draw what is missing, untie what is tied, write over the row of a padding token. Reads the
    headers of the files alone.
    """
    folder = Path(path)
    if not folder.is_dir() or (folder / INDEX).exists() == (folder / _SINGLE).exists() or overwritten(module):
        return {}
    weights = Stored(folder)
    names, headers = _renamed(weights, module), weights.headers()
    found: dict[int, StoredTensor] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        stored = names.get(name)
        if stored is None:
            continue
        shape, dtype = headers[stored]
        if id(tensor) in found or shape != tuple(tensor.shape) or dtype not in _PLAIN:
            return {}  # both ends of a tie, which may differ, or another model's weights
        found[id(tensor)] = StoredTensor(weights, stored)
    whole = {id(tensor) for tensor in module.state_dict(keep_vars=True).values()}
    return found if found.keys() == whole else {}


def _renamed(weights: Mapping[str, Tensor], module: Any) -> dict[str, str]:
    """Name in the module -> name in the files, for tensors that transformers takes as they are."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    mapping, own = get_model_conversion_mapping(module), module.state_dict()
    renamings = [entry for entry in mapping if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in mapping if isinstance(entry, WeightConverter)]
    if len(renamings) + len(converters) < len(mapping):
        return {}
    found: dict[str, str] = {}
    for stored in weights:
        name, pattern = rename_source_key(stored, renamings, converters, module.base_model_prefix, own)
        if name not in own and stored in own:
            name, pattern = rename_source_key(stored, [], [], module.base_model_prefix, own)
        if name not in own:
            continue
        if pattern is not None or name in found:
            return {}
        found[name] = stored
    return found

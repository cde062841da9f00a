"""Which stored values transformers writes over as it loads a model, so that whoever reads the folder never has them.

When it has read all tensors it lets the architecture draw what was missing. Those that were read are marked and kept
by `transformers.initialization`, as long as they are asked for whole: the row of a padding token, which some
architectures fill with zeros, carries no mark (Youtu, BLT, Funnel, ChineseCLIP in transformers 5.23), nor does one
element of a buffer (Zaya).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

_READ = "_is_hf_initialized"  # transformers' mark of a tensor that was read, and of a module that needs no drawing


def overwritten(module: Any) -> dict[str, list[Tensor]]:
    """The stored tensors of a model on meta that transformers would write over, and the parts: views of the tensors.

    The architecture's own drawing is run, on meta, with every stored tensor marked as read, as transformers does. Costs
    one pass over the modules and reads no weight.
    """
    stored: dict[str, Tensor] = module.state_dict(keep_vars=True)
    with torch.no_grad(), torch.device("meta"), _as_read(module, stored), _Writes() as writes:
        module.initialize_weights()
    places = {_place(tensor): name for name, tensor in reversed(stored.items())}  # of tied ones the first name
    found: dict[str, list[Tensor]] = {}
    for written in writes.seen:
        if _place(written) in places:
            found.setdefault(places[_place(written)], []).append(written)
    return found


class Lost:
    """Which weights would not be read back as they are written, because transformers writes zeros over a part."""

    def __init__(self, model: nn.Module) -> None:
        """`model` is the architecture, on meta."""
        self._places = overwritten(model)
        self.names: list[str] = []

    def watched(self, weights: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        """The same weights; `names` says of those that have passed which hold more than zeros there."""
        for name, tensor in weights:
            if any(_part(tensor, place).any() for place in self._places.get(name, ())):
                self.names.append(name)
            yield name, tensor


class _Writes(TorchDispatchMode):
    """Every tensor that is written in place."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for given, told in zip(args, func._schema.arguments, strict=False):
            if told.alias_info is not None and told.alias_info.is_write and isinstance(given, Tensor):
                self.seen.append(given)
        return func(*args, **(kwargs or {}))


def _place(tensor: Tensor) -> int:
    """What a tensor shares with its views; on meta no memory has an address."""
    return tensor.untyped_storage()._cdata


@contextmanager
def _as_read(module: nn.Module, stored: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, the stored tensors are marked as read, and no module as drawn."""
    before = [(one, vars(one)[_READ]) for one in (*module.modules(), *stored.values()) if _READ in vars(one)]
    try:
        for part in module.modules():
            vars(part).pop(_READ, None)
        for tensor in stored.values():
            vars(tensor)[_READ] = True
        yield
    finally:
        for one in (*module.modules(), *stored.values()):
            vars(one).pop(_READ, None)
        for one, mark in before:
            vars(one)[_READ] = mark


def _part(tensor: Tensor, place: Tensor) -> Tensor:
    """What lies where `place` is a view of a tensor of the same shape."""
    return tensor.contiguous().as_strided(place.shape, place.stride(), place.storage_offset())

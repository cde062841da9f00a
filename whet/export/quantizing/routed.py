"""What the experts of a block read: each the tokens that are routed to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Routed(TorchFunctionMode):
    """While it is entered, hands on the inputs of products with one expert's matrix of `parameters` (E, O, I).

    Experts have to be computed one after the other, as transformers' implementation `eager` does it.
    """

    def __init__(self, parameters: Mapping[str, Tensor], seen: Callable[[str, int, Tensor], None]) -> None:
        super().__init__()
        self._names = {value.untyped_storage().data_ptr(): name for name, value in parameters.items()}
        self._seen = seen

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.linear:
            name = self._names.get(args[1].untyped_storage().data_ptr())
            if name is not None:
                self._seen(name, args[1].storage_offset() // args[1].numel(), args[0])
        return func(*args, **(kwargs or {}))

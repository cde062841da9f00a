"""The optimizer's state by parameter name, so that it can be stored, resharded and checked."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer


class NamedOptimizer:
    """Reads and writes the state of a torch optimizer under `<parameter name>/<key>`."""

    def __init__(self, optimizer: Optimizer, names: dict[int, str]) -> None:
        self._optimizer, self._names = optimizer, names

    def state_dict(self) -> dict[str, Any]:
        """Every state entry; tensors stay where they are (sharded ones as DTensors)."""
        return {
            f"{self._names[id(parameter)]}/{key}": value
            for parameter, entries in self._optimizer.state.items()
            for key, value in entries.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        parameters = {self._names[id(p)]: p for g in self._optimizer.param_groups for p in g["params"]}
        for path, value in state.items():
            name, key = path.rsplit("/", 1)
            self._optimizer.state[parameters[name]][key] = value

    def blank(self, path: str, size: torch.Size, dtype: torch.dtype) -> torch.Tensor:
        """An empty tensor to load the entry `path` into: sharded like its parameter where the shapes are equal."""
        name = path.rsplit("/", 1)[0]
        parameter = next(p for g in self._optimizer.param_groups for p in g["params"] if self._names[id(p)] == name)
        if isinstance(parameter, DTensor) and parameter.shape == size:
            return torch.empty_like(parameter, dtype=dtype)
        device = parameter.device if len(size) else "cpu"
        return torch.empty(size, dtype=dtype, device=device)

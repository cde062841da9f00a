"""The optimizer's state by parameter name, so that it can be stored, resharded and checked."""

from __future__ import annotations

from typing import Any

import torch

from whet.contracts.optimizer import Optimizer

CLOCK = "*/clock"


class NamedOptimizer:
    """Reads and writes the state of an optimizer under `<parameter name>/<key>`, and beside it the steps that it has
    counted."""

    def __init__(self, optimizer: Optimizer, names: dict[int, str]) -> None:
        self._optimizer, self._names = optimizer, names

    def names(self) -> set[str]:
        """The parameters that are stepped on this rank."""
        return set(self._parameters())

    def state_dict(self) -> dict[str, Any]:
        """Every state entry; tensors stay where they are (sharded ones as DTensors)."""
        found = {
            f"{self._names[id(parameter)]}/{key}": value
            for parameter, entries in self._optimizer.state.items()
            for key, value in entries.items()
        }
        clock = self._optimizer.clock
        return found if clock is None else {**found, CLOCK: clock}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        parameters = self._parameters()
        for path, value in state.items():
            if path == CLOCK:
                self._optimizer.clock = value
                continue
            name, key = path.rsplit("/", 1)
            self._optimizer.state[parameters[name]][key] = value

    def blank(self, path: str, size: torch.Size, dtype: torch.dtype) -> torch.Tensor | None:
        """An empty tensor to load the entry `path` into, or None where another rank keeps it."""
        name, key = path.rsplit("/", 1)
        return self._optimizer.blank(self._parameters()[name], key, size, dtype)

    def _parameters(self) -> dict[str, torch.Tensor]:
        return {self._names[id(p)]: p for g in self._optimizer.param_groups for p in g["params"]}

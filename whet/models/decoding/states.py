"""States of any kind, by their tensors: those of some rows, repeated or left out.

Models keep keys and values, convolutions, recurrences, compressed windows, in caches of many classes, of which few can
choose rows. All have the rows as the first dimension of their tensors; what has not is no state that rows can share.
"""

# B rows

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from whet.models.decoding.cache import Growing

# What a forward takes and gives under one name.
NAMES = ("past_key_values", "cache_params", "state")


class Unshared(Exception):
    """The rows of a state cannot be told apart."""


def chosen(state: Any, rows: int, index_B: Tensor) -> Any:
    """The state, which was one of so many `rows`, with the rows of `index_B` in their order."""
    return _Choice(rows, index_B).of(state)


class _Choice:
    """One choice of rows. What several layers hold is chosen once, and is held by all of them again."""

    def __init__(self, rows: int, index_B: Tensor) -> None:
        self._rows, self._index_B = rows, index_B
        self._done: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        if id(value) in self._done:
            return self._done[id(value)][1]
        found = self._new(value)
        self._done[id(value)] = (value, found)
        return found

    def _new(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, Growing):  # knows of its own room
            value.batch_select_indices(self._index_B)
            return value
        if isinstance(value, tuple):
            return tuple(map(self.of, value))
        if isinstance(value, list):
            value[:] = map(self.of, value)
        elif isinstance(value, dict):
            for key in value:
                value[key] = self.of(value[key])
        elif _holds_state(value):
            for name, part in vars(value).items():
                setattr(value, name, self.of(part))
        return value

    def _tensor(self, value: Tensor) -> Tensor:
        if value.shape in ((), (0,)):  # a count, or nothing yet
            return value
        if len(value) != self._rows:
            raise Unshared(f"a state of {len(value)} parts for {self._rows} rows")
        return value.index_select(0, self._index_B.to(value.device))


def _holds_state(value: Any) -> bool:
    """Whether it is an object that may hold tensors of rows: a cache or one of its layers."""
    is_plain = isinstance(value, type | nn.Module | str | bytes) or value is None
    return not is_plain and hasattr(value, "__dict__") and "onfig" not in type(value).__name__

"""The last value of each name, kept at next to no cost where call after call has the same names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Names = tuple[str, ...]


class Latest:
    """Values by name. The newest call is kept as it came, in one assignment, and entered once another kind comes."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}
        self._newest: tuple[Names, tuple[Any, ...]] = (), ()

    def take(self, names: Names, values: tuple[Any, ...]) -> None:
        """The values of a call."""
        if names != self._newest[0]:
            self._enter()
        self._newest = names, values

    def update(self, values: Mapping[str, Any]) -> None:
        """Values of a call of another kind."""
        self._enter()
        self._newest = (), ()
        self._known.update(values)

    def as_dict(self) -> dict[str, Any]:
        self._enter()
        return dict(self._known)

    def _enter(self) -> None:
        self._known.update(zip(*self._newest, strict=True))

"""Where a curve is no finite number: stretches of NaN and infinities, which buckets of a long curve would not show."""

# n rows   k names

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# Of a curve so many stretches are told apart; what comes later is added to the last one.
MOST = 500
KINDS = ("NaN", "Infinity", "-Infinity")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Points one behind the other that are of one kind: `first_step` to `last_step`, `count` of them."""

    kind: str
    first_step: int
    last_step: int
    count: int


class NonFinite:
    """The stretches of the curves of one schema, by the place of the name."""

    def __init__(self, stated: dict[str, list[list[Any]]] | None = None) -> None:
        self._found = {int(place): [Stretch(*one) for one in listed] for place, listed in (stated or {}).items()}
        # Curves whose newest row was not finite: the next row may go on with the stretch.
        self._open: set[int] = set()

    def add(self, steps: np.ndarray, values: np.ndarray) -> None:
        """Take further rows: steps (n,) and values (n, k), in the order logged."""
        import numpy as np

        is_odd = ~np.isfinite(values)
        if not len(values) or not (is_odd.any() or self._open):
            return
        for place in np.flatnonzero(is_odd.any(axis=0)).tolist():
            for stretch, begins in _stretches(steps, values[:, place]):
                self._take(place, stretch, goes_on=begins and place in self._open)
        self._open = set(np.flatnonzero(is_odd[-1]).tolist())

    def of(self, place: int) -> list[Stretch]:
        """The stretches of a curve, in the order logged."""
        return list(self._found.get(place, ()))

    def stated(self) -> dict[str, list[list[Any]]]:
        """As JSON."""
        return {str(place): [list(astuple(one)) for one in found] for place, found in self._found.items()}

    def _take(self, place: int, stretch: Stretch, *, goes_on: bool) -> None:
        found = self._found.setdefault(place, [])
        last = found[-1] if found else None
        if last is not None and ((goes_on and last.kind == stretch.kind) or len(found) >= MOST):
            first, until = min(last.first_step, stretch.first_step), max(last.last_step, stretch.last_step)
            found[-1] = Stretch(last.kind, first, until, last.count + stretch.count)
        else:
            found.append(stretch)


def _stretches(steps: np.ndarray, values: np.ndarray) -> Iterator[tuple[Stretch, bool]]:
    """The stretches of one curve, each with whether it begins at the first row; beyond MOST the rest is one."""
    import numpy as np

    codes = np.where(np.isnan(values), 0, np.where(values == np.inf, 1, np.where(values == -np.inf, 2, -1)))
    edges = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    starts = np.flatnonzero(codes[edges[:-1]] >= 0)
    for number in starts[:MOST].tolist():
        part = slice(int(edges[number]), int(edges[number + 1]))
        kind = KINDS[int(codes[part.start])]
        yield Stretch(kind, int(steps[part].min()), int(steps[part].max()), part.stop - part.start), part.start == 0
    if len(starts) > MOST:
        rest = slice(int(edges[starts[MOST]]), int(edges[starts[-1] + 1]))
        count = int((codes[rest] >= 0).sum())
        yield Stretch(KINDS[int(codes[rest.start])], int(steps[rest].min()), int(steps[rest].max()), count), False

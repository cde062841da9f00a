"""What a task finds: figures with their uncertainty, as JSON and as a table. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from whet.base.units import figure as shown

# Told how many of how many units are done.
Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value. `n` counts the independent units behind it (documents, rows, examples).

    `error` is its standard error, `low` and `high` the ends of its 95 % interval; None where one unit tells nothing.
    """

    value: float
    n: int
    error: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Units:
    """The figure is sum(parts) / sum(wholes), in the order of the data; without `wholes` each of them is one."""

    parts: Sequence[float]
    wholes: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What one task found of one model: figures by name, the settings it ran with, and facts that `auto` hid.

    `units` holds what a figure is the average of, where two models can be compared unit by unit. `less_is_better`
    names the figures of which that is so; of all others more is.
    """

    task: str
    figures: Mapping[str, Figure]
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    seconds: float = 0.0
    units: Mapping[str, Units] = field(default_factory=dict)
    less_is_better: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)

    def metrics(self) -> dict[str, float]:
        """Values and standard errors by name, as an evaluation record holds them."""
        values = {name: figure.value for name, figure in self.figures.items()}
        return values | {f"{n}_error": f.error for n, f in self.figures.items() if f.error is not None}

    def table(self) -> str:
        """The figures a line each, with their intervals."""
        width = max(map(len, self.figures))
        return "\n".join(f"{name:<{width}}  {_line(figure)}" for name, figure in self.figures.items())


def _line(figure: Figure) -> str:
    if figure.error is None:
        return f"{shown(figure.value)}  (n {figure.n})"
    assert figure.low is not None and figure.high is not None
    interval = f"95 % {shown(figure.low)} to {shown(figure.high)}"
    spread = f" ± {shown(figure.error)}" if figure.error else ""  # 0 of few hits or misses: the interval says more
    return f"{shown(figure.value)}{spread}  ({interval}, n {figure.n})"

"""Curves drawn with characters, for terminals and log files; no colour is needed to tell them apart."""

# n points   W, H dots across and up

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from whet.base.units import figure

if TYPE_CHECKING:
    import numpy as np

Glyphs = Literal["braille", "ascii"]

# Dot (x, y) of a braille cell, y downwards, as a bit of its code point.
_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
# A dot of series k is drawn where the k-th pattern has a 1 at (x + y) modulo its length.
_PATTERNS = ((1,), (1, 1, 1, 1, 1, 0, 0, 0), (1, 0, 0, 0), (1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0))
# A column of dots with more points than this shows their mean and extremes instead of all of them.
_CROWD = 4
# Beyond this a value counts as infinite: the span between two such would overflow.
_HUGE = 1e300
_MARKS = "*+ox"
_BLOCKS = " ▁▂▃▄▅▆▇█"
_RAMP = " .-=+*%#@"


@dataclass(frozen=True, slots=True)
class Series:
    """A named curve: steps (n,) and values (n,). What is not finite leaves a gap."""

    name: str
    steps: Any
    values: Any


def draw(
    series: Sequence[Series],
    *,
    title: str = "",
    width: int = 80,
    height: int = 12,
    log: bool = False,
    glyphs: Glyphs = "braille",
) -> str:
    """A chart of at most `width` columns with `height` rows of plot, axes and a legend.

    Where many points share a column, their mean is the line and their lowest and highest are dots
    beside it, so no spike is lost. Series differ by their dashes (by marks in ascii); more than
    four repeat. With `log` the value axis is logarithmic and values that are not positive leave gaps.
    """
    curves = [_Curve.of(one, log) for one in series]
    shown = [curve for curve in curves if len(curve.steps)]
    legend = [_legend(index, one, curve, glyphs) for index, (one, curve) in enumerate(zip(series, curves, strict=True))]
    head = [title[:width]] if title else []
    if not shown:
        return "\n".join([*head, *(entry[:width] for entry in legend), "  nothing finite to draw"])
    x_axis = _Axis.over(min(c.steps.min() for c in shown), max(c.steps.max() for c in shown), whole=True)
    y_axis = _Axis.over(min(c.values.min() for c in shown), max(c.values.max() for c in shown), log=log)
    labels = y_axis.labels(height)
    gutter = max(len(text) for text in labels.values()) + 2
    columns = max(width - gutter, 8)
    canvas = _Canvas(columns, height, glyphs)
    for index, curve in enumerate(curves):
        canvas.trace(curve, x_axis, y_axis, index)
    vertical, tick, corner = ("│", "┤", "└") if glyphs == "braille" else ("|", "+", "+")
    rows = [
        f"{labels.get(row, ''):>{gutter - 1}}{tick if row in labels else vertical}{line}"
        for row, line in enumerate(canvas.lines())
    ]
    rows.append(" " * (gutter - 1) + corner + ("─" if glyphs == "braille" else "-") * columns)
    rows.append(" " * gutter + _x_labels(x_axis, columns))
    return "\n".join(line.rstrip() for line in [*head, *_flow(legend, width), *rows])


def sparkline(values: Any, width: int = 24, *, glyphs: Glyphs = "braille") -> str:
    """A curve in one line: the mean of each part, lowest to highest; parts without a finite value are blank."""
    import numpy as np

    values = np.asarray(values, float)
    means = []
    for part in np.array_split(values, max(1, min(width, len(values)))):
        finite = part[np.abs(part) < _HUGE]
        means.append(float(finite.mean()) if len(finite) else math.nan)
    known = [mean for mean in means if math.isfinite(mean)]
    if not known:
        return " " * len(means)
    low, span = min(known), max(known) - min(known)
    levels = _BLOCKS if glyphs == "braille" else _RAMP
    top = len(levels) - 1
    heights = [1 + round((mean - low) / span * (top - 1)) if span else 1 + top // 2 for mean in known]
    drawn = iter(levels[height] for height in heights)
    return "".join(next(drawn) if math.isfinite(mean) else " " for mean in means)


@dataclass(frozen=True, slots=True)
class _Curve:
    """The finite points by step, on a log axis as logarithms; `gaps` (n,) counts what was left out before each."""

    steps: np.ndarray
    values: np.ndarray
    gaps: np.ndarray
    num_missing: int

    @classmethod
    def of(cls, series: Series, log: bool) -> _Curve:
        import numpy as np

        steps, values = np.asarray(series.steps, float), np.asarray(series.values, float)
        order = np.argsort(steps, kind="stable")
        steps, values = steps[order], values[order]
        keep = (np.abs(values) < _HUGE) & ((values > 0) | (not log))
        gaps = np.cumsum(~keep)[keep]
        kept = values[keep]
        return cls(steps[keep], np.log10(kept) if log else kept, gaps, int((~keep).sum()))


@dataclass(frozen=True, slots=True)
class _Axis:
    """A range of values (of their logarithms if `log`) and where it has ticks."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @classmethod
    def over(cls, low: float, high: float, *, log: bool = False, whole: bool = False) -> _Axis:
        low, high = float(low), float(high)
        if high - low <= 1e-12 * max(abs(low), abs(high)):
            pad = 0.5 if whole else (0.1 * abs(low) or 1.0)
            low, high = low - pad, high + pad
        return cls(low, high, log, whole)

    def place(self, values: np.ndarray, dots: int) -> np.ndarray:
        """The dot, from 0 to dots - 1, of each value."""
        import numpy as np

        share = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return np.rint(share * (dots - 1)).astype(int)

    def labels(self, height: int) -> dict[int, str]:
        """Row, from the top, to the text of its tick."""
        import numpy as np

        ticks = self.ticks(max(2, min(4, height - 1), height // 3))
        rows = height - 1 - self.place(np.array(ticks), height)
        return {int(row): figure(10**tick if self.log else tick) for row, tick in zip(rows, ticks, strict=True)}

    def ticks(self, wanted: int) -> list[float]:
        """About `wanted` round values in the range, or its ends where none is."""
        found = self._log_ticks(wanted) if self.log else []
        return found if len(found) >= 2 else self._even_ticks(wanted)

    def _even_ticks(self, wanted: int) -> list[float]:
        low, high = (10**self.low, 10**self.high) if self.log else (self.low, self.high)
        rough = (high - low) / wanted
        unit = 10.0 ** math.floor(math.log10(rough))
        stride = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
        stride = max(1.0, round(stride)) if self.whole else stride
        first, last = math.ceil(low / stride - 1e-9), math.floor(high / stride + 1e-9)
        ticks = [number * stride for number in range(first, last + 1) if number * stride > 0 or not self.log]
        ticks = ticks or [low, high]
        return [math.log10(tick) for tick in ticks] if self.log else ticks

    def _log_ticks(self, wanted: int) -> list[float]:
        first, last = math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9)
        stride = max(1, math.ceil((last - first + 1) / (wanted + 1)))
        return [float(power) for power in range(first, last + 1) if power % stride == 0]


class _Canvas:
    """Dots in cells of characters: 2 x 4 a cell in braille, one in ascii."""

    def __init__(self, columns: int, rows: int, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self.cell_width, self.cell_height = (2, 4) if glyphs == "braille" else (1, 1)
        self.width, self.height = columns * self.cell_width, rows * self.cell_height
        self.cells = [[0] * columns for _ in range(rows)]

    def trace(self, curve: _Curve, x_axis: _Axis, y_axis: _Axis, index: int) -> None:
        """Draw a curve as a line, in the style of the series `index`."""
        if not len(curve.steps):
            return
        xs, ys = x_axis.place(curve.steps, self.width), y_axis.place(curve.values, self.height)
        previous: _Column | None = None
        columns = _columns(xs, ys, curve.gaps)
        is_sparse = 4 * len(columns) <= self.width
        for column in columns:
            if previous is not None and previous.gap_after == column.gap_before:
                self._line(previous.x, previous.last, column.x, column.first, index)
            for y in (column.low, column.high) if column.is_crowded else range(column.low, column.high + 1):
                # Dashes may swallow neither the few points of an evaluation nor a spike.
                self._dot(column.x, y, index, always=is_sparse or column.is_crowded)
            previous = column

    def lines(self) -> list[str]:
        if self.glyphs == "braille":
            return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in self.cells]
        return ["".join(_MARKS[(mark - 1) % len(_MARKS)] if mark else " " for mark in row) for row in self.cells]

    def _line(self, x0: int, y0: int, x1: int, y1: int, index: int) -> None:
        length = max(abs(x1 - x0), abs(y1 - y0))
        for place in range(length + 1):
            share = place / length if length else 0.0
            self._dot(x0 + round((x1 - x0) * share), y0 + round((y1 - y0) * share), index)

    def _dot(self, x: int, y: int, index: int, always: bool = False) -> None:
        row, column = (self.height - 1 - y) // self.cell_height, x // self.cell_width
        if self.glyphs == "ascii":
            self.cells[row][column] = index + 1
            return
        pattern = _PATTERNS[index % len(_PATTERNS)]
        if always or pattern[(x + y) % len(pattern)]:
            self.cells[row][column] |= _BRAILLE[x % 2][(self.height - 1 - y) % 4]


class _Column(NamedTuple):
    """The points in one column of dots: where the line enters and leaves, its extremes, gap counts of its ends."""

    x: int
    first: int
    last: int
    low: int
    high: int
    gap_before: int
    gap_after: int
    is_crowded: bool


def _columns(xs: np.ndarray, ys: np.ndarray, gaps: np.ndarray) -> list[_Column]:
    """The columns that hold points; in a crowded one the line enters and leaves at the mean."""
    import numpy as np

    starts = np.flatnonzero(np.diff(xs, prepend=xs[0] - 1))
    counts = np.diff(starts, append=len(xs))
    ends = starts + counts - 1
    is_crowded = counts > _CROWD
    mean = np.rint(np.add.reduceat(ys, starts) / counts).astype(int)
    fields = (
        xs[starts],
        np.where(is_crowded, mean, ys[starts]),
        np.where(is_crowded, mean, ys[ends]),
        np.minimum.reduceat(ys, starts),
        np.maximum.reduceat(ys, starts),
        gaps[starts],
        gaps[ends],
        is_crowded,
    )
    return [_Column(*entries) for entries in zip(*(field.tolist() for field in fields), strict=True)]


def _legend(index: int, series: Series, curve: _Curve, glyphs: Glyphs) -> str:
    """A sample of the line, the name, and the last value; what could not be drawn is counted."""
    if glyphs == "braille":
        sample = _Canvas(4, 1, glyphs)
        sample._line(0, 1, sample.width - 1, 1, index)
        mark = sample.lines()[0]
    else:
        mark = _MARKS[index % len(_MARKS)]
    last = f" {figure(float(series.values[-1]))}" if len(series.values) else ""
    missing = f" ({curve.num_missing} not drawn)" if curve.num_missing else ""
    return f"{mark} {series.name}{last}{missing}"


def _flow(entries: list[str], width: int) -> list[str]:
    """Entries side by side in lines of at most `width`."""
    lines: list[str] = []
    for entry in entries:
        if lines and len(lines[-1]) + 3 + len(entry) <= width:
            lines[-1] += "   " + entry
        else:
            lines.append(entry[:width])
    return lines


def _x_labels(axis: _Axis, columns: int) -> str:
    """Step numbers under the places they belong to, as far as they do not touch."""
    import numpy as np

    line = ""
    ticks = axis.ticks(max(2, columns // 14))
    for tick, column in zip(ticks, axis.place(np.array(ticks), columns), strict=True):
        text = figure(tick)
        start = min(max(0, int(column) - len(text) // 2), columns - len(text))
        if start >= len(line) + 2 or (not line and start >= 0):
            line = line.ljust(start) + text
    return line

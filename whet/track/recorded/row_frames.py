"""What the frames of a file of rows hold: a step's rows, a row's tokens, and the columns and sources they name."""

# n rows of one step on one rank

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whet.track.logs import frames

if TYPE_CHECKING:
    import numpy as np

# The source of a row that has none.
UNKNOWN = 0xFFFF
# Before the columns of a step.
EPOCH = struct.Struct("<d")
LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class StepRows:
    """The rows of one step on one rank. `columns` have n entries each, among them:

    - `source`: which of `sources` it is (`UNKNOWN` without one), `row` its number there, `part` which piece of it.
    - `sample`: which rows belong together: pairs and groups have one number.
    - `batch`: the micro-batch it was in. `tokens`: how many of its tokens were trained.
    - `loss`: its own, a mean over its trained tokens where they have one each; NaN where the objective tells none.
    - `digest`: CRC-32 of what was learned from, so that a row that was changed shows.

    All others are fields of its sample, such as `reward` and `advantage` of an answer.
    """

    step: int
    time: float
    rank: str
    epoch: float
    sources: Mapping[int, str]
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def place(self, index: int) -> tuple[str, int, int]:
        """Source, row and part of a row; an empty name where the source is not known."""
        number = int(self.columns["source"][index])
        return self.sources.get(number, ""), int(self.columns["row"][index]), int(self.columns["part"][index])


@dataclass(frozen=True, slots=True)
class RowTokens:
    """One row's tokens: `ids` (T,) of all; for each trained one its `places` (P,), `targets` (P,) and `losses` (P,)."""

    step: int
    rank: str
    source: str
    row: int
    part: int
    ids: np.ndarray
    places: np.ndarray
    targets: np.ndarray
    losses: np.ndarray


class Known:
    """What a file of rows has said so far of its columns and sources, by which a step's rows are read."""

    def __init__(self) -> None:
        self.sources: dict[int, str] = {}
        self.columns: dict[int, list[tuple[str, np.dtype[Any]]]] = {}

    def learn(self, type: int, number: int, body: bytes) -> None:
        """Take a frame in, if it is one of sources or columns."""
        if type in (frames.SOURCES, frames.COLUMNS):
            with suppress(ValueError):
                self.take(type, number, json.loads(body))

    def take(self, type: int, number: int, told: Any) -> None:
        """Take what such a frame tells. What is none is passed over: it is of a later version."""
        import numpy as np

        with suppress(ValueError, TypeError):
            if type == frames.SOURCES:
                self.sources.update(enumerate(map(str, told), number))
            else:
                self.columns[number] = [(str(name), np.dtype(form)) for name, form in told]

    def rows(self, rank: str, moment: float, step: int, schema: int, body: bytes) -> StepRows | None:
        """The rows of a step; None where its columns are not known, or it is no such thing."""
        with suppress(ValueError, TypeError, KeyError, struct.error):
            columns = unpacked(body[EPOCH.size :], self.columns[schema])
            [epoch] = EPOCH.unpack_from(body)
            return StepRows(step, moment, rank, epoch, self.sources, columns)
        return None


def tokens_in(body: bytes, step: int, rank: str) -> RowTokens | None:
    """The tokens in a frame's body; None where it is no such thing."""
    import numpy as np

    with suppress(ValueError, TypeError, KeyError, struct.error):
        start = LENGTH.size + LENGTH.unpack_from(body)[0]
        about, arrays = json.loads(body[LENGTH.size : start]), []
        for size, form in zip(about["sizes"], ("<u4", "<u4", "<u4", "<f4"), strict=True):
            arrays.append(np.frombuffer(body, form, size, start))
            start += 4 * size
        source, row, part = about["place"]
        return RowTokens(step, rank, str(source), int(row), int(part), *arrays)
    return None


def unpacked(body: bytes, columns: Sequence[tuple[str, np.dtype[Any]]]) -> dict[str, np.ndarray]:
    """Columns (n,) that lie one after the other, by name."""
    import numpy as np

    size = sum(form.itemsize for _, form in columns)
    count, start, found = len(body) // size, 0, {}
    for name, form in columns:
        found[name] = np.frombuffer(body, form, count, start)
        start += count * form.itemsize
    return found

"""`contamination`: rows that are measured were learned from as well."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from whet.base.catalogue import diagnosis
from whet.base.settings import Positive
from whet.track.diagnosis.finding import Figure, Finding, Message, Row
from whet.track.diagnosis.recorded_run import RecordedRun, row_of

if TYPE_CHECKING:
    import numpy as np

    from whet.track.recorded.row_frames import StepRows

# CRC-32 of two different rows are alike once in so many times.
_CHANCE = 1 << 32
_MOST = 8


@diagnosis("contamination", live=False)
def contamination(run: RecordedRun, *, chance: Positive = 1e-3) -> Iterator[Finding]:
    """Rows of the evaluation were trained as well: the same tokens with the same mask.

    chance: probability that digests are alike by chance, up to which it is told
    """
    import numpy as np

    measured = run.evaluated()
    if not measured:
        return
    keys = [_keys(one.columns["digest"], one.columns["tokens"]) for one in measured]
    whole = np.unique(np.concatenate(keys))
    first, trained = _first_steps(run, whole)
    if not first or _by_chance(len(first), trained, len(whole)) > chance:
        return
    rows = _rows(measured, keys, first)
    share = len(first) / len(whole)
    figures = [
        Figure("rows measured", len(whole)),
        Figure("of them trained", len(first)),
        Figure("share", share, "share"),
        Figure("rows trained", trained),
    ]
    about = {"count": len(first), "total": len(whole), "rows_share": share, "step": min(first.values())}
    yield Finding(
        "error" if share > 0.05 else "warning", min(first.values()), max(first.values()),
        Message("contamination", about), Message("contamination.remedy"), f"whet show {run.name} --step {rows[0].step}",
        f"samples?step={rows[0].step}", figures, rows,
    )  # fmt: skip


def _keys(digests: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Digest and length as one number."""
    import numpy as np

    return (np.minimum(tokens.astype(np.int64), (1 << 30) - 1) << 32) | digests.astype(np.int64)


def _first_steps(run: RecordedRun, measured: np.ndarray) -> tuple[dict[int, int], int]:
    """Of each measured row that was trained the first step, and how many rows were trained in all."""
    import numpy as np

    first: dict[int, int] = {}
    trained = 0
    for piece in run.digests():
        keys = _keys(piece.digests, piece.tokens)
        trained += len(keys)
        for place in np.flatnonzero(np.isin(keys, measured)):
            key, step = int(keys[place]), int(piece.steps[place])
            first[key] = min(step, first.get(key, step))
    return first, trained


def _by_chance(num: int, trained: int, measured: int) -> float:
    """The probability that so many digests are alike though no rows are (Poisson)."""
    expected = trained * measured / _CHANCE
    fewer = sum(math.exp(-expected) * expected**one / math.factorial(one) for one in range(min(num, 100)))
    return max(0.0, 1.0 - fewer)


def _rows(measured: Sequence[StepRows], keys: list[np.ndarray], first: dict[int, int]) -> list[Row]:
    """Some of the rows that were measured, at the steps that trained them; what each cost there is not told."""
    found: list[Row] = []
    for one, own in zip(measured, keys, strict=True):
        for index, key in enumerate(own.tolist()):
            if key in first and len(found) < _MOST:
                row = row_of(one, index)
                found.append(Row(first[key], row.rank, row.source, row.row, row.part, None, row.tokens))
    return found

"""`untrained-tokens`: tokens that should be learned and never were, and rows of which nothing is."""

from __future__ import annotations

from collections.abc import Iterator

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, Fraction
from whet.track.diagnosis.finding import Figure, Finding, Message, Row
from whet.track.diagnosis.recorded_run import RecordedRun, row_of
from whet.track.recorded.row_frames import StepRows
from whet.track.recorded.watched import END, NEW, Watched

_MOST = 8


@diagnosis("untrained-tokens", live=False)
def untrained_tokens(run: RecordedRun, *, masked: Fraction = 0.001, least: Count = 1) -> Iterator[Finding]:
    """New tokens or the end of answers that no step trained, and rows without a trained token.

    masked: share of the rows that have none from which on it is told
    least: how many rows have none, at least
    """
    watched = run.watched()
    new = [one for one in watched if one.why == NEW and one.trained is None]
    # One that is not even read is not in the data: of the end of answers that is nothing wrong in raw text.
    ends = [one for one in watched if one.why == END and one.trained is None and one.read is not None]
    if new:
        yield _of_tokens(
            run, new, "untrained-tokens.new", f"whet show {run.name} --step {run.logs.first_step or 1} --tokens"
        )
    if ends:
        yield _of_tokens(run, ends, "untrained-tokens.end", "data.allow=[]")
    yield from _masked(run, masked, least)


def _of_tokens(run: RecordedRun, tokens: list[Watched], which: str, typed: str) -> Finding:
    first, last = run.logs.first_step or 0, run.logs.last_step or 0
    figures = [
        Figure(f"first step that reads {one.text}", -1 if one.read is None else one.read) for one in tokens[:_MOST]
    ]
    texts = ", ".join(one.text for one in tokens[:_MOST])
    about = {"tokens": texts, "count": len(tokens), "read": sum(one.read is not None for one in tokens)}
    return Finding(
        "warning",
        first,
        last,
        Message(which, about),
        Message(f"{which}.remedy"),
        typed,
        f"samples?step={first}",
        figures,
    )


def _masked(run: RecordedRun, share: float, least: int) -> Iterator[Finding]:
    """Rows of which no token is trained, in a run whose rows have such tokens."""
    import numpy as np

    total = trained = 0
    steps: list[int] = []
    none = 0
    for piece in run.digests():
        is_masked = (piece.tokens == 0) & ~np.isfinite(piece.losses)
        total, trained, none = (
            total + len(is_masked),
            trained + int((piece.tokens > 0).sum()),
            none + int(is_masked.sum()),
        )
        if len(steps) < _MOST:
            steps += np.unique(piece.steps[is_masked])[:_MOST].tolist()
    if not trained or none < least or none < share * total:
        return
    found = [row for step in run.rows(steps[:_MOST]).values() for one in step for row in _rows(one)]
    figures = [Figure("rows without a trained token", none), Figure("rows", total)]
    about = {"count": none, "rows_share": none / total, "step": steps[0]}
    yield Finding(
        "warning", steps[0], steps[-1], Message("untrained-tokens.rows", about),
        Message("untrained-tokens.rows.remedy"), f"whet show {run.name} --step {steps[0]}", f"samples?step={steps[0]}",
        figures, found[:_MOST],
    )  # fmt: skip


def _rows(step: StepRows) -> Iterator[Row]:
    tokens = step.columns["tokens"]
    yield from (row_of(step, index) for index in range(len(tokens)) if tokens[index] == 0)

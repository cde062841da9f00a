"""`not-finite`: a loss or gradient norm is NaN or infinite; where that began: layer, figure, row, rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whet.base.catalogue import diagnosis
from whet.track.diagnosis.finding import Figure, Finding, Message, Row
from whet.track.diagnosis.recorded_run import Odd, RecordedRun, is_finite, worst_rows
from whet.track.logs.frames import Writer

_LAYERS = "layers"
# Within a step the order in which numbers come about: what a layer gives on, the loss, gradients, all else.
_FORWARD, _BACKWARD = "activations/", "gradients/"


@diagnosis("not-finite")
def not_finite(run: RecordedRun) -> Iterator[Finding]:
    """A loss or a gradient norm is NaN or infinite."""
    every = run.odd()
    chief = [one for one in every if one.name in (run.loss, run.norm) and _rank(one) is not None]
    if not chief:
        return
    step = chief[0].step
    first = sorted((one for one in every if one.step == step), key=lambda one: _order(run, one))
    layers = [one for one in first if one.writer == _LAYERS]
    ranks = sorted({rank for one in first if one.name in (run.loss, run.norm) and (rank := _rank(one)) is not None})
    rows, is_each = _rows(run, step)
    figures = [Figure(one.name, one.value, step=one.step, writer=one.writer) for one in first[:8]]
    about = {"step": step, "name": chief[0].name, "value": str(chief[0].value)}
    if layers:
        name, _, what = layers[0].name.partition("/")[2].rpartition("/")
        message, remedy = Message("not-finite.layer", {**about, "layer": name, "what": what}), "not-finite.layer.remedy"
    elif rows and not is_each:
        place = {"source": rows[0].source.rpartition("/")[2], "row": rows[0].row}
        message, remedy = Message("not-finite.row", {**about, **place}), "not-finite.row.remedy"
    elif len(ranks) == 1 and len(run.logs.ranks) > 1:
        message, remedy = Message("not-finite.rank", {**about, "rank": ranks[0]}), "not-finite.rank.remedy"
    else:
        message, remedy = Message("not-finite", about), "not-finite.remedy"
    yield Finding(
        "error", step, max(one.step for one in chief), message, Message(remedy, {"step": step}),
        _typed(run, step, rows), f"samples?step={step}", figures, rows,
    )  # fmt: skip


def _order(run: RecordedRun, odd: Odd) -> tuple[int, str]:
    if odd.name.startswith(_FORWARD):
        return 0, ""
    if odd.name == run.loss:
        return 1, odd.writer
    return (2, "") if odd.name.startswith(_BACKWARD) else (3, odd.name)


def _rank(odd: Odd) -> int | None:
    return Writer(odd.writer, 0).rank


def _rows(run: RecordedRun, step: int) -> tuple[Sequence[Row], bool]:
    """The step's rows that have no finite loss, and whether that is all of them."""
    found = run.rows([step]).get(step, [])
    rows = worst_rows(found)
    odd = [row for row in rows if not is_finite(row.loss)]
    return odd or rows, not odd or len(odd) == len(rows)


def _typed(run: RecordedRun, step: int, rows: Sequence[Row]) -> str:
    if rows:
        return f"whet show {run.name} --step {step}"
    rate = run.config.get("optimizer.lr")
    return f"optimizer.lr={rate / 10:.3g}" if isinstance(rate, int | float) and rate > 0 else "track.layers_every=1"

"""A report frozen: the curves, entries and pictures that it shows, as they are now, so that it can be read anywhere."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whet.base.errors import RunError, WhetError
from whet.track.reading.catalogue import said_of
from whet.track.reading.read import History
from whet.track.reading.rows import row_of
from whet.track.reading.store import find, history, summarize
from whet.track.recorded.axes import axis
from whet.track.reports.blocks import Block, Chart, Picture, Report, Table

# So many buckets of a curve are kept, with low and high: no spike is lost.
BUCKETS = 1000
MOST_PICTURE = 8 << 20
_PICTURES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
}  # fmt: skip

Folder = Callable[[str], Path]


def frozen(report: Report, folder: Folder) -> dict[str, Any]:
    """The report with, of each block, what it shows, or why it shows nothing. `folder` finds a run; it may refuse."""
    return {"report": report.model_dump(mode="json"), "shown": [_shown(block, folder) for block in report.blocks]}


def of_root(root: Path) -> Folder:
    """Finds runs under a root."""
    return lambda run: find(run, root)


def _shown(block: Block, folder: Folder) -> dict[str, Any]:
    match block:
        case Chart():
            return {"series": [one for run in block.runs for one in _series(block, run, folder)]}
        case Table():
            return {"rows": [_row(block, run, folder) for run in block.runs]}
        case Picture():
            return _picture(block, folder)
    return {}


def _series(block: Chart, run: str, folder: Folder) -> Iterator[dict[str, Any]]:
    try:
        logs = history(folder(run))
        over = axis(logs, block.x)
    except WhetError as error:
        yield {"run": run, "metric": "", "missing": error.message}
        return
    known = logs.names()
    for name in block.metrics:
        if name in known:
            yield {"run": run, "metric": name, "unit": over.unit, **_buckets(logs, name, over)}
        else:
            yield {"run": run, "metric": name, "missing": f"the run has no curve `{name}`"}


def _buckets(logs: History, name: str, over: Any) -> dict[str, Any]:
    level = logs.curve(name, BUCKETS)
    return {
        "first": over.at(level.first_steps).tolist(), "last": over.at(level.last_steps).tolist(),
        "low": level.low[0].tolist(), "high": level.high[0].tolist(), "mean": level.mean[0].tolist(),
        "marks": [asdict(one) for one in logs.non_finite(name)],
    }  # fmt: skip


def _row(block: Table, run: str, folder: Folder) -> dict[str, Any]:
    try:
        place = folder(run)
    except WhetError as error:
        return {"run": run, "missing": error.message}
    logs = history(place)
    row = row_of(summarize(place, logs), said_of(place, logs))
    return {"run": run, "values": [row.get(name) for name in block.columns]}


def _picture(block: Picture, folder: Folder) -> dict[str, Any]:
    kind = _PICTURES.get(Path(block.path).suffix.lower())
    try:
        place = folder(block.run)
        path = (place / block.path).resolve()
        if kind is None or not path.is_relative_to(place.resolve()) or not path.is_file():
            raise RunError(f"the run has no picture `{block.path}`", at=block.run, hint=f"whet show {block.run}")
        if path.stat().st_size > MOST_PICTURE:
            raise RunError(f"`{block.path}` is larger than 8 MiB", at=block.run, hint="a smaller picture")
    except WhetError as error:
        return {"missing": error.message}
    return {"source": f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"}

"""Prometheus: the last values of live runs as gauges, in its text format 0.0.4, for scraping."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from whet.server.errors import Refusal
from whet.server.served import Runs

router = APIRouter(tags=["prometheus"])

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATUSES = ("new", "running", "done", "stopped", "failed", "killed")


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(served: Runs) -> PlainTextResponse:
    """`whet_runs` by status; of runs that run `whet_metric` (by its name), `whet_step`, `whet_started_seconds`."""
    return PlainTextResponse("".join(_lines(served)), media_type=_TYPE)


def _lines(served: Runs) -> Iterator[str]:
    pairs = served.listed()
    counts = {status: sum(run.status == status for run, _ in pairs) for status in _STATUSES}
    yield from _family("whet_runs", "Runs by status.", [({"status": s}, float(n)) for s, n in counts.items()])
    live = [(run, row) for run, row in pairs if run.status == "running"]
    labels = [{"run": run.name, "project": run.project} for run, _ in live]
    values = [
        ({**about, "name": name}, value)
        for about, (run, _) in zip(labels, live, strict=True)
        for name, value in _last(served, run.name)
    ]
    steps = [(about, float(run.step)) for about, (run, _) in zip(labels, live, strict=True) if run.step is not None]
    starts = [(about, run.started) for about, (run, _) in zip(labels, live, strict=True) if run.started is not None]
    yield from _family("whet_metric", "Last value of a curve of a run that runs.", values)
    yield from _family("whet_step", "Last step of a run that runs.", steps)
    yield from _family("whet_started_seconds", "Unix time at which a run that runs began.", starts)


def _last(served: Runs, run: str) -> Iterator[tuple[str, float]]:
    try:
        folder = served.folder(run)
    except Refusal:  # gone by now, or of a name that no route takes: the others are told all the same
        return
    with served.history(folder) as logs:
        for name in logs.names():
            recent = logs.recent(name)
            if len(recent):
                yield name, float(recent[-1])


def _family(name: str, help: str, samples: Sequence[tuple[Mapping[str, Any], float]]) -> Iterator[str]:
    yield f"# HELP {name} {help}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        listed = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in labels.items())
        yield f"{name}{{{listed}}} {_number(value)}\n"


def _escaped(text: str) -> str:
    """A label's value: backslashes, quotes and line feeds escaped; no other end of line may stand in it."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]", "?", text)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else repr(value)

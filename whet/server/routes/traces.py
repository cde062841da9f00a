"""Traces: OTLP in over HTTP, stored with the run that they belong to, and read again.

The run is what the resource's attribute `whet.run` names, or the header `X-Whet-Run`; else one called after the
service (`service.name`).
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from whet.base.protobuf import Malformed
from whet.server import otlp
from whet.server.answers.values import Answer
from whet.server.errors import Refusal, invalid
from whet.server.served import Body, Runs
from whet.track.logs.claim import slug
from whet.track.logs.event_log import EventLog
from whet.track.reading.spans import KIND, WRITER, Span, spans
from whet.track.reading.store import LOGS

router = APIRouter(tags=["traces"])

_MOST_BYTES = 64 << 20
# So many gzip members, one behind the other, may a body have: each costs some time, however little is in it.
_MOST_MEMBERS = 1000
# Logs of so many runs are held open.
_OPEN = 64


class Spans:
    """The logs of spans that this server writes, one a run."""

    def __init__(self, root: Path) -> None:
        self._root, self._lock = root, threading.Lock()
        self._logs: OrderedDict[str, EventLog] = OrderedDict()

    def add(self, run: str, found: list[Span]) -> None:
        """Write spans into a run, which is made if need be. Raises Refusal where the disk does not take them."""
        with self._lock:
            if run not in self._logs:
                self._logs[run] = EventLog(self._root / run / LOGS, WRITER)
            log = self._logs[run]
            self._logs.move_to_end(run)
            before = log.dropped
            for span in found:
                log.event_at(span.end_ns / 1e9, KIND, 0, span.to_dict())
            while len(self._logs) > _OPEN:
                self._logs.popitem(last=False)[1].close("done", "")
        if log.dropped != before:
            raise Refusal("INTERNAL_ERROR", "the disk of the server does not take the spans")

    def close(self) -> None:
        """End all logs."""
        with self._lock:
            for log in self._logs.values():
                log.close("done", "")
            self._logs.clear()


def spans_of(request: Request) -> Spans:
    """What the app of a request writes spans with."""
    return request.app.state.spans


@router.post("/v1/traces")
def receive(
    body: Body,
    writer: Annotated[Spans, Depends(spans_of)],
    content_type: Annotated[str, Header()] = "application/x-protobuf",
    content_encoding: Annotated[str, Header()] = "",
    x_whet_run: Annotated[str, Header()] = "",
) -> Response:
    """OTLP's export of traces, in protobuf or JSON, also gzipped."""
    is_json = content_type.partition(";")[0].strip() == "application/json"
    data = _unzipped(body) if content_encoding.strip().lower() == "gzip" else body
    try:
        found = (otlp.from_json if is_json else otlp.from_protobuf)(data)
    except Malformed as error:
        raise invalid(f"this is no OTLP request: {error}") from None
    runs: dict[str, list[Span]] = {}
    for span in found:
        named = x_whet_run or span.resource.get("whet.run") or span.resource.get("service.name")
        runs.setdefault(slug(str(named or "traces")), []).append(span)
    for run, part in runs.items():
        writer.add(run, part)
    return Response(b"{}" if is_json else b"", media_type="application/json" if is_json else "application/x-protobuf")


@router.get("/api/v1/runs/{run}/traces", response_class=Answer)
def read(
    served: Runs,
    run: str,
    trace_id: str | None = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000,
) -> Any:
    """The spans of a run by their start, of one trace or of all."""
    found = [span for span in spans(served.folder(run)) if trace_id in (None, span.trace_id)]
    return Answer({"spans": [span.to_dict() for span in found[offset : offset + limit]], "total": len(found)})


def _unzipped(data: bytes) -> bytes:
    """What a gzipped body holds, of one member or of several, as long as it is no bomb and none is cut off."""
    found, left = [], _MOST_BYTES
    for _ in range(_MOST_MEMBERS):
        reader = zlib.decompressobj(wbits=31)
        try:
            found.append(reader.decompress(data, left + 1))
        except zlib.error:
            raise invalid("the body is not gzipped") from None
        left -= len(found[-1])
        if left < 0 or reader.unconsumed_tail:
            raise Refusal("TOO_LARGE", "the body holds too much")
        if not reader.eof:
            raise invalid("the body is cut off")
        data = reader.unused_data
        if not data.strip(b"\0"):  # some pad the end
            return b"".join(found)
    raise Refusal("TOO_LARGE", f"the body has more than {_MOST_MEMBERS} gzip members")

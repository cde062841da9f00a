"""Spans of ours as OTLP's export of traces in JSON: what `whet.server.otlp.from_json` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from whet.track.reading.spans import Span

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


def to_json(spans: Sequence[Span], resource: Mapping[str, Any]) -> dict[str, Any]:
    """An ExportTraceServiceRequest of spans that are a resource's."""
    scopes = [
        {"scope": {"name": scope}, "spans": [_span(span) for span in found]}
        for scope, found in groupby(sorted(spans, key=_scope), key=_scope)
    ]
    return {"resourceSpans": [{"resource": {"attributes": _pairs(resource)}, "scopeSpans": scopes}]}


def _scope(span: Span) -> str:
    return span.scope


def _span(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": span.trace_id, "spanId": span.span_id, "name": span.name, "kind": _KINDS.index(span.kind),
        "startTimeUnixNano": str(span.start_ns), "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(span.attributes),
        "status": {"code": _STATUSES.index(span.status), "message": span.message},
    }  # fmt: skip
    return found | ({"parentSpanId": span.parent_id} if span.parent_id else {})


def _pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case Mapping():
            return {"kvlistValue": {"values": _pairs(value)}}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}

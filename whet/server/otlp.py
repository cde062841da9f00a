"""OTLP's export of traces, in protobuf and in JSON, as spans of ours.

The messages are those of opentelemetry-proto 1.x: trace/v1/trace.proto, common/v1/common.proto, resource.proto.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whet.base.protobuf import Malformed, Value, f64, fields, raw, signed, text, whole
from whet.track.reading.spans import Span

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")
# Attributes may hold lists and maps, so deep at most.
_DEPTH = 20


def from_protobuf(data: bytes) -> list[Span]:
    """The spans of an ExportTraceServiceRequest. Raises Malformed."""
    found = []
    for number, value in fields(data):
        if number == 1:
            found += list(_resource_spans(raw(value)))
    return found


def from_json(data: bytes) -> list[Span]:
    """The same of OTLP's JSON, whose ids are hex. Raises Malformed."""
    try:
        request = json.loads(data)
        return [span for part in request.get("resourceSpans") or () for span in _json_spans(part)]
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise Malformed(f"this is no OTLP: {error}") from None


def _resource_spans(data: bytes) -> Iterator[Span]:
    parts = list(fields(data))
    resource: dict[str, Any] = {}
    for number, value in parts:
        if number == 1:
            resource = _attributes(raw(v) for n, v in fields(raw(value)) if n == 1)
    for number, value in parts:
        if number in (2, 1000):  # 1000: instrumentation library of versions before 1.0
            yield from _scope_spans(raw(value), resource)


def _scope_spans(data: bytes, resource: Mapping[str, Any]) -> Iterator[Span]:
    parts, scope = list(fields(data)), ""
    for number, value in parts:
        if number == 1:
            scope = next((text(v) for n, v in fields(raw(value)) if n == 1), "")
    for number, value in parts:
        if number == 2:
            yield _span(raw(value), scope, resource)


def _span(data: bytes, scope: str, resource: Mapping[str, Any]) -> Span:
    one: dict[int, Value] = {}
    lists: dict[int, list[bytes]] = {9: [], 11: [], 13: []}
    for number, value in fields(data):
        if number in lists:
            lists[number].append(raw(value))
        else:
            one[number] = value
    status = dict(fields(raw(one.get(15, b""))))
    return Span(
        raw(one.get(1, b"")).hex(), raw(one.get(2, b"")).hex(), raw(one.get(4, b"")).hex(), text(one.get(5, b"")),
        _named(_KINDS, whole(one.get(6, 0))), whole(one.get(7, 0)), whole(one.get(8, 0)),
        _named(_STATUSES, whole(status.get(3, 0))), text(status.get(2, b"")), _attributes(lists[9]),
        tuple(_event(data) for data in lists[11]), tuple(_link(data) for data in lists[13]), scope, resource,
    )  # fmt: skip


def _event(data: bytes) -> dict[str, Any]:
    parts = list(fields(data))
    one = dict(parts)
    attributes = _attributes(raw(v) for n, v in parts if n == 3)
    return {"time_ns": str(whole(one.get(1, 0))), "name": text(one.get(2, b"")), "attributes": attributes}


def _link(data: bytes) -> dict[str, Any]:
    parts = list(fields(data))
    one = dict(parts)
    ids = {"trace_id": raw(one.get(1, b"")).hex(), "span_id": raw(one.get(2, b"")).hex()}
    return {**ids, "attributes": _attributes(raw(v) for n, v in parts if n == 4)}


def _attributes(pairs: Any, depth: int = 0) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        one = dict(fields(pair))
        found[text(one.get(1, b""))] = _any(raw(one.get(2, b"")), depth)
    return found


def _any(data: bytes, depth: int) -> Any:
    """An AnyValue."""
    if depth > _DEPTH:
        raise Malformed("attributes are too deep")
    value: Any = None
    for number, given in fields(data):
        match number:
            case 1:
                value = text(given)
            case 2:
                value = bool(whole(given))
            case 3:
                value = signed(given)
            case 4:
                value = f64(given)
            case 5:
                value = [_any(raw(v), depth + 1) for n, v in fields(raw(given)) if n == 1]
            case 6:
                value = _attributes((raw(v) for n, v in fields(raw(given)) if n == 1), depth + 1)
            case 7:
                value = base64.b64encode(raw(given)).decode()
    return value


def _json_spans(part: Mapping[str, Any]) -> Iterator[Span]:
    resource = _json_attributes((part.get("resource") or {}).get("attributes"))
    for scope_spans in part.get("scopeSpans") or part.get("instrumentationLibrarySpans") or ():
        scope = str((scope_spans.get("scope") or {}).get("name") or "")
        for span in scope_spans.get("spans") or ():
            yield _json_span(span, scope, resource)


def _json_span(span: Mapping[str, Any], scope: str, resource: Mapping[str, Any]) -> Span:
    status = span.get("status") or {}
    events = [
        {"time_ns": str(_nanoseconds(one.get("timeUnixNano"))), "name": str(one.get("name") or ""),
         "attributes": _json_attributes(one.get("attributes"))}
        for one in span.get("events") or ()
    ]  # fmt: skip
    links = [
        {"trace_id": _hex(one.get("traceId")), "span_id": _hex(one.get("spanId")),
         "attributes": _json_attributes(one.get("attributes"))}
        for one in span.get("links") or ()
    ]  # fmt: skip
    return Span(
        _hex(span.get("traceId")), _hex(span.get("spanId")), _hex(span.get("parentSpanId")),
        str(span.get("name") or ""), _named(_KINDS, _enum(span.get("kind"), "SPAN_KIND_", _KINDS)),
        _nanoseconds(span.get("startTimeUnixNano")), _nanoseconds(span.get("endTimeUnixNano")),
        _named(_STATUSES, _enum(status.get("code"), "STATUS_CODE_", _STATUSES)), str(status.get("message") or ""),
        _json_attributes(span.get("attributes")), tuple(events), tuple(links), scope, resource,
    )  # fmt: skip


def _json_attributes(pairs: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {str(pair["key"]): _json_any(pair.get("value") or {}) for pair in pairs or ()}


def _json_any(value: Mapping[str, Any]) -> Any:
    for name, given in value.items():
        match name:
            case "intValue":
                return int(given)
            case "doubleValue":
                return float(given)
            case "arrayValue":
                return [_json_any(one) for one in given.get("values") or ()]
            case "kvlistValue":
                return _json_attributes(given.get("values"))
            case "stringValue" | "boolValue" | "bytesValue":
                return given
    return None


def _hex(value: Any) -> str:
    """An id, which is hex in OTLP's JSON. Raises Malformed."""
    try:
        return binascii.unhexlify(str(value or "")).hex()
    except (binascii.Error, ValueError):
        raise Malformed(f"{ascii(value)[:40]} is no id") from None


def _nanoseconds(value: Any) -> int:
    """A time, which has 64 bits. Raises Malformed."""
    found = int(value or 0)
    if not 0 <= found < 1 << 64:
        raise Malformed("a time has more than 64 bits")
    return found


def _enum(value: Any, prefix: str, names: Sequence[str]) -> int:
    if isinstance(value, str) and not value.isdigit():
        word = value.removeprefix(prefix).lower()
        return names.index(word) if word in names else 0
    return int(value or 0)


def _named(names: Sequence[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else names[0]

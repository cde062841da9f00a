"""OTLP's traces, as OpenTelemetry's exporters send them, are kept with a run and read again."""

import gzip
import json
from pathlib import Path

import pytest

from tests.server.world import Client, serving
from whet.base.protobuf import Malformed, fields
from whet.server.otlp import from_protobuf
from whet.track.reading.spans import spans

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
START, END = 1_700_000_000_123_456_789, 1_700_000_001_987_654_321
ATTRIBUTES = {"text": "ü", "yes": True, "whole": -(1 << 62), "half": 0.5, "list": ["a", 1], "map": {"deep": 2}}


def as_any(value) -> dict:
    """A value as OTLP's JSON has it."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [as_any(one) for one in value]}}
    return {"kvlistValue": {"values": [{"key": key, "value": as_any(one)} for key, one in value.items()]}}


def pairs(values: dict) -> list:
    return [{"key": key, "value": as_any(value)} for key, value in values.items()]


def request(service: str = "agent", **resource) -> dict:
    span = {
        "traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT, "name": "answer", "kind": 3,
        "startTimeUnixNano": str(START), "endTimeUnixNano": str(END), "attributes": pairs(ATTRIBUTES),
        "events": [{"timeUnixNano": str(START + 1), "name": "first token", "attributes": pairs({"n": 1})}],
        "links": [{"traceId": TRACE[::-1], "spanId": SPAN[::-1], "attributes": []}],
        "status": {"code": "STATUS_CODE_ERROR", "message": "it failed"},
    }  # fmt: skip
    scopes = [{"scope": {"name": "library"}, "spans": [span]}]
    about = {"attributes": pairs({"service.name": service, **resource})}
    return {"resourceSpans": [{"resource": about, "scopeSpans": scopes}]}


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def field(number: int, value: bytes | int | str) -> bytes:
    """A field of a message, written by the rules of the encoding."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fixed64(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def any_message(value) -> bytes:
    import struct

    match value:
        case bool():
            return field(2, int(value))
        case int():
            return field(3, value)
        case float():
            return fixed64(4, int.from_bytes(struct.pack("<d", value), "little"))
        case str():
            return field(1, value)
        case list():
            return field(5, b"".join(field(1, any_message(one)) for one in value))
    return field(6, b"".join(field(1, pair(key, one)) for key, one in value.items()))


def pair(key: str, value) -> bytes:
    return field(1, key) + field(2, any_message(value))


def message(service: str = "agent") -> bytes:
    """The same request as protobuf."""
    span = field(1, bytes.fromhex(TRACE)) + field(2, bytes.fromhex(SPAN)) + field(4, bytes.fromhex(PARENT))
    span += field(5, "answer") + field(6, 3) + fixed64(7, START) + fixed64(8, END)
    span += b"".join(field(9, pair(key, value)) for key, value in ATTRIBUTES.items())
    span += field(11, fixed64(1, START + 1) + field(2, "first token") + field(3, pair("n", 1)))
    span += field(13, field(1, bytes.fromhex(TRACE[::-1])) + field(2, bytes.fromhex(SPAN[::-1])))
    span += field(15, field(2, "it failed") + field(3, 2)) + field(99, "unknown")
    resource = field(1, pair("service.name", service))
    return field(1, field(1, resource) + field(2, field(1, field(1, "library")) + field(2, span)))


@pytest.fixture
def server(tmp_path: Path):
    with serving(tmp_path) as client:
        yield client


def check(span) -> None:
    assert (span.trace_id, span.span_id, span.parent_id) == (TRACE, SPAN, PARENT)
    assert (span.name, span.kind, span.status, span.message) == ("answer", "client", "error", "it failed")
    assert (span.start_ns, span.end_ns, span.scope) == (START, END, "library")
    assert span.attributes == ATTRIBUTES and span.resource["service.name"] == "agent"
    assert span.events == ({"time_ns": str(START + 1), "name": "first token", "attributes": {"n": 1}},)
    assert span.links == ({"trace_id": TRACE[::-1], "span_id": SPAN[::-1], "attributes": {}},)


@pytest.mark.parametrize("kind", ["json", "protobuf", "gzip", "members"])
def test_spans_are_kept_with_all_they_have(server: Client, tmp_path: Path, kind: str):
    if kind == "json":
        body, headers = json.dumps(request()).encode(), {"Content-Type": "application/json"}
    else:
        body, headers = message(), {"Content-Type": "application/x-protobuf"}
    if kind in ("gzip", "members"):  # as `cat a.gz b.gz` makes them
        pieces = [body] if kind == "gzip" else [body[:50], b"", body[50:]]
        body, headers = b"".join(map(gzip.compress, pieces)), {**headers, "Content-Encoding": "gzip"}
    answer = server.ask("POST", "/v1/traces", body, headers)
    assert answer.status == 200 and answer.headers["content-type"] == headers["Content-Type"]
    assert answer.body == (b"{}" if kind == "json" else b"")
    (span,) = spans(tmp_path / "agent")
    check(span)
    read = server.get("/api/v1/runs/agent/traces")
    assert read["total"] == 1 and read["spans"][0]["start_ns"] == str(START)
    assert server.get("/api/v1/runs/agent/traces", trace_id="00")["spans"] == []


def test_a_run_that_is_named_gets_them(server: Client, tmp_path: Path):
    from tests.track.runs import records, write

    write(tmp_path / "mine", records())
    head = {"Content-Type": "application/json"}
    server.ask("POST", "/v1/traces", request(**{"whet.run": "mine"}), head)
    server.ask("POST", "/v1/traces", request(), {**head, "X-Whet-Run": "mine"})
    server.ask("POST", "/v1/traces", request(service="../../odd /name"), head)
    assert len(spans(tmp_path / "mine")) == 2 and (tmp_path / "odd-name").is_dir()
    assert server.get("/api/v1/runs/mine")["status"] == "done"


def test_what_is_no_otlp_is_refused_and_nothing_is_kept(server: Client, tmp_path: Path):
    whole = message()
    for number in range(1, len(whole)):
        cut = server.ask("POST", "/v1/traces", whole[:number], {}) if number % 40 == 0 else None
        if cut is not None:
            assert cut.status == 400
    head = {"Content-Type": "application/json"}
    for body in (b"{", b"[]", b"null", b'{"resourceSpans": 3}', b"[" * 100_000, json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}).encode()):  # fmt: skip
        assert server.ask("POST", "/v1/traces", body, head).status == 400
    for moment in ("1" * 40, 10**400, -1, 1e309):
        span = {"traceId": "aa", "spanId": "bb", "endTimeUnixNano": moment}
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        assert server.ask("POST", "/v1/traces", body, head).status == 400
    assert server.ask("POST", "/v1/traces", b"nothing", {"Content-Encoding": "gzip"}).status == 400
    bomb = gzip.compress(b"\0" * (65 << 20))
    assert server.ask("POST", "/v1/traces", bomb, {"Content-Encoding": "gzip"}).status == 413
    members = gzip.compress(b"") * 1001 + gzip.compress(message())
    assert server.ask("POST", "/v1/traces", members, {"Content-Encoding": "gzip"}).status == 413
    halves = gzip.compress(b"\0" * (33 << 20)) * 2
    assert server.ask("POST", "/v1/traces", halves, {"Content-Encoding": "gzip"}).status == 413
    cut = gzip.compress(message())[:-4]
    assert server.ask("POST", "/v1/traces", cut, {"Content-Encoding": "gzip"}).status == 400
    assert list(tmp_path.iterdir()) == []


def test_attributes_that_nest_without_end_are_refused():
    value = field(1, "x")
    for _ in range(3000):
        value = field(5, field(1, value))
    span = field(9, field(1, "k") + field(2, value))
    with pytest.raises(Malformed):
        from_protobuf(field(1, field(2, field(2, span))))


def test_fields_of_a_message_are_told_by_number():
    data = field(1, 300) + field(2, "ab") + fixed64(3, 7) + varint(4 << 3 | 5) + (9).to_bytes(4, "little")
    assert list(fields(data)) == [(1, 300), (2, b"ab"), (3, 7), (4, 9)]
    for wrong in (b"\x0b", b"\x0a\x05ab", b"\xff" * 11, b"\x08"):
        with pytest.raises(Malformed):
            list(fields(wrong))

"""The table of requests says what reading all spans says, whatever came when, and is kept beside the log."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from whet.base.errors import ConfigError
from whet.track.logs.event_log import EventLog
from whet.track.reading import request_file
from whet.track.reading.query import parse
from whet.track.reading.request_file import SUFFIX, RequestFile
from whet.track.reading.request_table import RequestTable, RequestTables
from whet.track.reading.requests import FEEDBACK, requests
from whet.track.reading.spans import KIND, WRITER, Span, spans
from whet.track.reading.store import LOGS

SECOND = 1_000_000_000


def span(trace: int, number: int, parent: str, about: dict[str, Any], name: str = "chat m") -> Span:
    start = 1_700_000_000 * SECOND + trace * SECOND + number
    return Span(f"{trace:032x}", f"{trace:08x}{number:08x}", parent, name, "server", start, start + 9, attributes=about)


def traces(num: int, seed: int = 0) -> list[Span]:
    """Requests with parts, some with a parent elsewhere, and what was said of them, in any order."""
    draw, found = random.Random(seed), []
    for trace in range(num):
        about = {"gen_ai.usage.input_tokens": draw.randrange(50), "gen_ai.response.id": f"answer-{trace}"}
        root = span(trace, 0, draw.choice(("", "ffff")), about)
        found += [root, *(span(trace, n, root.span_id, {}, "part") for n in (1, 2))]
        if draw.random() < 0.3:
            said = {"gen_ai.response.id": f"answer-{trace}", "whet.feedback.label": draw.random() < 0.5}
            found.append(span(trace + 10_000, 3, "", said, FEEDBACK))
    draw.shuffle(found)
    return found


def write(folder: Path, found: list[Span]) -> EventLog:
    log = EventLog(folder / LOGS, WRITER)
    for one in found:
        log.event_at(one.end_ns / 1e9, KIND, 0, one.to_dict())
    return log


def listed(table: RequestTable, filter: str = "", sort: str = "") -> list[dict[str, Any]]:
    return table.rows(table.find(parse(filter), sort))


def known(folder: Path) -> list[dict[str, Any]]:
    return [{**row, "scores": {}} for row in requests(spans(folder))]


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_those_of_all_spans_however_they_came_and_over_several_logs(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(request_file, "_AT_ONCE", 7)
    found = traces(40, seed)
    write(tmp_path, found[:70]).close("done", "")
    table = RequestTable(tmp_path)
    log = write(tmp_path, found[70:100])
    table.refresh()
    for one in found[100:]:
        log.event_at(one.end_ns / 1e9, KIND, 0, one.to_dict())
    table.refresh()
    assert listed(table) == known(tmp_path)
    log.close("done", "")


def test_what_is_kept_beside_the_log_is_read_again_and_gone_on_from(tmp_path):
    found = traces(30)
    log = write(tmp_path, found[:50])
    first = RequestFile(log.path)
    first.refresh()
    first.store()
    again = RequestFile(log.path)
    assert again.offset == first.offset and again.table().equals(first.table())
    for one in found[50:]:
        log.event_at(one.end_ns / 1e9, KIND, 0, one.to_dict())
    log.close("done", "")
    assert listed(RequestTable(tmp_path)) == known(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"whetreq1 and no more", b"x" * 500])
def test_a_damaged_index_is_passed_over(tmp_path, damage):
    log = write(tmp_path, traces(5))
    log.close("done", "")
    RequestFile(log.path).store()
    log.path.with_suffix(SUFFIX).write_bytes(damage)
    assert listed(RequestTable(tmp_path)) == known(tmp_path)


def test_a_log_in_anothers_place_is_read_anew(tmp_path):
    write(tmp_path, traces(20)).close("done", "")
    tables = RequestTables()
    with tables.of(tmp_path) as table:
        assert table.total == 20
    (tmp_path / LOGS / "traces.a1.tlog").unlink()
    write(tmp_path, traces(3, 1)).close("done", "")
    with tables.of(tmp_path) as table:
        assert listed(table) == known(tmp_path)


def test_a_filter_and_an_order_are_those_of_the_rows(tmp_path):
    write(tmp_path, traces(40)).close("done", "")
    table, rows = RequestTable(tmp_path), known(tmp_path)
    taken = [row for row in rows if row["prompt_tokens"] > 20 or row["said"] == "bad"]
    assert listed(table, 'prompt_tokens > 20 or said == "bad"') == taken
    tokens = [row["prompt_tokens"] for row in listed(table, sort="prompt_tokens:desc")]
    assert tokens == sorted((row["prompt_tokens"] for row in rows), reverse=True)
    with pytest.raises(ConfigError, match="no request has `promt_tokens`"):
        table.find(parse("promt_tokens > 1"))
    with pytest.raises(ConfigError, match="is no order"):
        table.find(parse(""), "time:upwards")


def test_one_trace_is_all_its_spans_and_what_was_said_of_it(tmp_path):
    found = traces(20)
    write(tmp_path, found[:30]).close("done", "")
    write(tmp_path, found[30:]).close("done", "")
    table = RequestTable(tmp_path)
    for trace in range(20):
        parts, said = table.spans(f"{trace:032x}")
        expected = [one for one in found if one.trace_id == f"{trace:032x}"]
        assert sorted(parts, key=lambda one: one.span_id) == sorted(expected, key=lambda one: one.span_id)
        about = [one for one in found if one.name == FEEDBACK and f"answer-{trace}" in one.attributes.values()]
        assert said == about


def test_events_that_are_no_spans_are_passed_over(tmp_path):
    log = EventLog(tmp_path / LOGS, WRITER)
    for odd in ({}, {"name": 3}, {"name": "x", "trace_id": None, "parent_id": "", "start_ns": "no number"}):
        log.event(KIND, 0, odd)
    log.event("other", 0, {"name": "x"})
    log.close("done", "")
    assert listed(RequestTable(tmp_path)) == []

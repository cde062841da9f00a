"""The ledger: every row is counted, every fate is listed once with its reason, and too many stop the run."""

import json

import pytest

from whet.base.errors import DataError
from whet.data.store.ledger import Entry, Ledger, read_ledger

SKIPPED = [Entry("a.jsonl", row, "skipped", "empty", f"detail {row}") for row in range(3)]
CUT = Entry("b.jsonl", 0, "truncated", "too_long", "9 tokens, cut to 4")


def ledger_of(*entries, rows=100):
    ledger = Ledger()
    ledger.read("a.jsonl", rows)
    for entry in entries:
        ledger.add(entry)
    return ledger


def test_entries_are_counted_by_fate_and_reason_and_listed_once():
    ledger = ledger_of(*SKIPPED, CUT, CUT, SKIPPED[0])
    assert list(ledger) == [*SKIPPED, CUT]
    assert ledger.num("skipped") == 3 and ledger.num("truncated") == 1 and ledger.num("deduplicated") == 0
    assert ledger.counts == {("skipped", "empty"): 3, ("truncated", "too_long"): 1}
    assert ledger.summary() == "100 rows; 3 skipped (empty (3)); 1 truncated (too_long (1))"


def test_lines_go_to_the_file_at_once_and_as_they_come(tmp_path):
    ledger = ledger_of(*SKIPPED)
    ledger.write(tmp_path / "run" / "ledger.jsonl")
    ledger.add(CUT)
    lines = (tmp_path / "run" / "ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [0, 1, 2, 0]
    assert json.loads(lines[3]) == {
        "source": "b.jsonl", "row": 0, "action": "truncated", "reason": "too_long", "detail": "9 tokens, cut to 4",
    }  # fmt: skip


def test_a_resumed_run_keeps_what_was_listed_and_survives_a_torn_line(tmp_path):
    path = tmp_path / "ledger.jsonl"
    ledger_of(*SKIPPED).write(path)
    with path.open("a") as file:
        file.write('{"source": "a.js')
    resumed = ledger_of(SKIPPED[1], CUT)
    resumed.write(path)
    assert set(read_ledger(path)) == {*SKIPPED, CUT} and len(read_ledger(path)) == 4
    assert resumed.num("skipped") == 3


def test_details_hold_any_text(tmp_path):
    entries = [Entry("a", row, "skipped", "odd", text) for row, text in enumerate(["\u2028", "\ud800", "汉", "a\nb"])]
    ledger_of(*entries).write(tmp_path / "ledger.jsonl")
    assert read_ledger(tmp_path / "ledger.jsonl") == entries


def test_more_skipped_rows_than_allowed_are_an_error_with_reasons_and_the_first_row():
    ledger_of(*SKIPPED).check(0.03)
    with pytest.raises(DataError, match=r"3 of 100 rows were skipped, .* 0.02 that is allowed: empty \(3\)") as error:
        ledger_of(CUT, *SKIPPED).check(0.02)
    assert error.value.at == "a.jsonl row 0: detail 0" and "data.max_skipped=0.03" in error.value.hint


def test_truncated_rows_do_not_count_as_skipped():
    ledger_of(CUT).check(0.0)


def test_rows_skipped_for_their_length_can_be_cut_instead():
    long = [Entry("a.jsonl", row, "skipped", "too_long", "9 tokens, and 4 are allowed") for row in range(5)]
    with pytest.raises(DataError, match=r"too_long \(5\), empty \(3\)") as error:
        ledger_of(*SKIPPED, *long).check(0.01)
    assert "data.truncation=cut" in error.value.hint and "data.max_skipped=0.08" in error.value.hint

"""Rollouts are read as they led to the present weights."""

from __future__ import annotations

from whet.track.logs.event_log import EventLog
from whet.track.reading.read import History
from whet.track.recorded.rollouts_reading import KIND, WRITER, rollouts, steps_of


def attempt(folder, steps, said):
    log = EventLog(folder, WRITER)
    for step in steps:
        answers = [{"text": said}]
        log.event(KIND, step, {"prompts": [{"source": "p.jsonl", "row": step, "prompt": [], "answers": answers}]})
    log.close("done", "")


def test_rollouts_that_a_later_attempt_goes_over_again_are_read_once(tmp_path):
    attempt(tmp_path, (1, 2, 3, 5), "first")
    attempt(tmp_path, (3, 4), "second")
    logs = History(tmp_path)
    assert [(one.step, one.answers[0]["text"]) for one in rollouts(logs)] == [
        (1, "first"), (2, "first"), (3, "second"), (4, "second"),
    ]  # fmt: skip
    assert steps_of(logs) == [1, 2, 3, 4]

"""Records reach every sink; one that raises ends itself and says so once, and what ends a run is recorded first."""

import json
import math

import pytest

from tests.tiny import config
from whet.base.config import from_mapping
from whet.track.records import Notice
from whet.train.build import assemble
from whet.train.run.emitter import Emitter


class Kept:
    def __init__(self, fails_at=math.inf, fails_to_close=False):
        self.records, self._fails_at, self._fails_to_close, self.closed = [], fails_at, fails_to_close, 0

    def receive(self, record):
        if len(self.records) >= self._fails_at:
            raise KeyError("no such curve")
        self.records.append(record)

    def close(self):
        self.closed += 1
        if self._fails_to_close:
            raise OSError("the disk is gone")


def test_a_sink_that_raises_ends_itself_and_is_said_once():
    good, bad = Kept(), Kept(fails_at=1, fails_to_close=True)
    emit = Emitter({"good": good, "bad": bad})
    records = [Notice(number, "info", "x") for number in range(4)]
    for record in records:
        emit(record)
    told = [record for record in good.records if record not in records]
    assert [record for record in good.records if record in records] == records
    assert [record.text for record in told] == ["the sink `bad` has ended: 'no such curve'; the run goes on without it"]
    assert bad.records == records[:1] and bad.closed == 1 and emit.sinks == [good]
    emit.close()
    assert good.closed == 1 and bad.closed == 1


def test_the_last_sink_that_raises_is_said_on_stderr(capsys):
    Emitter({"bad": Kept(fails_at=0)})(Notice(1, "info", "x"))
    assert "the sink `bad` has ended" in capsys.readouterr().err


@pytest.mark.parametrize("log_every", [1, 10])
def test_the_step_whose_alarm_ends_a_run_is_recorded_before_it(tmp_path, monkeypatch, log_every):
    built = assemble(from_mapping(config(tmp_path, train={"steps": 5}, track={"log_every": log_every})))
    look = built.loop.watchdog.look
    monkeypatch.setattr(
        built.loop.watchdog, "look", lambda *f: "a spike" if built.loop.progress.step == 2 else look(*f)
    )
    ended = built.loop.run()
    built.close()
    lines = [json.loads(line) for line in (built.folder.path / "records.jsonl").read_text().splitlines()]
    assert (ended.outcome, ended.step, lines[-1]["kind"]) == ("failed", 2, "ended")
    last = [line for line in lines if line["kind"] == "step"][-1]
    assert last["step"] == 3 and last["metrics"]["loss"] > 0
    assert [line["text"] for line in lines if line.get("level") == "alarm"] == ["a spike"]

"""Findings in the terminal, over HTTP, as alerts and at the end of a run; and what they cost of a long one."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import whet.track as track
from tests.server.world import serving
from tests.track.diagnosis.failing import contaminated, scripted, slow_checkpoints, stalled, trained
from tests.track.runs import records, write
from whet.base.alerts import AlertRule
from whet.base.errors import ConfigError
from whet.cli.main import main
from whet.track.diagnosis.diagnose import briefly, diagnose, settings_of
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.follow.plugin import Ending
from whet.track.follow.rules import Rules, Seen
from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import LOGS, history
from whet.track.recorded.row_scan import evaluated_rows, every_digest, rows_at
from whet.track.recorded.rows import RowsLog, every_step
from whet.track.recorded.rows_index import rows_of


def test_the_command_says_what_where_and_what_to_type(tmp_path, capsys):
    stalled(tmp_path)
    root = ["--root", str(tmp_path / "runs")]
    assert main(["diagnose", "stalled", *root]) == 0
    said = capsys.readouterr().out
    assert "steps wait for data" in said and "type: WHET_CACHE=" in said and "/runs/stalled/system?" in said
    assert main(["diagnose", "stalled", *root, "--language", "zh"]) == 0 and "训练在等数据" in capsys.readouterr().out
    assert main(["diagnose", "stalled", "data-stall.share=0.9", *root]) == 0
    assert capsys.readouterr().out == "stalled: nothing found\n"
    assert main(["diagnose", "stalled", "--rule", "straggler", "--json", *root]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data-stal.share=1"], "did you mean `data-stall`?"),
        (["data-stall.shares=1"], "did you mean `share`?"),
        (["data-stall.share=7"], "share=1"),
        (["share"], "loss-spike.factor=3"),
        (["--rule", "loss-spikes"], "did you mean `loss-spike`?"),
    ],
)
def test_a_rule_or_setting_that_is_none_is_told(words, said, tmp_path, capsys):
    stalled(tmp_path)
    assert main(["diagnose", "stalled", *words, "--root", str(tmp_path / "runs")]) == 2
    assert "hint:" in (told := capsys.readouterr().err) and (said in told or "share" in told)


def test_what_is_served_is_what_the_command_says(tmp_path, capsys):
    slow_checkpoints(tmp_path)
    main(["diagnose", "checkpoints", "--json", "--root", str(tmp_path / "runs")])
    said = json.loads(capsys.readouterr().out)
    with serving(tmp_path / "runs") as client:
        found = client.get("/api/v1/runs/checkpoints/diagnoses")
        assert found == {"diagnoses": said, "is_whole": True} and said[0]["kind"] == "checkpoint-stall"
        assert client.ask("GET", "/api/v1/runs/none/diagnoses").status == 404
        stream = list(records(outcome=None))
        log = write(tmp_path / "runs" / "live", stream)
        assert client.get("/api/v1/runs/live/diagnoses") == {"diagnoses": [], "is_whole": False}
        log.close()


def test_a_run_that_is_over_says_it_at_its_end_and_a_healthy_one_nothing(tmp_path, capsys):
    stalled(tmp_path)
    scripted(tmp_path, "healthy")
    for name in ("stalled", "healthy"):
        main(["show", name, "--root", str(tmp_path / "runs")])
        assert ("Diagnosis" in capsys.readouterr().out) == (name == "stalled")
    assert briefly(tmp_path / "runs" / "stalled")[0].startswith("warning  steps wait for data")


def test_an_alert_is_sent_once_while_it_runs_and_not_again_at_the_end(tmp_path):
    path = stalled(tmp_path)
    found = Rules([AlertRule.model_validate("diagnosis")], Seen("stalled", {}, {}, folder=path), {})
    [told] = found.on_clock(1000.0)
    assert told.level == "warn" and told.title.startswith("steps wait for data") and "WHET_CACHE" in told.text
    assert "/runs/stalled/system" in told.text
    again = Rules([AlertRule.model_validate("diagnosis")], Seen("stalled", {}, {}, folder=path), found.state())
    for rules in (found, again):  # in this process, and in the next one
        assert not list(rules.on_clock(1010.0)) and not list(rules.on_clock(1e6))
        assert not list(rules.on_end(Ending("done", "", 60), 2e6))


def test_an_alert_at_the_end_tells_what_rules_over_all_rows_found(tmp_path):
    path = contaminated(tmp_path)
    found = Rules([AlertRule.model_validate("diagnosis")], Seen("contaminated", {}, {}, folder=path), {})
    assert not list(found.on_clock(1000.0))
    [told] = found.on_end(Ending("done", "", 20), 2000.0)
    assert told.level == "error" and "rows that are measured" in told.title


def test_settings_of_rules_are_read_from_words():
    assert settings_of(["a.b=1e-3", "a.c=true", "d.e=x"]) == {"a": {"b": 1e-3, "c": True}, "d": {"e": "x"}}
    with pytest.raises(ConfigError):
        settings_of(["a=1"])


def rows_log(folder: Path, steps: range, num: int = 4) -> None:
    log = RowsLog(folder / LOGS, frames.RANK_0)
    for step in steps:
        row = np.arange(step * num, step * num + num)
        columns = {
            "row": row,
            "part": 0 * row,
            "tokens": row % 7 + 1,
            "loss": row / 10,
            "digest": row * 2654435761 % 2**32,
        }
        log.add(step, 0.0, ["rows.jsonl"] * num, columns)
    log.close()


def test_rows_are_the_same_in_one_pass_as_step_by_step(tmp_path):
    rows_log(tmp_path, range(1, 40))
    rows_log(tmp_path, range(30, 50))  # an attempt that goes over ten steps again
    found = rows_at(tmp_path, {3, 29, 30, 49, 77})
    assert sorted(found) == [3, 29, 30, 49]
    for step, told in found.items():
        [other] = rows_of(tmp_path, step)
        assert [told[0].place(i) for i in range(4)] == [other.place(i) for i in range(4)]
        assert all((told[0].columns[name] == other.columns[name]).all() for name in other.columns)
    digests = np.concatenate([piece.digests for piece in every_digest(tmp_path)])
    assert digests.tolist() == [int(d) for one in every_step(tmp_path) for d in one.columns["digest"]]


def test_a_torn_or_damaged_file_of_rows_is_read_up_to_there(tmp_path):
    rows_log(tmp_path, range(1, 20))
    [path] = (tmp_path / LOGS).glob("*.rows")
    whole = path.read_bytes()
    for data in (
        whole[:-300],
        whole[: len(whole) // 2] + b"\xff" * 40 + whole[len(whole) // 2 + 40 :],
        b"",
        b"whetlog1",
    ):
        path.write_bytes(data)
        steps = sorted({int(s) for piece in every_digest(tmp_path) for s in piece.steps})
        assert steps == list(range(1, len(steps) + 1)) and len(steps) < 20
    assert evaluated_rows(tmp_path) == []


def test_rows_that_are_measured_are_recorded_and_make_no_step(tmp_path):
    path = trained(tmp_path, "held", data={"held_out": 0.2}, train={"steps": 2})
    measured = [int(row) for one in evaluated_rows(path) for row in one.columns["row"]]
    learned = [int(row) for one in every_step(path) for row in one.columns["row"]]
    assert len(measured) == 12 and not set(measured) & set(learned)


def long_run(folder: Path, steps: int) -> Path:
    """A run of many steps with one spike, as its log would be."""
    rng = np.random.default_rng(0)
    names = ["loss", "grad_norm", "lr", "seconds", "wait_s", "data_s", "checkpoint_s", "tokens_per_s"]
    log = EventLog(folder / LOGS, frames.RANK_0)
    noise = rng.standard_normal((steps, 2)) * 0.05
    for step in range(steps):
        loss, norm = 2.0 * math.exp(noise[step, 0]), math.exp(noise[step, 1])
        if step == steps * 2 // 3:
            loss, norm = 9.0, 12.0
        log.scalars(step, dict(zip(names, (loss, norm, 1e-4, 0.5, 0.01, 0.1, 0.0, 1e4), strict=True)))
    log.close("done", "")
    history(folder)  # which leaves the index, where the writer has not
    return folder


@pytest.mark.slow
def test_of_a_million_steps_the_spike_is_found_in_bounded_memory(tmp_path):
    path = long_run(tmp_path / "long", 1_000_000)
    tracemalloc.start()
    [one] = diagnose(RecordedRun(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (one.kind, one.first_step) == ("loss-spike", 666_666)
    assert peak < 64 << 20


def test_of_a_run_in_buckets_the_spike_is_found_at_its_step(tmp_path):
    [one] = diagnose(RecordedRun(long_run(tmp_path / "long", 30_000)))
    assert (one.kind, one.first_step) == ("loss-spike", 20_000) and one.what.parameters["loss"] == 9.0


def test_what_a_run_logs_later_is_found_later(tmp_path):
    with track.init(name="live", dir=tmp_path) as run:
        for step in range(40):
            run.log({"loss": 2.0 + 0.02 * math.sin(step)}, step=step)
        found = RecordedRun(tmp_path / "live")
        assert diagnose(found, is_live=True) == []
        run.log({"loss": math.nan}, step=40)
        found.refresh()
        [one] = diagnose(found, is_live=True)
        assert one.kind == "not-finite" and one.first_step == 40

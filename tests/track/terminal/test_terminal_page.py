"""The page of a run and the table of runs: all that matters is there, and fits."""

import json
import re
import struct

import pytest

import whet.track as track
from tests.track import runs as made
from whet.track.reading.catalogue import runs
from whet.track.script.plain import to_json
from whet.track.terminal.terminal_page import contents, show, table


@pytest.fixture
def folder(tmp_path):
    made.write(tmp_path / "first", made.records())
    return tmp_path / "first"


def test_the_page_says_how_the_run_stands(folder):
    header = show(folder).splitlines()[:2]
    assert header[0].startswith("first: done, step 20/20, started 20")
    assert header[1].strip() == "all steps done"


def test_the_page_has_facts_curves_figures_notices_and_generations(folder):
    page = show(folder)
    assert "tiny-llama" in page and "123,456" in page
    for title in ("loss", "grad_norm", "lr", "eval/hits"):
        assert f"\n\n{title}\n" in page
    assert page.count("eval/loss 0.25") == 1  # beside `loss`, not in a chart of its own
    figures = {line.split()[0]: line.split()[1:] for line in page.splitlines() if line.strip()}
    assert figures["peak_bytes"][:2] == ["3", "GiB"]
    assert "warning: the loss is spiking" in page
    assert "checkpoint checkpoints/step-00000020" in page
    assert "Who are you?" in page and "I am a  [31mmodel." in page


def test_a_models_control_characters_do_not_reach_the_terminal(folder):
    assert "\x1b" not in show(folder)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_charts_notices_and_generations_fit_the_width(folder, width):
    made.write(folder, [made.Notice(1, "info", "long " * 100), made.GenerationRecord(1, "p" * 500, "t" * 500)])
    page = show(folder, width=width)
    kept = [line for line in page.splitlines() if "started" not in line and "LOWEST" not in line]
    charts, rest = "\n".join(kept).split("Notices")
    assert max(map(len, rest.splitlines())) <= width
    assert max(len(line) for line in charts.splitlines() if "┤" in line or "│" in line) <= width


def test_the_log_axis_is_named(folder):
    assert "loss (log)" in show(folder, log=True)


def test_ascii_pages_are_ascii(folder):
    assert show(folder, glyphs="ascii").isascii()


def test_long_notices_lists_show_the_last_and_count_the_rest(folder):
    made.write(folder, [made.RunStarted(0, 20), *(made.Notice(1, "info", f"number {n};") for n in range(20))])
    page = show(folder)
    assert "number 19;" in page and "number 12;" in page and "number 11;" not in page
    assert "(14 earlier ones)" in page


def test_a_page_without_records_says_new(tmp_path):
    (tmp_path / "empty").mkdir()
    assert show(tmp_path / "empty") == "empty: new\n"


def test_a_loss_that_was_not_finite_does_not_hide_the_extremes(tmp_path):
    stream = [made.step(1, loss=3.0), made.step(2, loss=float("nan")), made.step(3, loss=1.0)]
    made.write(tmp_path / "run", stream)
    row = next(line for line in show(tmp_path / "run").splitlines() if line.startswith("loss  "))
    assert row.split()[1:4] == ["1", "1", "3"]


def test_the_table_has_one_line_a_run_and_columns_two_blanks_apart(tmp_path):
    made.write(tmp_path / "with blanks", made.records())
    made.write(tmp_path / "b", made.records(last=7, outcome=None)).close()
    (tmp_path / "c" / "track").mkdir(parents=True)
    lines = [re.split("  +", line.strip()) for line in table(runs(tmp_path)).splitlines()]
    assert lines[0] == ["NAME", "STATUS", "STEP", "LOSS", "STARTED", "DURATION", "TOKENS/S"]
    assert {len(line) for line in lines} == {7}
    rows = {line[0]: line[1:] for line in lines[1:]}
    assert rows["with blanks"][:3] == ["done", "20/20", "0.2"] and rows["with blanks"][-1] == "4000"
    assert rows["b"][:3] == ["failed", "7/20", "0.5714"]
    assert rows["c"] == ["new", "-", "-", "-", "-", "-"]


def test_contents_are_json_and_complete(folder):
    read = json.loads(to_json(contents(folder)))
    assert read["summary"]["loss"] == 0.2
    assert read["curves"]["loss"]["steps"] == list(range(1, 21))
    assert read["curves"]["eval/loss"]["values"] == [1.0, 0.5, 5 / 15, 0.25]
    assert [event["kind"] for event in read["events"]] == ["started", "generation", "checkpoint", "notice", "ended"]


def test_the_page_says_where_a_log_breaks_and_who_wrote_it(tmp_path):
    made.write(tmp_path / "run", made.records(last=9))
    (log,) = (tmp_path / "run" / "track").glob("*.tlog")
    data = bytearray(log.read_bytes())
    spot = data.index(struct.pack("<d", 4.0 / 7)) - 40
    data[spot : spot + 60] = bytes(60)
    log.write_bytes(data)
    page = show(tmp_path / "run")
    assert "records are damaged" in page and f"{log.name} is broken at byte " in page
    log.write_bytes(b"whetlog9" + bytes(data[8:]))
    assert "written by a newer whet (r0.a1.tlog)" in show(tmp_path / "run")


def test_the_page_tells_of_alerts_artifacts_and_media(tmp_path):
    (tmp_path / "rows.csv").write_text("x")
    with track.init(id="run", dir=tmp_path / "runs") as run:
        run.alert("low", "accuracy", level="WARN")
        run.log_artifact(tmp_path / "rows.csv", name="rows", type="dataset")
        run.use_artifact("rows:latest")
        run.log({"said": [track.Text("hello"), track.Text("again")]})
    page = show(run.path)
    for line in (
        "alert WARN: low: accuracy",
        "keeps artifact rows:v0 (dataset)",
        "uses artifact rows:v0",
        "said (1 x text)",
    ):
        assert line in page


def test_a_script_tells_what_it_is_apart_from_its_config(tmp_path):
    with track.init("digits", name="x", dir=tmp_path, config={"project": "not it", "lr": 0.1}, record={}) as run:
        run.log({"loss": 1.0})
    parts = [part.splitlines() for part in show(run.path).split("\n\n")]
    titled = {part[0]: [line.split(None, 1) for line in part[1:]] for part in parts}
    assert ["project", "digits"] in titled["Run"] and ["project", "not it"] in titled["Config"]
    assert ["lr", "0.1"] in titled["Config"]

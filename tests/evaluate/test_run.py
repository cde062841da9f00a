"""Results are kept with the run that the model came from."""

import json

import pytest

from whet.evaluate.result import Figure, Result
from whet.evaluate.run import keep, write
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import history, summarize

RESULT = Result(
    "perplexity",
    {"word_perplexity": Figure(12.5, 3, 0.5, 11.5, 13.5), "bits_per_byte": Figure(float("inf"), 1)},
    settings={"file": "x.txt"},
    facts={"documents": 3},
    model="sft",
    seconds=1.5,
)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "runs" / "sft"
    log = EventLog(folder / "track")
    for step in (1, 2):
        log.scalars(step, {"loss": 3.0 / step})
    log.close("done", "finished")
    return folder


def test_a_result_is_kept_as_json_and_as_a_record_at_the_last_step(run):
    path = keep(RESULT, run)
    stored = json.loads(path.read_text())
    assert path.parent == run / "evaluations"
    assert stored["figures"]["word_perplexity"] == {"value": 12.5, "n": 3, "error": 0.5, "low": 11.5, "high": 13.5}
    assert stored["figures"]["bits_per_byte"]["value"] == "Infinity" and stored["settings"] == {"file": "x.txt"}
    (event,) = history(run).events("evaluation")
    assert event.step == 2
    assert event.payload["metrics"]["perplexity/word_perplexity"] == 12.5
    assert event.payload["metrics"]["perplexity/word_perplexity_error"] == 0.5


def test_keeping_a_result_leaves_the_runs_own_record_as_it_was(run):
    before = summarize(run)
    keep(RESULT, run)
    keep(RESULT, run)
    assert summarize(run) == before
    assert history(run).scalar("loss")[1].tolist() == [3.0, 1.5]
    assert len(history(run).events("evaluation")) == 2


def test_a_result_is_written_whole(tmp_path):
    write(RESULT, tmp_path / "deep" / "result.json")
    assert json.loads((tmp_path / "deep" / "result.json").read_text())["task"] == "perplexity"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["result.json"]


def test_the_table_shows_values_with_intervals():
    lines = RESULT.table().splitlines()
    assert lines[0] == "word_perplexity  12.5 ± 0.5  (95 % 11.5 to 13.5, n 3)"
    assert lines[1] == "bits_per_byte    inf  (n 1)"

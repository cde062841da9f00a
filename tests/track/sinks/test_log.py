"""The sink `log`: every record is in the event log."""

from tests.track import runs as made
from whet.track.reading.read import History


def test_every_kind_of_record_is_in_the_log(tmp_path):
    made.write(tmp_path, made.records())
    history = History(tmp_path / "track")
    steps, losses = history.scalar("loss")
    assert (steps.tolist(), losses.tolist()) == (list(range(1, 21)), [4 / n for n in range(1, 21)])
    expected = made.step(20).scalars()
    assert {name: history.scalar(name)[1][-1] for name in expected} == expected
    assert history.scalar("eval/hits")[0].tolist() == [5, 10, 15, 20]
    assert history.scalar("eval/seconds")[1].tolist() == [1.5] * 4
    payloads = {event.kind: event.payload for event in history.events()}
    assert payloads["started"] == {"total": 20, "facts": {"model": "tiny-llama", "parameters": 123_456}, "held": {}}
    assert payloads["generation"] == {"prompt": "Who are you?", "text": "I am\na \x1b[31mmodel."}
    assert payloads["checkpoint"] == {"path": "checkpoints/step-00000020", "seconds": 0.25}
    assert payloads["notice"] == {"level": "warning", "text": "the loss is spiking"}
    assert (history.status, history.reason) == ("done", "all steps done")


def test_a_run_that_closes_without_its_end_failed(tmp_path):
    made.write(tmp_path, made.records(outcome=None)).close()
    assert History(tmp_path / "track").status == "failed"


def test_closing_after_the_end_changes_nothing(tmp_path):
    made.write(tmp_path, made.records()).close()
    assert History(tmp_path / "track").status == "done"


def test_each_rank_has_a_log(tmp_path):
    for rank in (0, 1):
        made.write(tmp_path, [made.step(1, loss=float(rank))], rank)
    history = History(tmp_path / "track")
    assert [history.scalar("loss", writer)[1].tolist() for writer in history.writers] == [[0.0], [1.0]]

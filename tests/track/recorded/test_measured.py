"""Evaluations of runs stand beside each other where they can be compared, with the best and paired differences."""

import json
import math
from pathlib import Path

import pytest

from whet.track.logs.event_log import EventLog
from whet.track.recorded.measured import beside
from whet.track.terminal.evaluations_page import evaluations_beside

HELD = {"file": "held.jsonl", "batch_tokens": 64}


def run(root: Path, name: str, held_out: float | None = None) -> Path:
    """A run that trained a little, and measured held-out rows where it has a value."""
    log = EventLog(root / name / "track")
    for step in (1, 2):
        log.scalars(step, {"loss": 1.0, **({} if held_out is None else {"eval/loss": held_out, "eval/seconds": 9.0})})
    log.close("done", "finished")
    return root / name


def kept(folder: Path, losses: list[float], number: int = 1, **told) -> None:
    """A result of one loss a row, of which less is better, and of an accuracy without units."""
    result = {
        "task": "loss",
        "figures": {
            "loss": {"value": sum(losses) / len(losses), "n": len(losses), "low": 0.0, "high": 9.0},
            "accuracy": {"value": 1 - losses[0] / 10, "n": len(losses), "low": None, "high": None},
        },
        "settings": HELD,
        "facts": {"data": "a digest"},
        "model": str(folder / "model"),
        "units": {"loss": {"parts": losses, "wholes": None}},
        "less_is_better": ["loss"],
        **told,
    }
    (folder / "evaluations").mkdir(exist_ok=True)
    (folder / f"evaluations/loss-20260101-000000-{number:06}.json").write_text(json.dumps(result))


@pytest.fixture
def folders(tmp_path):
    found = {name: run(tmp_path, name) for name in ("one", "two", "three")}
    kept(found["one"], [1.0, 2.0, 3.0])
    kept(found["two"], [2.0, 2.5, 4.5])
    return found


def test_the_best_of_each_figure_is_the_lowest_or_the_highest_as_its_task_says(folders):
    (task,) = beside(folders)
    assert [(one.name, one.less_is_better) for one in task.figures] == [("loss", True), ("accuracy", False)]
    assert [[cell.is_best for cell in row.cells] for row in task.rows] == [[True, True], [False, False]]
    assert [row.run for row in task.rows] == ["one", "two"] and task.missing == ["three"]


def test_what_is_measured_on_the_same_rows_differs_unit_by_unit(folders):
    (task,) = beside(folders, "one")
    loss, accuracy = task.rows[1].cells
    # The differences are 1, 0.5 and 1.5: mean 1, standard deviation 0.5.
    half = 1.959963984540054 * 0.5 / math.sqrt(3)
    assert (loss.against.difference, loss.against.n) == (1.0, 3)
    assert [loss.against.low, loss.against.high] == pytest.approx([1 - half, 1 + half])
    assert accuracy.against.difference == pytest.approx(-0.1) and accuracy.against.low is None
    assert [cell.against for cell in task.rows[0].cells] == [None, None]


@pytest.mark.parametrize("told", [{"settings": {**HELD, "train_on": "all"}}, {"facts": {"data": "another"}}])
def test_other_settings_and_other_data_are_not_compared(folders, told):
    kept(folders["three"], [0.0], **told)
    first, second = beside(folders, "one")
    assert sorted([len(first.rows), len(second.rows)]) == [1, 2]
    assert not any(cell.is_best for one in (first, second) if len(one.rows) == 1 for cell in one.rows[0].cells)


def test_where_the_same_rows_lie_and_how_many_are_read_at_once_is_no_difference(folders):
    kept(folders["three"], [0.0, 0.0, 0.0], settings={"file": "moved/held.jsonl", "batch_tokens": 8})
    (task,) = beside(folders)
    assert [row.run for row in task.rows if row.cells[0].is_best] == ["three"]


def test_the_newest_result_of_a_run_counts_and_others_are_counted(folders):
    kept(folders["one"], [5.0, 5.0, 5.0], number=2)
    (task,) = beside(folders)
    assert (task.rows[0].cells[0].value, task.rows[0].count, task.rows[0].path[-6:]) == (5.0, 2, "2.json")


@pytest.mark.parametrize("figures", [{"loss": "NaN", "accuracy": "Infinity"}, {"loss": {"n": 3}}, []])
def test_what_is_damaged_or_no_number_is_never_the_best(folders, figures):
    kept(folders["two"], [0.5], figures=figures)
    (task,) = beside(folders, "one")
    assert not any(cell.is_best for row in task.rows for cell in row.cells if cell is not None)


def test_nothing_is_the_best_where_it_is_not_known_which_way_is_better(folders):
    for name, loss in (("one", 1.0), ("two", 2.0)):
        kept(folders[name], [loss], less_is_better=None)
    (task,) = beside(folders)
    assert [cell.is_best for row in task.rows for cell in row.cells] == [False] * 4


def test_held_out_figures_of_trainings_stand_together_where_their_data_and_objective_are_the_same(tmp_path):
    folders = {name: run(tmp_path, name, loss) for name, loss in (("a", 1.0), ("b", 2.0), ("c", 0.5), ("d", None))}
    for name, data in (("a", "held.jsonl"), ("b", "held.jsonl"), ("c", "other.jsonl")):
        (folders[name] / "config.yaml").write_text(f"data:\n  held_out: [{data}]\n")
    tasks = beside(folders, "a")
    pair = next(one for one in tasks if len(one.rows) == 2)
    assert [(row.run, row.step, row.cells[0].is_best) for row in pair.rows] == [("a", 2, True), ("b", 2, False)]
    assert pair.rows[1].cells[0].against.difference == 1.0 and pair.missing == ["c", "d"]
    assert [one.name for one in pair.figures] == ["loss"]  # how long it took is no figure of the model


def test_the_terminal_shows_a_table_a_task(folders):
    text = evaluations_beside(beside(folders, "one"), "one")
    head, columns, one, two, rest = text.splitlines()
    assert head == "loss file=held.jsonl" and rest == "not measured: three"
    assert columns.split("  ")[0] == "RUN" and "loss - one" in columns
    assert "2*" in one and "+1 (0.4342 to 1.566)" in two
    assert "whet evaluate" in evaluations_beside([], "")

"""The filter of runs: what it takes is what the words mean, and nothing in it is ever run."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whet.track as track
from tests.track import runs as made
from whet.base.errors import ConfigError
from whet.cli.main import main
from whet.track.logs.event_log import EventLog
from whet.track.reading.query import parse
from whet.track.reading.rows import compared
from whet.track.terminal.terminal_page import differences

ROW = {
    "loss": 1.5, "step": 10, "status": "done", "tag": ["best", "old"], "optimizer.kind": "muon", "odd": math.nan,
    "nothing": None, "flag": True, "train/loss": 3.0, "my metric": 4, "name": "it's",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('loss < 2 and optimizer.kind == "muon" and tag == "best"', True),
        ("loss < 1.5", False),
        ("loss <= 1.5", True),
        ("loss >= 1.50e0 and step > -1", True),
        ("loss != 1.5", False),
        ("status == 'done' or loss > 9", True),
        ("not status == 'done'", False),
        ("loss > 9 or step == 10 and flag", True),
        ("(loss > 9 or step == 10) and not flag", False),
        ('tag == "old"', True),
        ('tag != "old"', False),
        ('tag != "new"', True),
        ('status in ("failed", "done")', True),
        ("step in (1, 2)", False),
        ("odd == nan", True),
        ("odd < 1 or odd > 1", False),
        ("nothing == none", True),
        ("nothing < 1 or nothing > 1", False),
        ("flag == true", True),
        ("flag == 1", False),
        ("train/loss == 3", True),
        ("`my metric` == 4", True),
        ('name == "it\'s"', True),
        ("loss < inf", True),
        ('loss < "2"', False),
        ("", True),
    ],
)
def test_a_filter_takes_what_it_says(text, expected):
    query = parse(text)
    assert query.takes(ROW) is expected
    assert query.select([ROW]) == ([ROW] if expected else [])


@pytest.mark.parametrize(
    "text",
    ["loss <", "< 2", "loss < 2 and", "(loss < 2", "loss 2", "loss = 2", "a; b", "loss < 2)", '"open', "in (1)",
     "x in 1", "f(1)", "__import__('os').system('true')", "not", "and",
     "((((((" * 40, "loss ** 2", "lambda: 1", "1 < 2 < 3"],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_its_place(text):
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert error.value.hint


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_refused(text):
    try:
        query = parse(text)
    except ConfigError:
        return
    assert query.takes(ROW) in (True, False)


NUMBERS = st.sampled_from([0.0, 1.0, 2.0])


@given(
    st.tuples(NUMBERS, NUMBERS, NUMBERS), st.permutations(["a < 1", "b == 1", "c != 2"]), st.sampled_from(["and", "or"])
)
def test_and_or_and_not_are_those_of_logic(values, parts, word):
    row = dict(zip("abc", values, strict=True))
    known = {"a < 1": row["a"] < 1, "b == 1": row["b"] == 1, "c != 2": row["c"] != 2}
    x, y, z = (known[part] for part in parts)
    other = "or" if word == "and" else "and"
    mixed = (x and y) or z if word == "and" else x or (y and z)
    assert parse(f"{parts[0]} {word} {parts[1]} {other} {parts[2]}").takes(row) == mixed
    assert parse(f"not ({parts[0]} {word} {parts[1]})").takes(row) == (not (x and y) if word == "and" else not (x or y))


def test_a_name_that_no_run_has_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="no run has `los`") as error:
        parse("los < 2").select([ROW])
    assert error.value.hint == "did you mean `loss`?"


@pytest.fixture
def root(tmp_path):
    for name, lr, losses in (("a", 0.1, [3, 2]), ("b", 0.2, [3, 1]), ("c", 0.2, [3, math.nan])):
        with track.init(
            "p", id=name, dir=tmp_path, config={"optimizer": {"kind": "muon", "lr": lr}}, tags=[name]
        ) as run:
            for loss in losses:
                run.log({"loss": loss})
    made.write(tmp_path / "trained", made.records(last=3))
    return tmp_path


def listed(capsys, root, *words) -> list[dict]:
    assert main(["runs", "--root", str(root), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_runs_are_chosen_sorted_and_shown_by_columns(root, capsys):
    assert {run["name"] for run in listed(capsys, root, 'optimizer.kind == "muon" and loss < 3')} == {"a", "b"}
    assert [run["name"] for run in listed(capsys, root, "optimizer.lr > 0", "--sort", "loss")] == ["b", "a", "c"]
    assert [run["name"] for run in listed(capsys, root, "optimizer.lr > 0", "--sort", "loss:desc")] == ["a", "b", "c"]
    found = listed(capsys, root, 'tag == "b"', "--columns", "loss,optimizer.lr")
    assert found == [{"name": "b", "loss": 1.0, "optimizer.lr": 0.2}]
    assert main(["runs", "--root", str(root), "project", "==", '"p"', "--columns", "loss,tag", "--sort", "name"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "a", "b", "c"]
    assert main(["runs", "--root", str(root), "loss < 0"]) == 0
    assert "no run" in capsys.readouterr().err
    assert main(["runs", "--root", str(root), "--sort", "los"]) == 2
    assert "did you mean `loss`?" in capsys.readouterr().err


def test_what_differs_between_runs_is_shown_and_nothing_else(root, capsys):
    assert main(["runs", "--root", str(root), "compare", "a", "b", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["config"] == {"optimizer.lr": [0.1, 0.2]}
    assert found["outcome"]["loss"] == [2.0, 1.0] and "status" not in found["outcome"]
    assert main(["runs", "--root", str(root), "compare", "a", "c"]) == 0
    assert "optimizer.lr" in capsys.readouterr().out
    assert main(["runs", "--root", str(root), "compare", "a"]) == 2
    assert main(["runs", "--root", str(root), "compare", "a", "zz"]) == 2


def test_a_run_is_exported_by_its_name(root, capsys):
    path = root / "points.csv"
    assert main(["runs", "--root", str(root), "export", "a", "--output", str(path)]) == 0
    assert {line.split(",")[0] for line in path.read_text().splitlines()[1:]} == {"a"}


def test_a_run_in_place_of_a_filter_is_told(root, capsys):
    assert main(["runs", "--root", str(root), "a"]) == 2
    assert "whet show a" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_every_point_is_exported(root, capsys, form):
    import pyarrow.parquet

    path = root / f"points.{form}"
    assert main(["runs", "--root", str(root), "export", 'project == "p"', "--output", str(path)]) == 0
    assert "6 points of 3 runs" in capsys.readouterr().err
    match form:
        case "csv":
            rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
            rows = [(row[0], row[3], int(row[4]), float(row[5])) for row in rows]
        case "jsonl":
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            rows = [(row["run"], row["name"], row["step"], float(row["value"])) for row in rows]
        case "parquet":
            table = pyarrow.parquet.read_table(path).to_pylist()
            rows = [(row["run"], row["name"], row["step"], row["value"]) for row in table]
    expected = [(name, "loss", step, value) for name, values in
                (("a", [3, 2]), ("b", [3, 1]), ("c", [3, math.nan])) for step, value in enumerate(values)]  # fmt: skip
    assert sorted(map(repr, rows)) == sorted(repr((a, b, c, float(d))) for a, b, c, d in expected)


@pytest.mark.parametrize(
    "words", [["export"], ["export", "--output", "points.xlsx"], ["export", "--output", "no/such/a.csv"]]
)
def test_an_export_that_cannot_be_made_is_refused(root, capsys, words):
    assert main(["runs", "--root", str(root), *words]) == 2
    assert "hint:" in capsys.readouterr().err


def test_what_differs_inside_a_list_has_a_name_of_its_own(tmp_path):
    for name, samples in (("a", 5), ("b", 6)):
        with track.init(name=name, dir=tmp_path, config={"data": {"train": [{"path": "x", "samples": samples}]}}):
            pass
    found = compared([tmp_path / "a", tmp_path / "b"])
    assert found["config"] == {"data.train.0.samples": [5, 6]}


def test_an_entry_with_parts_in_one_run_alone_is_compared_whole(tmp_path):
    for name, held in (("a", 0), ("b", [{"path": "valid.jsonl"}])):
        with track.init(name=name, dir=tmp_path, config={"data": {"held_out": held, "kind": "x"}}):
            pass
    found = compared([tmp_path / "a", tmp_path / "b"])
    assert found["config"] == {"data.held_out": [0, [{"path": "valid.jsonl"}]]}


def test_a_comparison_begins_with_what_tells_which_is_better_and_writes_numbers_as_their_names_say(tmp_path):
    for name, tokens in (("a", 10), ("b", 20)):
        with track.init(name=name, dir=tmp_path, config={"planned_bytes": 1024 * tokens}) as run:
            for step in range(2):
                run.log({"loss": tokens - step, "tokens": 1000 * tokens, "peak_bytes": tokens << 20}, step=step)
    found = compared([tmp_path / "a", tmp_path / "b"])
    assert found["outcome"]["total_tokens"] == [20_000, 40_000]
    page = differences(found)
    assert "planned_bytes" in page and "10 KiB" in page and "20 MiB" in page and "20,000" in page
    places = [page.index(words) for words in ("Outcome", "  loss ", "  total_tokens ", "Last step", "  tokens ")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr=0.1", "lr == 0.1"),
        ("loss < 2 && tag = 'best'", "loss < 2 and tag == 'best'"),
        ("a || !b", "a or not b"),
    ],
)
def test_a_filter_in_the_words_of_another_language_is_told_in_ours(typed, meant):
    with pytest.raises(ConfigError) as refused:
        parse(typed)
    assert str(refused.value.hint).endswith(f": {meant}")
    parse(meant)


def test_what_merely_calls_a_run_by_its_name_is_no_setting(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        with track.init(name=name, dir=tmp_path, config={"name": name, "seed": seed}):
            pass
    assert compared([tmp_path / "a", tmp_path / "b"])["config"] == {"seed": [1, 2]}
    with track.init(name="c", dir=tmp_path, config={"name": "of a house", "seed": 1}):
        pass
    assert compared([tmp_path / "a", tmp_path / "c"])["config"] == {"name": [None, "of a house"]}


def test_what_a_training_found_as_it_began_is_no_setting(tmp_path):
    """Runs that differ in their seed alone differ in the memory that was foretold too, and are still of one kind."""
    for seed in (1, 2):
        log = EventLog(tmp_path / f"seed-{seed}" / "track")
        facts = {"objective": "sft", "planned_bytes": 1000 + seed, "device": "cpu"}
        log.event("started", 0, {"total": 1, "facts": facts})
        log.close("done", "finished")
        config = f"name: seed-{seed}\nseed: {seed}\nobjective: {{kind: sft, weighting: none}}\n"
        (tmp_path / f"seed-{seed}/config.yaml").write_text(config)
    found = compared([tmp_path / "seed-1", tmp_path / "seed-2"])
    assert (found["config"], found["facts"]) == ({"seed": [1, 2]}, {"planned_bytes": [1001, 1002]})

"""Folders: tables and the train split are data; descriptions, other splits and hidden files are not."""

import json
import os

import pyarrow
import pytest
from pyarrow import ipc

from whet.base.errors import DataError
from whet.data.render.recipe import Recipe
from whet.data.sources import folders
from whet.data.sources.files import Source, about_files, read_rows, source_files
from whet.data.store.ledger import Ledger
from whet.data.store.token_store import store_of

ROW = {"features": [1.0], "label": 1}


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(ROW) + "\n" if name.endswith(".jsonl") else "some text\n")


def taken(folder, **settings):
    source = Source.parse({"path": str(folder), **settings}, folder)
    return [str(path.relative_to(folder)) for path in source_files(source)]


@pytest.mark.case("A8")
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["README.md", "LICENSE.txt", "load.py", "data/train-0.jsonl"], ["data/train-0.jsonl"]),
        (["README.md", "LICENSE", "a.txt", "b/c.txt"], ["a.txt", "b/c.txt"]),
        (["README.md", "b/2.py"], ["README.md", "b/2.py"]),
        (["train/0.jsonl", "test/0.jsonl", "validation/0.jsonl"], ["train/0.jsonl"]),
        (["data_train.jsonl", "data_test.jsonl", "more.jsonl"], ["data_train.jsonl", "more.jsonl"]),
        (["split=train/0.jsonl", "split=dev/0.jsonl"], ["split=train/0.jsonl"]),
        (["test.jsonl", "valid.jsonl"], ["test.jsonl", "valid.jsonl"]),
        (["train.txt", "valid.txt"], ["train.txt"]),
        (["train.py", "test_a.py"], ["test_a.py", "train.py"]),
        ([".git/a.jsonl", "__pycache__/a.jsonl", ".hidden.jsonl", "a.jsonl", "dataset_infos.json"], ["a.jsonl"]),
    ],
)
def test_of_a_folder_what_is_data_is_taken_and_the_rest_named(names, expected, tmp_path):
    fill(tmp_path, *names)
    assert taken(tmp_path) == expected
    said = about_files(Source.parse(str(tmp_path), tmp_path))
    left = [name for name in names if name not in expected and "pycache" not in name and not name.startswith(".")]
    assert all(name in said for name in [*expected, *left])


@pytest.mark.case("A8")
def test_a_run_says_at_its_start_which_files_are_left_out(tmp_path):
    fill(tmp_path, "rows/README.md", "rows/a.jsonl")
    ledger = Ledger()
    for _ in range(2):  # rendered, and from the cache
        recipe = Recipe(None, frozenset({"values"}))
        store_of([Source.parse("rows", tmp_path)], recipe, ledger=ledger, cache=tmp_path / "cache")
    assert len(ledger.notes) == 1 and "README.md" in next(iter(ledger.notes))


@pytest.mark.case("A8")
def test_what_datasets_saves_to_disk_is_read_without_its_descriptions_and_caches(tmp_path):
    table = pyarrow.Table.from_pylist([{"text": "one"}, {"text": "two"}])
    for name in ("train/data-00000-of-00001.arrow", "train/cache-1f.arrow", "test/data-00000-of-00001.arrow"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with ipc.new_stream(str(tmp_path / name), table.schema) as writer:
            writer.write_table(table)
    for name in ("dataset_dict.json", "train/dataset_info.json", "train/state.json"):
        (tmp_path / name).write_text("{}")
    assert taken(tmp_path) == ["train/data-00000-of-00001.arrow"]
    assert [row for _, row in read_rows(Source.parse(str(tmp_path), tmp_path))] == table.to_pylist()


@pytest.mark.case("A8")
@pytest.mark.parametrize("text", ['{"a": 1}\n{"a": 2}\n', '{"a": 1}', '[{"a": 1},\n {"a": 2}]'])
@pytest.mark.parametrize("name", ["a.txt", "a"])
def test_json_under_the_ending_of_a_text_is_not_trained_as_prose(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    for entry in ({"path": name}, {"path": name, "lines": True}):
        with pytest.raises(DataError, match="JSON") as caught:
            list(read_rows(Source.parse(entry, tmp_path)))
        assert caught.value.hint.startswith(f"mv {name} a.json")
    [(_, row)] = read_rows(Source.parse({"path": name, "format": "text"}, tmp_path))
    assert row["text"] == text


@pytest.mark.case("A8")
@pytest.mark.parametrize("text", ["{a} b", "[1] Smith: on owls\n", "{\n", "1\n2\n"])
def test_prose_that_begins_with_a_bracket_is_prose(text, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    assert [row["text"] for _, row in read_rows(Source.parse("a.txt", tmp_path))] == [text]


@pytest.mark.case("A8")
def test_the_same_rows_in_two_forms_are_refused(tmp_path):
    fill(tmp_path, "a.jsonl", "a.csv")
    with pytest.raises(DataError, match="one name"):
        taken(tmp_path)


@pytest.mark.case("D")
def test_links_in_a_circle_pipes_and_links_to_nothing_end_no_walk(tmp_path):
    fill(tmp_path, "a.jsonl", "deep/b.jsonl")
    (tmp_path / "deep" / "back").symlink_to(tmp_path)
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert taken(tmp_path) == ["a.jsonl", "deep/b.jsonl"]
    said = about_files(Source.parse(str(tmp_path), tmp_path))
    assert "deep/back" in said and "gone.jsonl" in said and "pipe.jsonl" in said
    (tmp_path / "self.jsonl").symlink_to(tmp_path / "self.jsonl")
    for name in ("self.jsonl", "gone.jsonl"):
        with pytest.raises(DataError, match="link"):
            Source.parse(name, tmp_path)


@pytest.mark.case("D")
def test_a_folder_may_be_called_as_a_file_and_one_without_data_says_what_it_has(tmp_path):
    fill(tmp_path, "rows.jsonl/a.jsonl", "none/picture.png")
    assert taken(tmp_path / "rows.jsonl") == ["a.jsonl"]
    with pytest.raises(DataError, match="no data files") as caught:
        taken(tmp_path / "none")
    assert "picture.png" in caught.value.hint


@pytest.mark.case("D")
def test_a_folder_of_very_much_is_refused_and_how_far_it_is_looked_through_is_said(tmp_path, monkeypatch, capsys):
    fill(tmp_path, *(f"a/{number}.jsonl" for number in range(30)))
    assert len(taken(tmp_path)) == 30
    for name, value, said in (
        ("_MOST_ENTRIES", 20, "more than 20 files"),
        ("_MOST_S", -1.0, "takes more than"),
        ("_MOST_DEEP", 0, "folders in folders"),
    ):
        with monkeypatch.context() as patch, pytest.raises(DataError, match=said) as told:
            patch.setattr(folders, name, value)
            taken(tmp_path)
        assert "name the folder of the data itself" in told.value.hint
    monkeypatch.setattr(folders, "_SAY_EVERY_S", -1.0)
    taken(tmp_path)
    assert f"looking through {tmp_path}: 31 files and folders" in capsys.readouterr().err

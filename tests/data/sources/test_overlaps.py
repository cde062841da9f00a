"""The same rows under two entries of `data` are found, however the file is spelled; two ways to read it are not one."""

import pytest

from whet.base.errors import DataError
from whet.data.sources.files import Source
from whet.data.sources.overlaps import check_apart, measured_too


@pytest.fixture
def folder(tmp_path):
    rows = tmp_path / "rows"
    rows.mkdir()
    for name in ("a", "b"):
        (rows / f"{name}.jsonl").write_text('{"text": "x"}\n')
    (tmp_path / "linked.jsonl").symlink_to(rows / "a.jsonl")
    return tmp_path


def sources(folder, *given):
    return [Source.parse(one, folder) for one in given]


@pytest.mark.parametrize(
    "given",
    [
        ("rows/a.jsonl", "rows/a.jsonl"),
        ("rows/a.jsonl", "./rows/../rows/a.jsonl"),
        ("rows/a.jsonl", "linked.jsonl"),
        ("rows", "rows/b.jsonl"),
        ("rows/a.jsonl#1", "rows/a.jsonl"),
        ("org/name", "rows/b.jsonl", "org/name"),
    ],
)
def test_rows_that_two_sources_name_are_refused(folder, given):
    with pytest.raises(DataError, match="given twice") as caught:
        check_apart(sources(folder, *given))
    assert caught.value.at == f"data.train[{len(given) - 1}]" and "weight: 2" in caught.value.hint


@pytest.mark.parametrize(
    "given",
    [
        ("rows/a.jsonl", "rows/b.jsonl"),
        ("rows/a.jsonl", {"path": "rows/a.jsonl", "columns": {"text": "other"}}),
        ("org/name", "org/name:part"),
        ("org/name", {"path": "org/name", "split": "test"}),
    ],
)
def test_other_rows_and_other_ways_to_read_them_are_not(folder, given):
    check_apart(sources(folder, *given))


def test_what_is_trained_and_held_out_at_once_is_named(folder):
    trained, held = sources(folder, "rows"), sources(folder, "linked.jsonl", "org/name")
    assert measured_too(trained, held) == ["linked.jsonl"]
    assert measured_too(trained, []) == []

"""What is noted of rows that are read all the same: placeholders, columns and keys that nobody reads, another split."""

import pytest

from whet.data.rows.detect import Detector, parse_rows
from whet.data.sources.files import Source
from whet.data.store.notes import Notes


@pytest.mark.case("A8")
def test_rows_that_say_that_they_are_of_another_split_are_noted():
    detector = Detector()
    for split in ("train", "test", "test"):
        detector.parse({"text": "some words", "split": split}, "here")
    (note,) = detector.notes
    assert "`split` says `test`" in note.what and note.count == 2


def test_columns_of_rows_that_are_read_whole_are_not_called_unread():
    detector = Detector()
    detector.parse({"query": "q", "pos": ["a"], "neg": ["b"]}, "here")
    assert detector.unread == []


@pytest.mark.case("A14")
@pytest.mark.parametrize("text", ["I am {{name}}.", "我是{{ author }}", "Dear {NAME},", "by {author_name}!"])
def test_placeholders_that_nobody_filled_are_counted(text):
    detector = Detector()
    for row in (
        {"instruction": text, "output": "b"},
        {"instruction": "a", "output": text},
        {"prompt": "a", "completion": text},
    ):
        detector.parse(row, "row")
    (note,) = detector.notes
    assert note.count == 3 and "placeholder" in note.what and "{" in note.detail


@pytest.mark.case("A14")
@pytest.mark.parametrize(
    "text",
    [
        r"$\frac{abc}{xyz}$ and x_{max}",
        "run `{name}` and ```\n{{name}}\n```",
        'print(f"{total}")',
        "${HOME}/{}",
        '{"a": {"b": 1}}',
    ],
)
def test_code_and_formulas_hold_no_placeholders(text):
    detector = Detector()
    detector.parse({"instruction": "a", "output": text}, "row")
    assert not list(detector.notes)


def test_real_placeholders_are_counted_and_other_files_have_none(shared_data):
    for name, count in (("identity.json", 85), ("alpaca_en_demo.json", 0), ("glaive_toolcall_en_demo.json", 0)):
        notes = Notes()
        list(parse_rows(Source.parse(name, shared_data / "instruct"), notes=notes))
        assert sum(note.count for note in notes if "placeholder" in note.what) == count


def test_columns_that_a_format_does_not_read_are_known_and_the_telling_ones_noted():
    detector = Detector()
    detector.parse({"prompt": "a", "completion": "b", "choices": ["x"], "id": 3, "empty": None}, "row 0")
    assert detector.unread == ["choices", "id"]
    (note,) = detector.notes
    assert "`choices`" in note.what

"""Files: every ending gives the same rows, what is broken is said with its place, and a choice follows the seed."""

import csv
import gzip
import json
import sys
import types

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from whet.base.errors import ConfigError, DataError, WhetError
from whet.data.rows.detect import Detector
from whet.data.sources.files import Source, count_rows, fingerprint, read_rows

ROWS = [
    {"prompt": "a\nb", "completion": 'say "x", é'},
    {"prompt": "二", "completion": "NA"},
    {"prompt": "3", "completion": ""},
]


def rows_of(value, base, seed=0):
    return [row for _, row in read_rows(Source.parse(value, base), seed=seed)]


def write_json(path, rows):
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


def write_jsonl(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path, rows):
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def write_gz(path, rows):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


WRITERS = {
    "a.json": write_json,
    "lines.json": write_jsonl,
    "a.jsonl": write_jsonl,
    "a.csv": write_table,
    "a.tsv": write_table,
    "a.parquet": write_parquet,
    "a.jsonl.gz": write_gz,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_ending_gives_the_rows_that_were_written(name, tmp_path):
    WRITERS[name](tmp_path / name, ROWS)
    assert rows_of(name, tmp_path) == ROWS
    assert count_rows(Source.parse(name, tmp_path)) == 3


@settings(max_examples=30)
@given(rows=st.lists(st.dictionaries(st.sampled_from("abc"), st.text(), min_size=1), min_size=1))
def test_json_lines_come_back_as_they_were(rows, tmp_path_factory):
    file = tmp_path_factory.mktemp("rows") / "a.jsonl"
    write_jsonl(file, rows)
    assert rows_of(str(file), file.parent) == rows


def test_a_text_file_is_one_row_and_with_lines_one_row_a_line(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    assert rows_of("a.txt", tmp_path) == [{"text": "one\n\ntwo\n", "file": "a.txt"}]
    lines = rows_of({"path": "a.txt", "lines": True}, tmp_path)
    assert [row["text"] for row in lines] == ["one", "two"]


def test_lines_that_end_with_a_carriage_return_alone_are_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\rtwo\r\rthree")
    source = Source.parse({"path": "a.txt", "lines": True}, tmp_path)
    assert [row["text"] for _, row in read_rows(source)] == ["one", "two", "three"] and count_rows(source) == 3


def test_strings_in_a_json_list_are_texts(tmp_path):
    write_json(tmp_path / "a.json", ["one", "two"])
    assert rows_of("a.json", tmp_path) == [{"text": "one"}, {"text": "two"}]


def test_a_folder_is_read_in_sorted_order_without_hidden_and_unknown_files(tmp_path):
    for name in ("b/2.py", "a/1.md", "c.txt", ".git/x.txt", "a/picture.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [row["text"] for row in rows_of(str(tmp_path), tmp_path)] == ["a/1.md", "b/2.py", "c.txt"]


def test_a_split_of_a_folder_is_its_folder_or_the_beginning_of_a_name(tmp_path):
    (tmp_path / "test").mkdir()
    for name in ("train-0.txt", "train-1.txt", "test/0.txt", "trained.txt"):
        (tmp_path / name).write_text(name)
    entry = {"path": str(tmp_path), "split": "train"}
    assert [row["text"] for row in rows_of(entry, tmp_path)] == ["train-0.txt", "train-1.txt"]
    assert [row["text"] for row in rows_of(entry | {"split": "test"}, tmp_path)] == ["test/0.txt"]
    with pytest.raises(DataError, match="dev"):
        rows_of(entry | {"split": "dev"}, tmp_path)


def test_lines_are_read_lazily(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1}\n{broken')
    reader = read_rows(Source.parse("a.jsonl", tmp_path))
    assert next(reader) == (0, {"a": 1})
    with pytest.raises(DataError):
        next(reader)


class TestSamples:
    def test_a_choice_has_that_many_rows_in_file_order_under_their_own_numbers(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", [{"n": n} for n in range(50)])
        chosen = list(read_rows(Source.parse("a.jsonl#20", tmp_path), seed=3))
        assert len(chosen) == 20 and all(number == row["n"] for number, row in chosen)
        assert [number for number, _ in chosen] == sorted({number for number, _ in chosen})

    def test_the_same_seed_gives_the_same_choice_and_another_another(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", [{"n": n} for n in range(50)])
        first, again, other = (rows_of("a.jsonl#20", tmp_path, seed) for seed in (1, 1, 2))
        assert first == again != other

    def test_a_folder_that_moved_gives_the_same_choice(self, tmp_path):
        for folder in ("here", "there"):
            (tmp_path / folder).mkdir()
            write_jsonl(tmp_path / folder / "a.jsonl", [{"n": n} for n in range(50)])
        absolute = rows_of(f"{tmp_path}/there/a.jsonl#20", tmp_path, 1)
        assert rows_of("here/a.jsonl#20", tmp_path, 1) == absolute == rows_of("a.jsonl#20", tmp_path / "here", 1)

    def test_more_than_there_are_is_an_error(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", [{"n": 1}])
        with pytest.raises(DataError, match="has 1 rows, fewer than the 5"):
            rows_of("a.jsonl#5", tmp_path)

    def test_a_file_whose_name_ends_so_is_meant_first(self, tmp_path):
        (tmp_path / "c#12").write_text("text")
        assert rows_of("c#12", tmp_path)[0]["text"] == "text"


class TestColumns:
    def test_columns_are_renamed_and_the_others_kept(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", [{"question": "q", "answer": "a", "id": 1}])
        entry = {"path": "a.jsonl", "columns": {"prompt": "question", "completion": "answer"}}
        assert rows_of(entry, tmp_path) == [{"prompt": "q", "completion": "a", "id": 1}]

    def test_two_columns_may_change_places(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", [{"a": 1, "b": 2}])
        assert rows_of({"path": "a.jsonl", "columns": {"a": "b", "b": "a"}}, tmp_path) == [{"a": 2, "b": 1}]

    def test_a_missing_column_is_named_with_its_neighbour(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", [{"question": "q"}])
        with pytest.raises(DataError, match="no column `questoin`") as caught:
            rows_of({"path": "a.jsonl", "columns": {"prompt": "questoin"}}, tmp_path)
        assert "question" in caught.value.hint and "row 0" in caught.value.at


class TestBroken:
    @pytest.mark.parametrize(
        ("name", "text", "line"),
        [
            ("a.jsonl", '{"a": 1}\n{"a": oops}\n', 2),
            ("a.json", '[\n{"a": 1},\n{"a": oops}\n]', 3),
            ("lines.json", '{"a": 1}\n{"a": oops}\n', 2),
        ],
    )
    def test_broken_json_is_said_with_its_line_and_text(self, name, text, line, tmp_path):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match="oops") as caught:
            rows_of(name, tmp_path)
        assert caught.value.at == f"{tmp_path / name}:{line}"

    def test_a_row_that_is_no_object_is_said_with_its_line(self, tmp_path):
        (tmp_path / "a.jsonl").write_text('{"a": 1}\n[1, 2]\n')
        with pytest.raises(DataError, match=r"list.*\[1, 2\]") as caught:
            rows_of("a.jsonl", tmp_path)
        assert caught.value.at.endswith(":2")

    def test_one_object_is_no_list_of_rows(self, tmp_path):
        (tmp_path / "a.json").write_text('{\n"data": [],\n"version": 1\n}')
        with pytest.raises(DataError, match="data, version"):
            rows_of("a.json", tmp_path)

    @pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
    @pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.txt", "a.csv"])
    def test_another_encoding_is_said_with_a_command_that_mends_it(self, name, encoding, tmp_path):
        (tmp_path / name).write_bytes(('{"text": "标题", "b": "书"}' * 3).encode(encoding))
        with pytest.raises(DataError, match="UTF-8") as caught:
            rows_of(name, tmp_path)
        assert encoding.upper() in caught.value.hint

    @pytest.mark.case("D")
    @pytest.mark.parametrize(
        ("name", "data", "word"),
        [
            ("a.jsonl", b'{"a": 1}\n{"a": ' + b"1" * 5000 + b"}\n", "digits"),
            ("a.jsonl", b'{"a": 1}\n' + b'{"a": ' + b"[" * 100_000 + b"\n", "nested"),
            ("a.json", b"[" * 100_000, "nested"),
            ("a.jsonl", b'{"a": 1}\r{"a": 2}\r', "JSON"),
            ("a.jsonl", b'{"a": "\xff"}', "UTF-8"),
            ("a.jsonl", b'{"a"\0: 1}', "JSON"),
            ("a.csv", b"a\0,b\n1,2\n", "NUL"),
            ("a.txt", b"x" * 10_000 + b"\0", "NUL"),
            ("a.csv", b"a;b\n1;2\n", "separator"),
            ("a.json", b'[{"a": 1}', "JSON"),
            ("a.parquet", b"PAR1" + b"\0" * 40, "parquet"),
            ("a.arrow", b"ARROW1\0\0" + b"\1" * 40, "Arrow"),
            ("a.jsonl", b"PK\x03\x04....", "zip"),
            ("a.jsonl", b"", "no rows"),
            ("a.parquet", b"", "parquet"),
        ],
    )
    def test_what_cannot_be_read_is_said_by_its_name_with_a_hint(self, name, data, word, tmp_path):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=word) as caught:
            rows_of(name, tmp_path)
        assert name in str(caught.value) and caught.value.hint and len(str(caught.value)) < 2000

    def test_a_byte_order_mark_is_no_part_of_the_data(self, tmp_path):
        (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + b'{"a": 1}\n')
        (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + b'[{"a": 1}]')
        (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + b"a\n1\n")
        assert rows_of("a.jsonl", tmp_path) == rows_of("a.json", tmp_path) == [{"a": 1}]
        assert rows_of("a.csv", tmp_path) == [{"a": "1"}]

    @pytest.mark.parametrize(
        ("name", "text"), [("a.jsonl", ""), ("a.json", "[]"), ("a.csv", "a,b\n"), ("a.txt", " \n")]
    )
    def test_a_file_without_rows_is_an_error(self, name, text, tmp_path):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match="no rows"):
            rows_of(name, tmp_path)

    def test_a_ragged_table_is_an_error_with_its_row(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n1,2\n1,2,3\n")
        with pytest.raises(DataError, match="3"):
            rows_of("a.csv", tmp_path)

    @pytest.mark.parametrize("name", ["a.parquet", "a.bin"])
    def test_bytes_that_are_nothing_readable_are_an_error(self, name, tmp_path):
        (tmp_path / name).write_bytes(b"\0\1\2\3" * 10)
        with pytest.raises(DataError, match=name):
            rows_of(name, tmp_path)

    def test_a_missing_file_names_its_nearest_sibling(self, tmp_path):
        (tmp_path / "alpaca.jsonl").write_text("{}")
        with pytest.raises(DataError) as caught:
            Source.parse("alpaka.jsonl", tmp_path)
        assert caught.value.hint == "did you mean `alpaca.jsonl`?"

    def test_what_is_neither_a_file_nor_a_folder_is_said(self, tmp_path):
        with pytest.raises(DataError, match="neither a file nor a folder"):
            rows_of("/dev/null", tmp_path)

    def test_a_missing_file_in_a_folder_that_is_there_is_no_hub_id(self, tmp_path):
        (tmp_path / "org").mkdir()
        with pytest.raises(DataError, match="does not exist"):
            Source.parse("org/name", tmp_path)


class TestParse:
    def test_settings_come_from_the_mapping(self, tmp_path):
        (tmp_path / "a.txt").write_text("x")
        source = Source.parse(
            {"path": "a.txt", "samples": 1, "weight": 2.0, "format": "text", "name": "mine"}, tmp_path
        )
        assert (source.samples, source.weight, source.format, source.name) == (1, 2.0, "text", "mine")

    def test_auto_and_nothing_are_defaults(self, tmp_path):
        (tmp_path / "a.txt").write_text("x")
        entry = {"path": "a.txt", "format": "auto", "samples": None, "split": None, "name": None}
        assert Source.parse(entry, tmp_path) == Source.parse("a.txt", tmp_path)

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"pth": "a.txt"}, "pth"),
            ({}, "path"),
            ({"path": "a.txt", "samples": 0}, "samples"),
            ({"path": "a.txt", "weight": 0}, "weight"),
            ({"path": "a.txt#1", "samples": 2}, "twice"),
        ],
    )
    def test_what_cannot_be_meant_is_a_config_error(self, entry, message, tmp_path):
        (tmp_path / "a.txt").write_text("x")
        with pytest.raises(ConfigError, match=message):
            Source.parse(entry, tmp_path)

    def test_a_setting_that_would_do_nothing_is_refused(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", ROWS)
        for extra in ({"split": "train"}, {"lines": True}):
            with pytest.raises(DataError):
                rows_of({"path": "a.jsonl", **extra}, tmp_path)


class TestFingerprint:
    def test_it_stays_with_the_file_and_follows_its_rows(self, tmp_path):
        file = tmp_path / "a.jsonl"
        write_jsonl(file, ROWS)
        before = fingerprint(Source.parse("a.jsonl", tmp_path))
        assert fingerprint(Source.parse("a.jsonl", tmp_path)) == before
        write_jsonl(file, ROWS[:1])
        assert fingerprint(Source.parse("a.jsonl", tmp_path)) != before

    def test_it_follows_settings_that_shape_rows_and_no_others(self, tmp_path):
        write_jsonl(tmp_path / "a.jsonl", ROWS)
        entries = [{}, {"samples": 2}, {"columns": {"q": "prompt"}}, {"format": "completion"}]
        prints = [fingerprint(Source.parse({"path": "a.jsonl", **entry}, tmp_path)) for entry in entries]
        assert len(set(prints)) == len(prints)
        assert fingerprint(Source.parse({"path": "a.jsonl", "weight": 3}, tmp_path)) == prints[0]


class TestHub:
    def test_without_the_package_the_error_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "datasets", None)
        with pytest.raises(WhetError, match="datasets") as caught:
            rows_of("org/name", tmp_path)
        assert "whet[datasets]" in caught.value.hint

    def test_id_subset_split_and_samples_reach_the_package(self, tmp_path, monkeypatch):
        asked = []

        def load_dataset(*arguments, **options):  # stands for the network
            asked.append((arguments, options))
            return [{"text": str(n)} for n in range(10)]

        monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
        assert len(rows_of({"path": "org/name:part#4", "split": "test"}, tmp_path)) == 4
        assert asked[0] == (("org/name", "part"), {"split": "test"})


@pytest.mark.parametrize(
    ("row", "says", "hint"),
    [
        ({"prompt": 3, "completion": "x"}, "`prompt` is ", '"prompt": "3"'),
        ({"prompt": "a", "completion": True}, "`completion` is ", '"completion": "True"'),
        ({"prompt": "a", "completion": ["x", "y"]}, "`completion` is a list", "a row for each of them"),
        ({"prompt ": "a", " completion": "b"}, "no data format fits", 'prompt: "prompt ", completion: " completion"'),
    ],
)
@pytest.mark.case("C7")
def test_columns_whose_values_are_no_texts_are_told_by_their_values(row, says, hint):
    with pytest.raises(DataError) as refused:
        Detector().parse(row, "a.jsonl row 0")
    assert says in refused.value.message and hint in refused.value.hint


@pytest.mark.case("D")
def test_a_model_in_place_of_data_and_names_with_blanks_are_told_as_they_are_typed(tmp_path):
    (tmp_path / "model").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "model" / name).write_text("{}")
    with pytest.raises(DataError, match="is a model's, and holds no data") as refused:
        list(read_rows(Source.parse("model", tmp_path)))
    assert refused.value.hint == "--model model"
    (tmp_path / "two words.jsonl").write_text('{"prompt": "a",}\n')
    with pytest.raises(DataError) as refused:
        list(read_rows(Source.parse("two words.jsonl", tmp_path)))
    assert refused.value.hint == "sed -n 1p 'two words.jsonl'"

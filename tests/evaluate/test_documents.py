"""Files as documents, and WikiText as people write it."""

import json

import pytest

from whet.base.errors import DataError
from whet.evaluate.detokenize import wikitext
from whet.evaluate.documents import read_documents

ARTICLES = " \n = First One = \n \n Text . \n \n = = Section = = \n \n More = x = y . \n = Second = \n \n Its text . \n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="text.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_wikitext_is_known_by_its_first_line_and_cut_at_first_level_headings(file):
    documents, division = read_documents(file(ARTICLES))
    assert division == "wikitext"
    assert [document.split("\n")[0] for document in documents] == [" = First One = ", " = Second = "]
    assert "Section" in documents[0] and " \n" + "\n".join(documents) == ARTICLES


def test_wikitext_2_has_62_articles_whose_text_is_the_file(shared_data):
    path = shared_data / "wikitext-2" / "test.txt"
    documents, division = read_documents(path)
    assert (len(documents), division) == (62, "wikitext")
    assert "\n".join(documents) == path.read_text(encoding="utf-8").removeprefix(" \n")


def test_other_text_is_one_document_unless_its_lines_are_asked_for(file):
    path = file("one\n\n two \n")
    assert read_documents(path) == (["one\n\n two \n"], "file")
    assert read_documents(path, "lines") == (["one", " two "], "lines")


def test_rows_of_jsonl_are_documents_with_the_column_that_is_named(file):
    rows = [{"text": "a\u2028b", "page": "x"}, {"text": "c", "page": "y"}]
    path = file("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "rows.jsonl")
    assert read_documents(path) == (["a\u2028b", "c"], "rows")
    assert read_documents(path, column="page")[0] == ["x", "y"]


@pytest.mark.parametrize(
    ("content", "name", "message", "at"),
    [
        (b"", "empty.txt", "has no text", "empty.txt"),
        (b" \n \n", "blank.txt", "has no text", "blank.txt"),
        (b"ok\n\xff\xfe", "latin.txt", "not UTF-8", "latin.txt:2"),
        (b'{"text": "a"}\n{"text": ', "broken.jsonl", "not JSON", "broken.jsonl:2"),
        (b'{"text": "a"}\n\n{"body": "b"}', "other.jsonl", "no text in `text` .seen: body", "other.jsonl:3"),
        (b"[1]", "list.jsonl", "no text in `text`", "list.jsonl:1"),
    ],
)
def test_files_without_text_are_refused_with_their_place(file, content, name, message, at):
    with pytest.raises(DataError, match=message) as error:
        read_documents(file(content, name))
    assert error.value.at.endswith(at) and error.value.hint


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot read .*nothing.txt: No such file"):
        read_documents(tmp_path / "nothing.txt")


def test_the_marks_of_wikitext_are_taken_out():
    for written, read in (
        (' = The 1 @,@ 000 @-@ page " Book " = \n \n It ', ' = The 1,000-page "Book" =\n\nIt '),
        ("It ( the book ) cost $ 2 @.@ 50 ; Tom 's too .", "It (the book) cost $ 2.50; Tom's too ."),
        ("the boys ' too . Yes ! \n", "the boys' too. Yes!\n"),
    ):
        assert wikitext(written) == read
    assert wikitext("= = = Deep = = = \n 90 ° N [ x ] { y }") == "=== Deep ===\n90°N [x] {y}"


def test_real_wikitext_has_no_marks_left(shared_data):
    text = wikitext((shared_data / "wikitext-2" / "test.txt").read_text(encoding="utf-8"))
    assert not any(mark in text for mark in (" @-@ ", " @,@ ", " @.@ ", " , ", " \n"))
    assert len(text) > 1_100_000

"""A run's data, page by page, is what training renders of it."""

import json
from pathlib import Path

import pytest

from tests import tiny
from whet.base.errors import RunError
from whet.train.record.data_page import data_page
from whet.train.record.texts import decoder, texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "config.yaml").write_text(json.dumps(tiny.config(folder)))
    rows = [*tiny.conversations(6), {"instruction": "no answer", "input": "", "output": ""}]
    tiny.write_rows(folder / "rows.jsonl", rows)
    return folder


def test_a_page_shows_tokens_with_what_is_learned_of_them(folder: Path):
    page = data_page(folder, "0", 2, 2)
    assert [row["row"] for row in page["shown"]] == [2, 3] and page["next"] == 4
    assert page["sources"] == [str(folder / "rows.jsonl")]
    tokens = page["shown"][0]["tokens"]
    trained = "".join(token["text"] for token in tokens if token["weight"] > 0)
    row = tiny.conversations(6)[2]
    assert row["output"] in trained and row["instruction"] not in trained
    assert {token["role"] for token in tokens} >= {"user", "assistant"}
    assert page["lengths"] == [len(one["tokens"]) for one in page["shown"]] and page["context"] == 256


def test_pages_one_behind_the_other_are_all_rows(folder: Path):
    seen, start = [], 0
    while start is not None:
        page = data_page(folder, "0", start, 3)
        seen += [row["row"] for row in page["shown"]] + [one["row"] for one in page["refused"]]
        start = page["next"]
    assert seen == list(range(7))


def test_rows_are_found_by_what_stands_in_them(folder: Path):
    page = data_page(folder, "0", 0, 10, "NO ANSWER")
    assert [one["row"] for one in (*page["shown"], *page["refused"])] == [6] and page["next"] is None
    assert data_page(folder, "0", 0, 10, "in no row")["shown"] == []


def test_what_is_not_there_is_said(folder: Path, tmp_path: Path):
    with pytest.raises(RunError, match="no source `1`"):
        data_page(folder, "1", 0, 3)
    with pytest.raises(RunError, match="no training"):
        data_page(tmp_path, "0", 0, 3)


def test_texts_and_tokens_are_those_of_the_run(folder: Path, tmp_path: Path):
    row, place = tiny.conversations(6)[4], (str(folder / "rows.jsonl"), 4)
    assert texts(folder, [place, ("other.jsonl", 1)]) == {place: f"{row['instruction']} |  | {row['output']}"}
    decode = decoder(folder)
    shown = data_page(folder, "0", 4, 1)["shown"][0]["tokens"]
    assert decode is not None and decode([token["id"] for token in shown]).count(row["output"]) == 1
    assert decoder(tmp_path) is None

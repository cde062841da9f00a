"""A teacher's answers as rows: in order, the same after a stop, and without those that were cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.generate import tiny
from whet.base.catalogue import engine
from whet.base.errors import DataError, RunError
from whet.cli.main import main
from whet.data.sources.files import Source
from whet.generate import answering
from whet.generate.answering import write_answers
from whet.generate.protocol import GenerateSettings

# So hot that a random model ends some of its answers.
HOT = GenerateSettings(max_new_tokens=90, temperature=4.0, seed=1)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return engine.get("local").build(tiny.loaded(tiny.folder(tmp_path_factory.mktemp("teacher"))))


@pytest.fixture
def source(tmp_path):
    rows = [{"instruction": f"Say {i}!", "output": "no"} for i in range(22)]
    rows.append({"prompt": "The quick", "completion": " slow"})
    rows.append({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                              {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]})  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Source.parse(str(path), tmp_path)


def read(path: Path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_prompt_has_its_answer_or_a_line_in_the_ledger(teacher, source, tmp_path, monkeypatch):
    monkeypatch.setattr(answering, "CHUNK", 5)
    ledger = write_answers(teacher, [source], tmp_path / "answers.jsonl", HOT)
    rows = read(tmp_path / "answers.jsonl")
    left_out = read(tmp_path / "answers.ledger.jsonl")
    assert len(rows) + len(left_out) == 24 and rows and left_out
    assert {entry["reason"] for entry in left_out} <= {"unfinished", "empty"} and "cut after 90" in left_out[0][
        "detail"
    ]
    assert ledger.summary().startswith("24 rows; ")
    asked = [r["messages"][-2]["content"] for r in rows if len(r.get("messages", [])) == 2]
    assert asked == sorted(asked, key=lambda text: int(text.split()[1].strip("!")))
    assert all(
        row.get("completion", row.get("messages", [{}])[-1].get("content")) not in (None, "no", "d") for row in rows
    )
    assert not (tmp_path / "answers.jsonl.place").exists()
    with pytest.raises(RunError, match="is there already"):
        write_answers(teacher, [source], tmp_path / "answers.jsonl", HOT)


@pytest.mark.slow
def test_an_attempt_that_was_stopped_goes_on_to_the_same_answers(teacher, source, tmp_path, monkeypatch):
    monkeypatch.setattr(answering, "CHUNK", 5)
    write_answers(teacher, [source], tmp_path / "whole.jsonl", HOT)

    def stop(count):
        if count >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_answers(teacher, [source], tmp_path / "broken.jsonl", HOT, stop)
    with (tmp_path / "broken.jsonl").open("a") as file:
        file.write('{"half a')
    with pytest.raises(RunError, match="begun with other settings"):
        write_answers(teacher, [source], tmp_path / "broken.jsonl", GenerateSettings())
    write_answers(teacher, [source], tmp_path / "broken.jsonl", HOT)
    for name in ("jsonl", "ledger.jsonl"):
        assert (tmp_path / f"broken.{name}").read_text() == (tmp_path / f"whole.{name}").read_text()


def test_raw_text_asks_nothing_and_nothing_left_is_an_error(teacher, tmp_path):
    path = tmp_path / "text.jsonl"
    path.write_text('{"text": "an owl"}\n')
    with pytest.raises(DataError, match="raw text"):
        write_answers(teacher, [Source.parse(str(path), tmp_path)], tmp_path / "out.jsonl", HOT)
    path.write_text('{"instruction": "say", "output": "x"}\n')
    with pytest.raises(DataError, match="no answer is left: 1 rows; 1 skipped"):
        write_answers(
            teacher, [Source.parse(str(path), tmp_path)], tmp_path / "none.jsonl", GenerateSettings(max_new_tokens=1)
        )
    assert not (tmp_path / "none.jsonl").exists()  # or the next try would find it in its way


def test_the_command_writes_rows_that_data_inspect_takes(source, tmp_path, capsys):
    folder = str(tiny.folder(tmp_path / "model"))
    output = str(tmp_path / "answers.jsonl")
    hot = ["--temperature", "4", "--max-new-tokens", "90", "--seed", "1", "--device", "cpu"]
    assert main(["distill", folder, "--data", source.path, "--output", output, *hot]) == 0
    assert "24 rows" in capsys.readouterr().err
    assert main(["data", "inspect", output, "--model", folder, "--allow", "nothing_to_train"]) == 0
    assert main(["distill", folder, "--data", source.path, "--output", output, *hot]) == 2

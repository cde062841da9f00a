"""The sink `jsonl`: a line of JSON a record, readable by anything."""

import json
import resource
from types import MappingProxyType

import pytest

from tests.track import runs as made
from whet.base.catalogue import sink
from whet.base.errors import RunError


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_record_is_a_line_at_once(tmp_path):
    jsonl = sink.get("jsonl").build(tmp_path, 0)
    for number, record in enumerate(made.records(), 1):
        jsonl.receive(record)
        assert len(lines(tmp_path / "records.jsonl")) == number
    read = lines(tmp_path / "records.jsonl")
    assert [(line["kind"], line["step"]) for line in read] == [(r.kind, r.step) for r in made.records()]
    assert read[1]["metrics"] == {"loss": 4.0, "grad_norm": 0.5, "lr": 1e-4}
    assert read[-1]["outcome"] == "done"


def test_numbers_that_json_lacks_are_strings(tmp_path):
    jsonl = sink.get("jsonl").build(tmp_path, 0)
    jsonl.receive(made.step(1, loss=float("nan"), grad_norm=float("inf")))
    metrics = lines(tmp_path / "records.jsonl")[0]["metrics"]
    assert (metrics["loss"], metrics["grad_norm"]) == ("NaN", "Infinity")


def test_read_only_mappings_are_taken(tmp_path):
    jsonl = sink.get("jsonl").build(tmp_path, 0)
    jsonl.receive(made.RunStarted(0, 1, MappingProxyType({"a": 1})))
    assert lines(tmp_path / "records.jsonl")[0]["facts"] == {"a": 1}


def test_an_attempt_appends_and_a_rank_has_its_own_file(tmp_path):
    for rank in (0, 0, 2):
        jsonl = sink.get("jsonl").build(tmp_path, rank, path="out/all.jsonl")
        jsonl.receive(made.step(1))
        jsonl.close()
        jsonl.receive(made.step(2))
    assert len(lines(tmp_path / "out" / "all.jsonl")) == 2
    assert len(lines(tmp_path / "out" / "all.r2.jsonl")) == 1


def test_a_full_disk_ends_the_file_and_not_the_training(tmp_path, capsys):
    jsonl = sink.get("jsonl").build(tmp_path, 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))  # no file grows further, as on a full disk
        for number in (1, 2, 3):
            jsonl.receive(made.step(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_path_that_cannot_be_written_is_refused_at_the_door(tmp_path):
    with pytest.raises(RunError):
        sink.get("jsonl").build(tmp_path, 0, path=".")

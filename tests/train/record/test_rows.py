"""Which rows each step learned from: told for every kind of data, with losses that add up to the step's own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.ranks import on_ranks
from tests.tiny import config, conversations, sentence, write_rows
from tests.train.conftest import loop_records
from tests.train.test_rollouts import settings as rollouts
from whet.base.config import from_mapping
from whet.cli.main import main
from whet.contracts.objective import LossParts
from whet.track.recorded.rows import every_step
from whet.track.recorded.rows_index import rows_of, tokens_of
from whet.train.build import assemble
from whet.train.step.losses import StepLosses


def recorded(folder, name, **sections):
    """By step the rows, and the figures of it."""
    records = loop_records(folder, name, **sections)
    run = folder / "runs" / name
    return {one.step: one for one in every_step(run)}, {r["step"]: r for r in records if r["kind"] == "step"}, run


def weighted(rows):
    tokens, losses = rows.columns["tokens"].astype(float), rows.columns["loss"].astype(float)
    return (losses * tokens).sum() / tokens.sum()


def test_every_row_of_an_epoch_is_told_once_with_a_loss_that_adds_up(tmp_path):
    found, figures, run = recorded(tmp_path, "sft", train={"steps": 12})
    rows = [int(row) for one in found.values() for row in one.columns["row"]]
    assert sorted(rows) == list(range(40)) and sorted(found) == sorted(figures) == list(range(1, 13))
    for step, one in found.items():
        assert len(one) == figures[step]["samples"]
        assert weighted(one) == pytest.approx(figures[step]["metrics"]["loss"], rel=1e-6)
        assert one.place(0)[0].endswith("rows.jsonl") and one.epoch == figures[step]["epoch"]


def test_pieces_of_packed_documents_are_told_by_document_and_part(tmp_path):
    write_rows(tmp_path / "long.jsonl", [{"text": sentence(i, 300)} for i in range(4)])
    data = {"train": [str(tmp_path / "long.jsonl")], "max_length": 48}
    found, figures, _ = recorded(tmp_path, "packed", objective="pretrain", data=data, train={"micro_batch": 96})
    places = [one.place(i)[1:] for one in found.values() for i in range(len(one))]
    assert len(set(places)) == len(places) and max(part for _, part in places) > 3
    assert any((np.bincount(one.columns["batch"]) > 1).any() for one in found.values())  # several in one packed row
    for step, one in found.items():
        assert weighted(one) == pytest.approx(figures[step]["metrics"]["loss"], rel=1e-6)


def test_a_stream_tells_the_rows_it_has_read(tmp_path):
    found, figures, _ = recorded(tmp_path, "stream", data={"streaming": True, "shuffle": False}, train={"steps": 3})
    rows = [int(row) for one in found.values() for row in one.columns["row"]]
    assert sorted(rows) == list(range(len(rows)))  # the file's first, as nothing is shuffled
    assert all(weighted(found[s]) == pytest.approx(figures[s]["metrics"]["loss"], rel=1e-6) for s in found)


def test_pairs_are_told_with_the_loss_of_their_pair(tmp_path):
    pairs = [
        {"prompt": sentence(i, 4), "chosen": sentence(i + 1, 3), "rejected": sentence(i + 2, 5)} for i in range(24)
    ]
    data = {"train": [str(write_rows(tmp_path / "pairs.jsonl", pairs))]}
    found, figures, _ = recorded(tmp_path, "dpo", objective="dpo", data=data, optimizer={"lr": 1e-3})
    for step, one in found.items():
        loss, sample, row = (one.columns[name].reshape(-1, 2) for name in ("loss", "sample", "row"))
        assert (sample[:, 0] == sample[:, 1]).all() and (row[:, 0] == row[:, 1]).all()
        assert len(set(sample[:, 0].tolist())) == len(sample)
        assert loss[:, 0].mean(dtype=float) == pytest.approx(figures[step]["metrics"]["loss"], rel=1e-6)


def test_answers_are_told_with_their_prompts_and_rewards(tmp_path):
    built = assemble(from_mapping(rollouts(tmp_path, rollout={"updates": 1, "passes": 1}, train={"steps": 2})))
    built.loop.run()
    built.close()
    lines = (built.folder.path / "records.jsonl").read_text().splitlines()
    reward = {r["step"]: r["metrics"]["reward"] for r in map(json.loads, lines) if r["kind"] == "step"}
    for one in every_step(built.folder.path):
        assert one.columns["reward"].mean(dtype=float) == pytest.approx(reward[one.step], rel=1e-6)
        assert {"advantage", "loss"} <= one.columns.keys() and len(one) == 16
        assert len({one.place(i) for i in range(16)}) == 4  # prompts


def of_two_steps(folder, name):
    loop_records(folder, name, train={"steps": 2})


@pytest.mark.ranks
def test_each_rank_tells_its_own_and_together_they_are_those_of_one_process(tmp_path):
    config(tmp_path)
    on_ranks(2, of_two_steps, tmp_path, "two")
    of_two_steps(tmp_path, "one")
    for step in (1, 2):
        one, two = rows_of(tmp_path / "runs" / "one", step), rows_of(tmp_path / "runs" / "two", step)
        assert [part.rank for part in two] == ["r0", "r1"]
        pairs = [
            {
                part.place(i): (part.columns["loss"][i], part.columns["digest"][i])
                for part in parts
                for i in range(len(part))
            }
            for parts in (one, two)
        ]
        assert pairs[0].keys() == pairs[1].keys()
        for place, (loss, digest) in pairs[0].items():
            assert pairs[1][place][0] == pytest.approx(loss, rel=1e-4) and pairs[1][place][1] == digest


def test_tokens_are_told_now_and_then_and_average_to_their_rows_loss(tmp_path):
    found, _, run = recorded(tmp_path, "tokens", track={"tokens_every": 4, "tokens_rows": 2})
    assert [len(tokens_of(run, step)) for step in range(1, 7)] == [2, 0, 0, 2, 0, 0]
    for one in tokens_of(run, 4):
        rows = found[4]
        [index] = [i for i in range(len(rows)) if rows.place(i) == (one.source, one.row, one.part)]
        assert one.losses.mean() == pytest.approx(rows.columns["loss"][index], rel=1e-5)
        assert (one.ids[one.places + 1] == one.targets).all()


def test_nothing_is_recorded_where_it_is_not_wanted(tmp_path):
    found, _, run = recorded(tmp_path, "off", track={"rows": False, "state_every": 0})
    assert not found and not list((run / "track").glob("*.rows")) and not list((run / "track").glob("state*"))


def test_recording_changes_no_bit(tmp_path):
    _, on, _ = recorded(tmp_path, "on", track={"layers_every": 2, "tokens_every": 1, "state_every": 1})
    _, off, _ = recorded(tmp_path, "off", track={"rows": False, "state_every": 0})
    assert {s: r["metrics"] for s, r in on.items()} == {s: r["metrics"] for s, r in off.items()}


def test_parts_of_a_step_are_timed(tmp_path):
    _, figures, _ = recorded(tmp_path, "timed", train={"checkpoint_every": 2, "steps": 5})
    parts = {step: one["parts"] for step, one in figures.items()}
    own = ("data_s", "forward_s", "backward_s", "update_s", "communication_s", "checkpoint_s", "record_s")
    assert all(set(own) <= one.keys() for one in parts.values())
    assert [one["checkpoint_s"] > 0 for one in parts.values()] == [False, False, True, False, True]


def test_numbers_and_parts_come_in_one_read_with_all_their_bits():
    import torch

    numbers = torch.tensor([1 / 3, float("nan"), -0.0, 1e300], dtype=torch.float64)
    parts = [LossParts("token", torch.tensor([0.5, 0.25])), None, LossParts("group", torch.tensor([2.0]).double())]
    losses = StepLosses()
    read = np.array(losses.read(numbers, parts))
    assert read.tobytes() == numbers.numpy().tobytes()
    first, second, third = losses.take()
    assert second is None and first.values.tolist() == [0.5, 0.25] and third == ("group", np.float32([2.0]))
    assert losses.take() == []


def test_show_names_the_rows_of_a_step_with_their_texts(tmp_path, capsys):
    found, _, run = recorded(tmp_path, "shown")
    assert main(["show", str(run), "--step", "2", "--width", "200"]) == 0
    page = capsys.readouterr().out
    rows = conversations(40)
    for row in found[2].columns["row"].tolist():
        assert rows[row]["instruction"] in page
    assert main(["show", str(run), "--step", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(one["row"] for one in told) == sorted(found[2].columns["row"].tolist())
    assert main(["show", str(run), "--step", "1", "--tokens"]) == 0
    assert " tokens, " in capsys.readouterr().out
    assert main(["show", str(run), "--step", "77"]) == 2
    assert "--step 1 to 6" in capsys.readouterr().err

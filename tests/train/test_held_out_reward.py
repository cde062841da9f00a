"""Rewards of answers to prompts that nothing is learned from: which prompts, which number, and what follows of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.tiny import sentence, write_rows
from tests.train.test_rollouts import REWARDS, notices, settings
from whet.base.config import from_mapping
from whet.base.errors import DataError
from whet.base.seeds import derive
from whet.contracts.rewards import questions
from whet.generate.groups import Groups
from whet.generate.protocol import GenerateSettings
from whet.train.api import resume, train
from whet.train.build import assemble


def measured(folder):
    lines = (folder / "records.jsonl").read_text().splitlines()
    return {r["step"]: r["metrics"] for r in map(json.loads, lines) if r["kind"] == "evaluation"}


def with_held_out(folder, name="held", share=0.25, **sections):
    made = settings(folder, name, evaluate={"every": 2, **sections.pop("evaluate", {})}, **sections)
    made["data"]["held_out"] = share
    return made


def test_held_out_prompts_are_measured_and_never_learned_from(tmp_path):
    built = assemble(from_mapping(with_held_out(tmp_path, train={"steps": 12})))
    learned = set()
    for number in range(12):
        step = built.loop.source.next(number)
        learned |= {step.fetch(i).origin.row for i in range(len(step.lengths))}
        built.loop.advance(step)
    held = {asked.origin.row for asked in built.supply.held_out.asked}
    assert len(held) == 3 and learned == set(range(12)) - held
    for sink in built.sinks:
        sink.close()
    found = measured(built.folder.path)
    assert list(found) == [2, 4, 6, 8, 10]
    assert {"reward", "reward_std", "length", "truncated", "ungraded"} <= found[2].keys()


def test_the_number_is_that_of_the_answers_drawn_as_in_training(tmp_path):
    built = assemble(from_mapping(with_held_out(tmp_path)))
    held = built.loop.evaluation._held_out
    player = Groups(built.loaded.module, built.loaded.processor, GenerateSettings(max_new_tokens=6, temperature=1.0))
    prompts = [list(asked.ids) for asked in built.supply.held_out.asked]
    answers = player(questions(prompts), 1, seed=derive("held-out reward", 0))
    namespace: dict = {}
    exec(REWARDS, namespace)
    expected = np.mean([namespace["vowels"](answer[0].text) for answer in answers])
    assert held()["reward"] == pytest.approx(expected) and held() == held()


def test_a_resumed_run_measures_what_one_never_stopped_does(tmp_path):
    whole, _ = train(from_mapping(with_held_out(tmp_path, "whole")))
    broken = assemble(from_mapping(with_held_out(tmp_path, "broken", train={"checkpoint_every": 3})))
    for number in range(3):
        broken.loop.advance(broken.loop.source.next(number))
    broken.close()
    folder, _ = resume(tmp_path / "runs" / "broken")
    assert measured(folder.path) == measured(whole.path) and len(measured(whole.path)) == 3


def test_a_run_whose_held_out_reward_stays_stops_early(tmp_path):
    made = with_held_out(tmp_path, reward="same", train={"steps": 40}, evaluate={"every": 1, "early_stop": 2})
    _, ended = train(from_mapping({**made, "rollout": {**made["rollout"], "patience": 40}}))
    assert (ended.outcome, ended.step) == ("early_stop", 3)


def test_a_held_out_file_is_read_beside_the_others_and_failures_are_said(tmp_path):
    other = write_rows(tmp_path / "held.jsonl", [{"prompt": sentence(i, 4)} for i in range(20)])
    made = with_held_out(tmp_path, share=[str(other)], reward="picky", limits={"max_failed": 0.9})
    folder, _ = train(from_mapping(made))
    assert 0 < measured(folder.path)[2]["ungraded"] < 1
    assert any("while measuring: the reward `picky` failed on" in text for text in notices(folder.path))


def test_a_held_out_file_without_a_column_that_a_reward_reads_is_refused(tmp_path):
    other = write_rows(tmp_path / "held.jsonl", [{"prompt": "hello"}] * 3)
    made = {**with_held_out(tmp_path, share=[str(other)]), "rewards": ["exact"]}
    with pytest.raises(DataError, match="`exact` needs the column `answer`") as error:
        assemble(from_mapping(made))
    assert error.value.at == "data.held_out" and "held_out: [{path" in error.value.hint

"""Learning from the model's own answers through the whole path: prompts from a file, rewards, one loop, one folder."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.nursery import Child
from tests.ranks import on_ranks
from tests.tiny import LLAMA, config, conversations, sentence, write_rows
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, DataError, RunError
from whet.track.reading.store import history
from whet.track.recorded.rollouts_reading import rollouts
from whet.train.api import resume, train
from whet.train.build import assemble

REWARDS = """\
def vowels(completion):
    return sum(c in "aeiou" for c in completion) / max(len(completion), 1)

def same(completion):
    return 0.1

def picky(completion):
    if len(completion) % 2:
        raise ValueError("odd")
    return float(len(completion))
"""
MADE = {"prompts": 4, "completions": 4, "max_new_tokens": 6, "updates": 2, "passes": 2}


def settings(folder, name="run", reward="vowels", **sections):
    """A run over 12 prompts whose answers get a share of vowels: 16 answers a rollout, learned from in 4 updates."""
    if not (folder / "prompts.jsonl").exists():
        write_rows(folder / "prompts.jsonl", [{"prompt": sentence(i, 3 + i % 4), "answer": "x"} for i in range(12)])
        (folder / "rewards.py").write_text(REWARDS)
    rewards = {"functions": [f"{folder / 'rewards.py'}:{reward}"], "workers": 1, **sections.pop("limits", {})}
    made = {**MADE, **sections.pop("rollout", {})}
    length = {
        "steps": 6,
        "batch_tokens": None,
        "micro_batch": 128,
        "checkpoint_every": 100,
        **sections.pop("train", {}),
    }
    given = {"objective": "grpo", "data": {"train": [str(folder / "prompts.jsonl")]}, "rewards": rewards, **sections}
    return config(folder, name=name, rollout=made, train=length, **given)


def steps(folder):
    lines = (Path(folder) / "records.jsonl").read_text().splitlines()
    return {r["step"]: r["metrics"] for r in map(json.loads, lines) if r["kind"] == "step"}


def notices(folder):
    lines = (Path(folder) / "records.jsonl").read_text().splitlines()
    return [r["text"] for r in map(json.loads, lines) if r["kind"] == "notice" and r["level"] == "warning"]


def going(folder, name, **sections):
    """The metrics of each step, without model folder; times of day left out."""
    built = assemble(from_mapping(settings(folder, name, **sections)))
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    return bits(built.folder.path)


def bits(folder):
    return {step: {k: v for k, v in m.items() if not k.endswith("_s")} for step, m in steps(folder).items()}


def test_a_run_ends_with_a_model_that_answers_better(tmp_path):
    from transformers import AutoModelForCausalLM

    sections = {"rollout": {"prompts": 6, "completions": 8, "updates": 1, "passes": 1}, "optimizer": {"lr": 1e-2}}
    folder, ended = train(from_mapping(settings(tmp_path, train={"steps": 20}, **sections)))
    found = steps(folder.path)
    assert ended.outcome == "done" and len(found) == 20
    first, last = (np.mean([found[s]["reward"] for s in part]) for part in (range(1, 5), range(17, 21)))
    assert last > first + 0.05, (first, last)
    shown = {"reward", "reward_std", "length", "truncated", "no_signal", "ungraded", "entropy", "drift", "staleness"}
    assert shown <= found[1].keys()
    # Nothing filtered: what training computes is what the sampler drew from, but for rounding.
    assert all(m["drift"] < 1e-5 and m["clipped"] == 0 for m in found.values())
    AutoModelForCausalLM.from_pretrained(folder.model)
    told = rollouts(history(folder.path))
    assert [one.step for one in told[:5]] == [1, 1, 1, 1, 2] and len(told) == 4 * 20  # `track.rollout_prompts`
    asked = {sentence(i, 3 + i % 4) for i in range(12)}
    assert all(one.prompt[0]["content"] in asked and len(one.answers) == 8 for one in told)
    for answer in (answer for one in told for answer in one.answers):
        assert answer["reward"] == answer["scores"]["vowels"] == pytest.approx(vowels(answer["text"]))
        assert 0 < answer["tokens"] <= 6 and "advantage" in answer["fields"]
    means = [np.mean([a["reward"] for one in told if one.step == at for a in one.answers]) for at in (1, 20)]
    assert means[1] > means[0]
    assert [one.step for one in rollouts(history(folder.path), 3)] == [3] * 4


def vowels(completion):
    return sum(c in "aeiou" for c in completion) / max(len(completion), 1)


def test_answers_serve_several_updates_and_say_how_old_they_are(tmp_path):
    found = going(tmp_path, "passes", train={"steps": 9}, optimizer={"lr": 1e-2}, track={"rollout_prompts": 0})
    assert not list((tmp_path / "runs").glob("passes/track/rollouts*"))
    assert [m["staleness"] for m in found.values()] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert len({m["reward"] for m in found.values()}) == 3  # three rollouts
    assert found[1]["moved"] < 1e-5 < found[4]["moved"]
    assert found[4]["drift"] < 1e-5  # of the policy that answered, not of the one that learns


@pytest.mark.parametrize(
    "sections",
    [{}, pytest.param({"objective": {"kind": "grpo", "kl": 0.1}}, marks=pytest.mark.slow)],
    ids=["plain", "reference"],
)
def test_a_broken_run_goes_on_with_the_answers_it_had(tmp_path, sections):
    expected = going(tmp_path, "whole", train={"steps": 8}, **sections)
    built = assemble(from_mapping(settings(tmp_path, "broken", train={"steps": 8, "checkpoint_every": 3}, **sections)))
    built.loop.cadence = built.loop.cadence.__class__(1, 3, 100)
    for _ in range(5):  # the checkpoint of step 3 holds the answers for step 4
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    folder, _ = resume(tmp_path / "runs" / "broken")
    assert bits(folder.path) == expected


def test_a_run_goes_on_from_another_directory(tmp_path, monkeypatch):
    made = settings(tmp_path)
    made["rewards"]["functions"] = ["rewards.py:vowels"]
    monkeypatch.chdir(tmp_path)
    built = assemble(from_mapping({**made, "train": {**made["train"], "checkpoint_every": 2}}))
    for number in range(2):
        built.loop.advance(built.loop.source.next(number))
    monkeypatch.chdir("/")
    built.close()
    assert resume(tmp_path / "runs" / "run")[1].outcome == "done"


def killed(folder, steps=8, **sections):
    """Train, and die right after the checkpoint of step 3, in the middle of a rollout."""
    from whet.train.checkpoints.checkpoint import Checkpoints

    real = Checkpoints.save

    def save(self, step):
        path = real(self, step)
        if step >= 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return path

    Checkpoints.save = save
    train(from_mapping(settings(folder, "killed", train={"steps": steps, "checkpoint_every": 3}, **sections)))


@pytest.mark.slow
@pytest.mark.ranks
def test_a_killed_run_ends_with_the_bits_of_one_that_never_was(tmp_path):
    expected = going(tmp_path, "whole", train={"steps": 8})
    assert Child(partial(killed, tmp_path)).wait() is None
    folder, ended = resume(tmp_path / "runs" / "killed")
    assert ended.outcome == "done" and bits(folder.path) == expected


def of_rank(folder, name):
    found = going(folder, name, objective={"kind": "grpo", "kl": 0.1}, train={"device": "cpu"})
    return {step: [m[k] for k in ("loss", "grad_norm", "reward", "length", "kl")] for step, m in found.items()}


@pytest.mark.ranks
def test_two_ranks_draw_and_learn_what_one_process_does(tmp_path):
    expected = of_rank(tmp_path, "one")
    for found in on_ranks(2, of_rank, tmp_path, "two"):
        assert found.keys() == expected.keys()
        for step, numbers in found.items():
            assert numbers == pytest.approx(expected[step], rel=2e-5, abs=1e-6)


def test_large_groups_are_cut_and_learn_the_same(tmp_path):
    whole = going(tmp_path, "whole", train={"micro_batch": 512})
    cut = going(tmp_path, "cut", train={"micro_batch": 40})
    for step, metrics in whole.items():
        assert cut[step]["loss"] == pytest.approx(metrics["loss"], abs=1e-6)
        assert cut[step]["grad_norm"] == pytest.approx(metrics["grad_norm"], rel=1e-4)


@pytest.mark.case("A7")
def test_rewards_that_are_all_alike_are_said_and_stop_the_run(tmp_path):
    with pytest.raises(RunError, match="3 rollouts in a row taught nothing.*16 answers got 0.1") as error:
        train(from_mapping(settings(tmp_path, reward="same", rollout={"patience": 3}, train={"steps": 40})))
    assert error.value.hint
    said = [text for text in notices(tmp_path / "runs" / "run") if "teaches nothing" in text]
    assert len(said) == 2 and all(m["no_signal"] == 1 for m in steps(tmp_path / "runs" / "run").values())


def test_a_reward_that_fails_is_counted_and_its_answers_left_out(tmp_path):
    found = going(tmp_path, "picky", reward="picky", limits={"max_failed": 1})
    assert 0 < found[1]["ungraded"] < 1
    assert any("`picky` failed on" in text and "ValueError" in text for text in notices(tmp_path / "runs" / "picky"))


def test_a_reward_that_fails_too_often_stops_the_run_and_says_on_what(tmp_path):
    with pytest.raises(RunError, match="`picky` failed on .*ValueError") as error:
        train(from_mapping(settings(tmp_path, reward="picky")))
    assert "rewards.max_failed" in error.value.hint


def test_prompts_that_teach_nothing_give_way_to_others(tmp_path):
    """A reward that most groups agree on: whether an answer has a letter that is rarely drawn."""
    settings(tmp_path)
    (tmp_path / "rewards.py").write_text(
        "def rare(completion):\n    return float('Z' in completion or 'q' in completion)\n"
    )
    plain = going(tmp_path, "plain", reward="rare", train={"steps": 4})
    again = going(tmp_path, "again", reward="rare", train={"steps": 4}, rollout={"resample": 3})
    assert np.mean([m["no_signal"] for m in again.values()]) < np.mean([m["no_signal"] for m in plain.values()])
    assert again[1]["drawn"] > 4


def test_answers_too_long_are_left_out_or_penalised_on_request(tmp_path):
    long = {"train": {"steps": 1, "micro_batch": 512}, "rollout": {"max_new_tokens": 120}}
    kept = going(tmp_path, "kept", **long)
    dropped = going(tmp_path, "dropped", objective={"kind": "grpo", "truncated": "drop"}, **long)
    shaped = going(tmp_path, "shaped", objective={"kind": "grpo", "overlong": 60}, **long)
    assert 0 < kept[1]["truncated"] < 1 and kept[1]["reward"] == dropped[1]["reward"] == shaped[1]["reward"]
    assert len({m[1]["grad_norm"] for m in (kept, dropped, shaped)}) == 3


def test_gsm8k_loads_unedited_to_be_answered_and_to_be_imitated(tmp_path, trained, shared_data):
    source = str(shared_data / "gsm8k" / "test.jsonl")
    model = {"init": {**LLAMA, "max_position_embeddings": 1024}}
    sections = {"data": {"train": [f"{source}#20"]}, "model": model, "rewards": ["math"]}
    settings(tmp_path)
    made = settings(tmp_path, "asked", rollout={"max_new_tokens": 4, "patience": 9}, train={"steps": 1}, **sections)
    made["model"] = {**config(tmp_path)["model"], **model}
    built = assemble(from_mapping(made))
    step = built.loop.source.next(0)
    sample = step.fetch(0)
    assert "answer" in built.supply.source._prompts.columns and len(sample.cuts) == 4
    _, records = trained(
        "imitated", model=model, data={"train": [f"{source}#20"]}, train={"steps": 1, "batch_tokens": 2000}
    )
    assert any(r["kind"] == "step" for r in records)


ALONE = {"rewards": {}, "rollout": {}}
MISTAKES = {
    "no rewards": ({"rewards": []}, ConfigError, "`objective: grpo` learns from rewards"),
    "a group of one": ({"rollout": {"completions": 1}}, ConfigError, "only one of each"),
    "more parts than prompts": ({"rollout": {"updates": 9}}, ConfigError, "9 parts"),
    "tokens a step": ({"train": {"batch_tokens": 512}}, ConfigError, "train.batch_tokens"),
    "a stream": ({"data": {"streaming": True}}, ConfigError, "data.streaming"),
    "cut prompts": ({"data": {"truncation": "cut"}}, ConfigError, "cannot be cut"),
    "long prompts": ({"rollout": {"max_new_tokens": 250}}, DataError, "leave room"),
    "no room": ({"rollout": {"max_new_tokens": 256}}, ConfigError, "no room"),
    "a missing column": (
        {"rewards": ["exact"], "data": {"columns": True}},
        DataError,
        "`exact` needs the column `answer`",
    ),
    "room of another": ({"rollout": {"engine": {"kind": "local", "batch_tokens": 9}}}, ConfigError, "does nothing"),
    "raw text": ({"data": {"text": True}}, DataError, "raw text"),
}


@pytest.mark.parametrize("sections, kind, says", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_error_at_the_door(tmp_path, sections, kind, says):
    made = settings(tmp_path)
    given = dict(sections)
    extra = given.pop("data", {})
    if "columns" in extra or "text" in extra:
        row = {"text": "hello"} if "text" in extra else {"prompt": "hello"}
        extra = {"train": [str(write_rows(tmp_path / "other.jsonl", [row] * 3))]}
    made["data"] = {**made["data"], **extra}
    for section, values in given.items():
        made[section] = {**made[section], **values} if isinstance(values, dict) else values
    with pytest.raises(kind, match=says) as error:
        assemble(from_mapping(made))
    assert error.value.hint


@pytest.mark.parametrize("section, value", [("rewards", ["math"]), ("rollout", {"prompts": 3})])
def test_settings_of_rollouts_are_refused_where_nothing_is_answered(tmp_path, section, value):
    write_rows(tmp_path / "rows.jsonl", conversations(3))
    with pytest.raises(ConfigError, match=f"`{section}` does nothing"):
        assemble(from_mapping(config(tmp_path, **{section: value})))


def test_ppo_learns_with_a_value_head_that_stays_behind(tmp_path):
    from safetensors import safe_open

    kind = {"kind": "ppo", "kl": 0.02}
    sections = {"objective": kind, "train": {"steps": 4}, "optimizer": {"lr": 1e-2}}
    folder, _ = train(from_mapping(settings(tmp_path, **sections)))
    found = steps(folder.path)
    assert {"policy", "value", "expected", "kl"} <= found[4].keys()
    assert found[1]["expected"] == 0 != found[2]["expected"]  # the head begins at nothing, and learns
    with safe_open(folder.model / "model.safetensors", "pt") as weights:
        names = list(weights.keys())
    assert names and not [name for name in names if "value_head" in name]


def test_a_broken_run_of_ppo_goes_on_with_its_value_head(tmp_path):
    expected = going(tmp_path, "whole", objective="ppo", train={"steps": 4})
    built = assemble(from_mapping(settings(tmp_path, "broken", objective="ppo", train={"steps": 4})))
    built.loop.cadence = built.loop.cadence.__class__(1, 3, 100)
    for _ in range(3):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    folder, _ = resume(tmp_path / "runs" / "broken")
    assert bits(folder.path) == expected


@pytest.mark.case("A7")
@pytest.mark.parametrize("patience", [1, 3])
def test_online_dpo_of_equal_rewards_is_stopped_by_patience(tmp_path, patience):
    (tmp_path / "level.py").write_text("def level(completion):\n    return 0.1\n")
    given = {"rewards": [f"{tmp_path / 'level.py'}:level"], "objective": "online-dpo"}
    with pytest.raises(RunError, match=f"{patience} rollouts in a row taught nothing"):
        going(tmp_path, "level", rollout={"updates": 1, "passes": 1, "patience": patience}, **given)


def test_online_dpo_learns_from_the_best_and_the_worst(tmp_path):
    found = going(tmp_path, "pairs", objective="online-dpo", rollout={"updates": 1, "passes": 2})
    assert found[1]["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert found[2]["loss"] < 0.69 and found[2]["accuracy"] > 0.5  # the same pairs a second time

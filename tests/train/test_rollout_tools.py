"""Conversations with tools in rollouts: what is trained, what is shown of tools that fail, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.ranks import on_ranks
from tests.tiny import LLAMA, write_rows
from tests.train.test_held_out_reward import measured
from tests.train.test_rollouts import bits, notices, steps
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, DataError, ModelError
from whet.contracts.rewards import questions
from whet.generate.tools import load_tools
from whet.models.tokenizers.training import train_tokenizer
from whet.track.reading.store import history
from whet.track.recorded.rollouts_reading import rollouts
from whet.train.api import resume, train
from whet.train.build import assemble

TOOLS = '''\
COSTS = {"fox": "seven", "dog": "two", "cat": "nine"}

def price(thing: str) -> str:
    """What a thing costs."""
    return COSTS[thing]
'''
THINGS = {"fox": "seven", "dog": "two", "cat": "nine", "owl": "?"}


def said(thing, answer, schemas):
    """A conversation as a model is to have it."""
    call = {"id": "call00000", "type": "function", "function": {"name": "price", "arguments": {"thing": thing}}}
    messages = [
        {"role": "user", "content": thing},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "name": "price", "tool_call_id": "call00000", "content": answer},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": messages, "tools": schemas}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A model that has learned by imitation to call the tool, prompts, and the tool, which fails for an owl."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "tools.py").write_text(TOOLS)
    schemas = [dict(tool.schema) for tool in load_tools([str(folder / "tools.py")])]
    rows = [said(thing, answer, schemas) for thing, answer in THINGS.items()]
    write_rows(folder / "said.jsonl", rows)
    texts = [json.dumps(rows), *("<tool_call>\n</tool_call> <|turn|>tool assistant user seven two nine fox dog",) * 50]
    train_tokenizer(texts, 420, chat=True).save_pretrained(folder / "tokenizer")
    write_rows(folder / "prompts.jsonl", [{"prompt": thing, "answer": THINGS[thing]} for thing in THINGS])
    made = {
        "name": "imitate", "model": {"init": {**LLAMA, "max_position_embeddings": 512}},
        "data": [str(folder / "said.jsonl")], "optimizer": {"lr": 1e-2},
        "train": {"steps": 80, "batch_samples": 4, "micro_batch": 2048, "checkpoint_every": 100},
        "track": {"folder": str(folder / "runs"), "sinks": []},
    }  # fmt: skip
    made["model"]["tokenizer"] = str(folder / "tokenizer")
    run, _ = train(from_mapping(made))
    return folder, run.model


def settings(world, name, out, **rollout):
    folder, model = world
    made = {"prompts": 4, "completions": 4, "max_new_tokens": 120, "max_turns": 3, "tools": [f"{folder}/tools.py"]}
    return {
        "name": name, "model": str(model), "data": [str(folder / "prompts.jsonl")], "objective": "grpo",
        "rewards": {"functions": ["exact", {"kind": "length", "most": 100, "weight": 0.1}], "workers": 1},
        "rollout": {**made, **rollout}, "optimizer": {"lr": 3e-3},
        "train": {"steps": 3, "micro_batch": 2048, "checkpoint_every": 2},
        "track": {"folder": str(out / "runs"), "sinks": ["jsonl"]},
    }  # fmt: skip


def test_only_what_the_model_wrote_is_trained(world, tmp_path):
    built = assemble(from_mapping(settings(world, "masks", tmp_path)))
    step = built.loop.source.next(0)
    tokenizer = built.loaded.processor
    found = 0
    for i in range(len(step.lengths)):
        sample = step.fetch(i)
        for branch in sample.branches:
            ids, weights = sample.ids[branch], sample.weights[branch]
            trained, context = (tokenizer.decode(ids[pick]) for pick in (weights > 0, weights == 0))
            assert "<|turn|>tool\n" not in trained and "<|turn|>user" not in trained
            if "<|turn|>tool\n" not in context:
                continue
            result = context.partition("<|turn|>tool\n")[2].partition("<|end|>")[0]
            assert (result in THINGS.values() or result.startswith("error")) and result
            assert trained.count("<|end|>") >= 1 and "<tool_call>" in trained and "<tool_call>" not in context
            behaviour = sample.values["behaviour"][branch]
            assert np.all(behaviour[weights == 0] == 0) and np.all(behaviour[weights > 0] < 0)
            found += 1
    assert found > 4


def test_conversations_that_go_on_are_those_of_an_engine_that_reads_all_of_them_at_every_turn(world, tmp_path):
    built = assemble(from_mapping(settings(world, "talks", tmp_path, temperature=1.2)))
    player = built.supply.source.making.asking.player

    class Whole:
        """The same engine, asked for whole prompts only."""

        complete = staticmethod(player.engine.complete)

    asked = questions([[{"role": "user", "content": thing}] for thing in THINGS])
    goes_on, reads = (one(asked, 4, seed=3) for one in (player, replace(player, engine=Whole)))
    assert {t.figures["turns"] for group in goes_on for t in group} >= {1, 2}
    for ours, theirs in zip(sum(goes_on, []), sum(reads, []), strict=True):
        assert replace(ours, logprobs=None) == theirs  # told at temperature 1 where the draws were at 1.2


@pytest.mark.parametrize("filters", [pytest.param({}, marks=pytest.mark.slow), {"top_k": 20}])
def test_log_probabilities_are_known_at_other_temperatures(world, tmp_path, filters):
    folder, _ = train(from_mapping(settings(world, "warm", tmp_path, temperature=1.2, **filters)))
    shown = steps(folder.path)
    assert shown[1]["turns"] > 1.3 and all(0 < m["drift"] < 1e-4 for m in shown.values())


def test_a_run_trains_through_tools_and_counts_their_failures(world, tmp_path):
    folder, ended = train(from_mapping(settings(world, "run", tmp_path)))
    shown = steps(folder.path)
    assert ended.outcome == "done" and shown[1]["turns"] > 1.5 and shown[1]["tool_calls"] > 0.5
    # Training reads the same tokens in the same places as the draws did, results of tools between them.
    assert all(m["drift"] < 1e-4 for m in shown.values()) and shown[1]["grad_norm"] > 0
    assert any("the tool `price` failed on" in t and "(KeyError)" in t and "owl" in t for t in notices(folder.path))
    answers = [answer for one in rollouts(history(folder.path)) for answer in one.answers]
    assert any(message["role"] == "tool" for answer in answers for message in answer["messages"])
    assert any(failure[0] == "price" for answer in answers for failure in answer["failures"])


def test_a_broken_run_goes_on_with_the_conversations_it_had(world, tmp_path):
    parts = {"updates": 2, "passes": 1}
    whole, _ = train(from_mapping(settings(world, "whole", tmp_path, **parts)))
    broken = assemble(from_mapping(settings(world, "broken", tmp_path, **parts)))
    broken.loop.cadence = broken.loop.cadence.__class__(1, 1, 100)
    broken.loop.advance(broken.loop.source.next(0))
    broken.close()
    folder, _ = resume(tmp_path / "runs" / "broken")
    assert bits(folder.path) == bits(whole.path)


def of_rank(world, name, out, mesh=None):
    made = settings(world, name, out) | {"parallel": mesh or {}}
    made["data"] = {"train": made["data"], "held_out": 0.25}
    made["rollout"] |= {"prompts": 3}
    built = assemble(from_mapping({**made, "evaluate": {"every": 1}, "train": {**made["train"], "device": "cpu"}}))
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    shown = ("loss", "grad_norm", "reward", "turns", "tool_calls")
    return {step: [m[k] for k in shown] for step, m in steps(built.folder.path).items()}, measured(built.folder.path)


@pytest.mark.ranks
@pytest.mark.slow  # test_rollouts has two ranks, tests/generate/test_kv_sessions conversations on them
@pytest.mark.parametrize("mesh", [{}, {"pipeline": 2, "timeout_s": 60}], ids=["shard", "pipeline"])
def test_two_ranks_have_the_conversations_of_one_process(world, tmp_path, mesh):
    """Three prompts on two ranks: one has more conversations, and they end in different turns."""
    learned, held = of_rank(world, "one", tmp_path)
    for found, found_held in on_ranks(2, of_rank, world, "two", tmp_path, mesh):
        assert found.keys() == learned.keys() and held.keys() == found_held.keys()
        for step, numbers in found.items():
            assert numbers == pytest.approx(learned[step], rel=1e-3, abs=1e-5)
        assert [m["reward"] for m in found_held.values()] == [m["reward"] for m in held.values()]


MISTAKES = {
    "no such file": ({"tools": ["none.py"]}, ConfigError, "there is no file"),
    "no such function": ({"tools": ["TOOLS:prize"]}, ConfigError, "no function `prize`"),
    "turns of nothing": ({"tools": []}, ConfigError, "`rollout.max_turns` does nothing: there are no tools"),
    "time of nothing": ({"tools": [], "max_turns": 8, "tool_timeout_s": 3}, ConfigError, "tool_timeout_s"),
    "no room": ({"max_new_tokens": 500}, DataError, "leave room"),
}


@pytest.mark.parametrize("rollout, kind, says", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_error_at_the_door(world, tmp_path, rollout, kind, says):
    rollout = {
        **rollout,
        "tools": [t.replace("TOOLS", f"{world[0]}/tools.py") for t in rollout.get("tools", ["TOOLS"])],
    }
    with pytest.raises(kind, match=says) as error:
        assemble(from_mapping(settings(world, "wrong", tmp_path, **rollout)))
    assert error.value.hint and not (tmp_path / "runs" / "wrong").exists()


def test_a_template_that_writes_no_calls_and_rows_with_tools_of_their_own_are_refused(world, tmp_path):
    made = settings(world, "wrong", tmp_path)
    (tmp_path / "plain.jinja").write_text("{% for m in messages %}<|turn|>{{ m.content }}<|end|>{% endfor %}")
    silent = {"train": made["data"], "template": str(tmp_path / "plain.jinja"), "tools": "native"}
    with pytest.raises(ModelError, match="leaves out tool calls") as error:
        assemble(from_mapping({**made, "data": silent}))
    assert "data.tools=hermes" in error.value.hint
    with pytest.raises(DataError, match="tools of its own") as error:
        assemble(from_mapping({**made, "data": [str(world[0] / "said.jsonl")]}))
    assert "row 0" in error.value.at

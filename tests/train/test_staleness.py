"""Rollouts made while others are learned from: whose weights answered, what corrects for it, resume, and stalls."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from functools import partial

import pytest
import torch
from transformers import GPT2Config

from tests.nursery import Child
from tests.tiny import config, conversations, write_rows
from tests.train.test_engines import going as going_with
from tests.train.test_engines import with_twin
from tests.train.test_held_out_reward import measured, with_held_out
from tests.train.test_rollouts import bits, going, killed, settings
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.generate.groups import Groups
from whet.train.api import resume, train
from whet.train.build import assemble

PATIENCE_S = 200  # a machine may be slow: nothing here is waited for that does not come
AHEAD = {"rollout": {"staleness": 1, "updates": 1, "passes": 1}, "optimizer": {"lr": 1e-2}}


def test_answers_are_of_the_weights_of_a_rollout_ago_and_the_drift_is_shown(tmp_path):
    now = going(tmp_path, "now", **{**AHEAD, "rollout": {"updates": 1, "passes": 1}})
    found = going(tmp_path, "ahead", **AHEAD)
    assert [m["staleness"] for m in found.values()] == [0, 1, 1, 1, 1, 1]
    assert found[1]["reward"] == now[1]["reward"] and found[2]["reward"] != now[2]["reward"]
    assert found[1]["drift"] < 1e-5 < 1e-3 < found[3]["drift"]
    two = going(tmp_path, "two", **{**AHEAD, "rollout": {"staleness": 2, "updates": 1, "passes": 1}})
    assert [m["staleness"] for m in two.values()] == [0, 1, 2, 2, 2, 2]


def test_the_answers_ahead_are_those_that_the_old_weights_would_have_given(tmp_path):
    built = assemble(from_mapping(settings(tmp_path, **AHEAD)))
    rollouts, player = built.supply.source, built.supply.source.making.asking.player
    assert player.frozen().module is not built.loaded.module
    first = built.loop.source.next(0)
    rollouts.settle()
    old = {name: p.detach().clone() for name, p in built.loaded.module.named_parameters()}
    built.loop.advance(first)
    second = built.loop.source.next(1)
    with torch.no_grad():
        for name, parameter in built.loaded.module.named_parameters():
            parameter.copy_(old[name])
    for i in range(len(second.lengths)):  # the weights that answered, asked for log p by the trainer's own path
        sample = second.fetch(i)
        told = rollouts.making.scorer([sample], frozenset({"old"}))["old"][0]
        assert told == pytest.approx(sample.values["behaviour"][sample.weights > 0].tolist(), abs=1e-5)


@pytest.mark.slow
def test_ratios_to_the_sampler_correct_the_gradient(tmp_path):
    """Truncated importance weights: with a cap of 1e9 and without, the second step differs, and the first does not."""
    plain = going(tmp_path, "plain", objective={"kind": "grpo", "correction": "none"}, **AHEAD)
    weighed = going(tmp_path, "weighed", objective={"kind": "grpo", "correction_cap": 1e9}, **AHEAD)
    capped = going(tmp_path, "capped", objective={"kind": "grpo", "correction_cap": 0.9}, **AHEAD)
    assert plain[1]["grad_norm"] == pytest.approx(weighed[1]["grad_norm"], rel=1e-4)
    norms = [m[3]["grad_norm"] for m in (plain, weighed, capped)]
    assert len({round(norm, 6) for norm in norms}) == 3


@pytest.mark.parametrize(
    "rollout",
    [pytest.param({"updates": 2, "passes": 1}, marks=pytest.mark.slow), {"updates": 1, "passes": 1, "resample": 1}],
)
def test_a_broken_run_goes_on_with_what_was_on_its_way(tmp_path, rollout):
    sections = {"train": {"steps": 8}, "rollout": {"staleness": 1, **rollout}, "optimizer": {"lr": 1e-2}}
    expected = going(tmp_path, "whole", **sections)
    built = assemble(from_mapping(settings(tmp_path, "broken", **sections)))
    built.loop.cadence = built.loop.cadence.__class__(1, 3, 100)
    for _ in range(5):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    folder, _ = resume(tmp_path / "runs" / "broken")
    assert bits(folder.path) == expected and len(expected) == 8


@pytest.mark.slow
@pytest.mark.ranks
def test_a_killed_run_ends_with_the_bits_of_one_that_never_was(tmp_path):
    expected = going(tmp_path, "whole", **AHEAD)
    assert Child(partial(killed, tmp_path, steps=6, **AHEAD)).wait() is None
    folder, ended = resume(tmp_path / "runs" / "killed")
    assert ended.outcome == "done" and bits(folder.path) == expected


def test_another_engine_answers_with_the_weights_that_it_was_to_have(tmp_path):
    ours = going(tmp_path, "ours", **AHEAD)
    _, theirs = going_with(with_twin(tmp_path, "theirs", {"kind": "twin"}, rollout=AHEAD["rollout"]))
    assert [m["staleness"] for m in theirs.values()] == [0, 1, 1, 1, 1, 1]
    assert theirs[1]["drift"] < 1e-5 < 1e-3 < theirs[3]["drift"] and ours.keys() == theirs.keys()


def test_held_out_rewards_are_of_the_weights_of_now(tmp_path):
    sections = {"train": {"steps": 6}, "optimizer": {"lr": 1e-2}}
    ahead, _ = train(from_mapping(with_held_out(tmp_path, "ahead", rollout=AHEAD["rollout"], **sections)))
    built = assemble(from_mapping(with_held_out(tmp_path, "again", rollout=AHEAD["rollout"], **sections)))
    for number in range(2):
        built.loop.advance(built.loop.source.next(number))
    held = built.loop.evaluation._held_out
    live = Groups(built.loaded.module, built.loaded.processor, held.asking.player.frozen().settings)
    held.asking = replace(held.asking, player=live, is_frozen=False)
    assert held()["reward"] == measured(ahead.path)[2]["reward"]


@pytest.mark.slow
def test_an_adapter_answers_beside_one_copy_of_the_base(tmp_path):
    write_rows(tmp_path / "rows.jsonl", conversations(4))
    base, _ = train(from_mapping(config(tmp_path, name="base", train={"steps": 1})))
    made = settings(tmp_path, "lora", tuner={"kind": "lora", "rank": 4}, **AHEAD)
    built = assemble(from_mapping({**made, "model": {"path": str(base.model)}}))
    live, player = built.loaded.module, built.supply.source.making.asking.player
    copied = player.take()
    shared = [name for name, p in live.named_parameters() if p is copied.get_parameter(name)]
    trained = [name for name, p in live.named_parameters() if p.requires_grad]
    assert trained and not set(shared) & set(trained) and len(shared) + len(trained) == len(list(live.parameters()))
    ids = torch.arange(1, 20)[None]
    with torch.no_grad():
        before = copied(input_ids=ids).logits
        for name in trained:
            live.get_parameter(name).add_(0.5)
        moved = live.eval()(input_ids=ids).logits
        assert torch.equal(copied(input_ids=ids).logits, before) and not torch.allclose(moved, before)
        torch.testing.assert_close(player.take()(input_ids=ids).logits, moved)


def test_our_own_decoder_is_watched_too(tmp_path, capfd):
    built = assemble(from_mapping(settings(tmp_path, "stalled", rollout={"timeout_s": PATIENCE_S, "restarts": 1})))
    real, calls, again = built.loaded.module.forward, [], threading.Event()

    def forward(*given, **named):
        calls.append(1)
        if len(calls) == 3:  # in the middle of an answer
            stalled(built)
            assert again.wait(PATIENCE_S)
        elif len(calls) > 3:
            again.set()
        return real(*given, **named)

    built.loaded.module.forward = forward
    built.loop.source.next(0)
    told = f"rollout 0 made no progress for {PATIENCE_S} s in step 3 of 16 answers; begun anew (1 of 1)"
    assert told in capfd.readouterr().err


def stalled(built, number=0):
    """As if a rollout had been where it is for ever: no other has to be quick to tell the two apart."""
    built.supply.source._line._requests[number].progress.since = -math.inf


def test_a_thread_that_wakes_while_the_trainer_is_at_work_changes_nothing(tmp_path):
    """It stalls within a forward, others answer in its place, and it goes on in the middle of scoring and of a step."""
    model = {"init": {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}}
    sections = {"model": model, "train": {"steps": 3}, "rollout": {"timeout_s": PATIENCE_S, "restarts": 1}}
    assert GPT2Config().attn_pdrop > 0  # training draws, and its draws would tell of a foreign forward
    expected = going(tmp_path, "whole", **sections)
    built = assemble(from_mapping(settings(tmp_path, "woken", **sections)))
    calls, modes, seen, scoring, learning = [], [], [], threading.Event(), threading.Event()

    def hook(part, _):
        thread = threading.current_thread()
        if thread.name == "whet-rollout-0":
            calls.append(thread)
            if len(calls) == 3:
                stalled(built)
                assert scoring.wait(PATIENCE_S)
            if len(calls) == 4:  # the second layer of the same forward
                assert learning.wait(PATIENCE_S)
        elif thread is threading.main_thread() and calls:
            modes.append(part.training)
            for event, is_now in ((scoring, not part.training), (learning, part.training)):
                if is_now and not event.is_set():
                    seen.append([one.training for one in built.loaded.module.modules()])
                    event.set()
                    calls[0].join(2 if event is scoring else PATIENCE_S)
                    assert [one.training for one in built.loaded.module.modules()] == seen[-1]

    for layer in built.loaded.module.transformer.h:
        layer.register_forward_pre_hook(hook)
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    assert len(calls) == 4 and not calls[0].is_alive() and set(modes) == {True, False}
    assert bits(built.folder.path) == expected


def test_a_run_whose_engine_never_answers_ends_with_what_it_waited_for(tmp_path):
    made = with_twin(tmp_path, "never", {"kind": "twin", "stalls": 9})
    made["rollout"] |= {"timeout_s": 0.5, "restarts": 1}
    with pytest.raises(
        RunError, match=r"no progress for 0.5 s in the engine's answers to 4 prompts.*after 2 tries"
    ) as e:
        train(from_mapping(made))
    assert "rollout.timeout_s" in e.value.hint

"""Answers of ranks that have different layers: those of one process, and no rank has the weights of another stage."""

from __future__ import annotations

import traceback

import pytest
import torch

from tests.generate import tiny
from tests.generate.test_groups import DRAWN, PROMPTS, play
from tests.ranks import on_ranks
from whet.base.parallel import Parallel
from whet.contracts.model import Capabilities
from whet.contracts.rewards import questions
from whet.generate.by_stages import by_stages
from whet.generate.decode import complete
from whet.generate.groups import Groups
from whet.generate.kv_sessions import LiveTalk
from whet.generate.protocol import Asked, GenerateSettings
from whet.generate.shadow_model import keep_shape
from whet.models.forward.language import LanguageModel
from whet.models.loading.loaded import loaded
from whet.parallel.shard import shard
from whet.parallel.sizes import mesh_sizes
from whet.parallel.world import World
from whet.plan.tracing.live import storages
from whet.train.step.stage_module import stage_of_now

pytestmark = pytest.mark.ranks
# Meshes of four ranks, each with models whose layers see all, windows in turns, or experts.
CASES = {
    "pipeline": ({"pipeline": 4}, ["llama", "gemma2", "qwen3_moe"]),
    "interleaved-replicate": ({"pipeline": 2, "replicate": 2, "shard": 1, "schedule": "interleaved"}, ["qwen3"]),
    "zbv-shard": ({"pipeline": 2, "shard": 2, "schedule": "zbv"}, ["gemma2", "tied"]),
    "tensor": ({"pipeline": 2, "tensor": 2}, ["tied"]),
}
GREEDY = GenerateSettings(max_new_tokens=8)


def model(name):
    """One whose head is its embedding, or one of a kind."""
    tied = {"tie_word_embeddings": True} if name == "tied" else {}
    return tiny.module("llama" if name == "tied" else name, num_hidden_layers=5, num_key_value_heads=4, **tied)


def talked(module):
    """The ids of two turns in each of two conversations, of which the second begin with what is kept of the first."""
    talk, found = LiveTalk(module, tiny.tokenizer()), []
    contexts = [list(tiny.tokenizer()(text)["input_ids"]) for text in PROMPTS[:2]]
    for turn in range(2):
        asked = [Asked(talk, ids, 6, 10 * turn + talk) for talk, ids in enumerate(contexts)]
        said = talk.turn(asked, DRAWN)
        found += [one.ids for one in said]
        contexts = [[*ids, *one.ids, 5, 6] for ids, one in zip(contexts, said, strict=True)]
    return found


def told(trajectories):
    return [[(t.ids, t.logprobs) for t in group] for group in trajectories]


def all_of(name):
    """Of each model what this rank answers, alone and together, and how many bytes it holds beside what trains."""
    settings, names = Parallel(**CASES[name][0]), CASES[name][1]
    world, found = World.start("cpu", 60, mesh_sizes(settings, 4)), {}
    mine = range(len(PROMPTS) + 1)[world.index("all") :: 4]  # the first rank has two, others one each
    for kind in names:
        try:
            found[kind] = one_of(world, settings, kind, mine)
        except Exception:
            return found | {kind: traceback.format_exc()}
    return found


def one_of(world, settings, kind, mine):
    live = model(kind).train()
    whole = sum(p.nbytes for p in live.parameters())
    keep_shape(live)
    shard(loaded(live, None, Capabilities(), LanguageModel(live)), world, settings, ())
    held = {storage._cdata for storage in storages(list(live.parameters()))}
    module = stage_of_now(live, world)
    beside = [one for one in storages(list(module.parameters())) if one._cdata not in held]
    player = by_stages(world, Groups(live, tiny.tokenizer(), DRAWN), module)
    prompts = [(PROMPTS + ["a b"])[i] for i in mine]
    heard = []
    answers = player(questions(prompts, mine), 3, seed=5, at=heard.append)
    assert any(doing.startswith("what rank ") for doing in heard), "who is waited for"
    greedy = complete(module, tiny.tokenizer(), PROMPTS, GREEDY)
    talks = talked(module)
    module.carrier.settle()  # others may not have taken yet what this rank told last
    is_meta = any(p.is_meta for p in module.parameters())
    return told(answers), [one.ids for one in greedy], talks, sum(s.nbytes() for s in beside) / whole, is_meta


def alone(kinds):
    """Of each model what one process answers: drawn, greedy, and in conversations."""
    found = {}
    for kind in kinds:
        module = model(kind)
        greedy = [one.ids for one in complete(module, tiny.tokenizer(), PROMPTS, GREEDY)]
        found[kind] = told(play(module, prompts=[*PROMPTS, "a b"])), greedy, talked(module)
    return found


def assert_alike(answers, expected, *, rtol):
    """Groups of answers have the same tokens, and their log p within 1e-5 and `rtol`."""
    for group, wanted in zip(answers, expected, strict=True):
        assert [ids for ids, _ in group] == [ids for ids, _ in wanted]
        for (_, logprobs), (_, those) in zip(group, wanted, strict=True):
            torch.testing.assert_close(torch.tensor(logprobs), torch.tensor(those), rtol=rtol, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_answers_over_stages_are_those_of_one_process(name):
    expected = alone(CASES[name][1])
    for rank, found in enumerate(on_ranks(4, all_of, name)):
        for kind, (answers, greedy, talks) in expected.items():
            assert not isinstance(found[kind], str), found[kind]
            own, own_greedy, own_talks, beside, is_meta = found[kind]
            assert own_greedy == greedy and own_talks == talks and not is_meta
            assert_alike(own, answers[rank::4], rtol=1e-4)
            # Nothing where each rank has a stage of its own; else the stage that is put together, and no more.
            assert beside == 0 if name == "pipeline" else beside < 0.75

"""Answers of ranks that share matrices, tokens or experts of a model that they train: those of one process."""

from __future__ import annotations

import traceback

import pytest
import torch

from tests.generate import tiny
from tests.generate.test_by_stages import GREEDY, alone, assert_alike, model, talked, told
from tests.generate.test_groups import DRAWN, PROMPTS, play
from tests.ranks import on_ranks
from whet.base.parallel import Parallel
from whet.contracts.model import Capabilities
from whet.contracts.rewards import questions
from whet.generate.decode import complete
from whet.generate.eval_mode import reshard
from whet.generate.groups import Groups
from whet.generate.serving import alike
from whet.models.forward.language import LanguageModel
from whet.models.loading.loaded import loaded
from whet.parallel.held import held
from whet.parallel.shard import shard
from whet.parallel.sizes import mesh_sizes
from whet.parallel.world import World
from whet.plan.tracing.live import storages
from whet.train.online.player import together

pytestmark = pytest.mark.ranks
# Meshes of two and of four ranks, each with models whose layers see all, windows in turns, or experts.
CASES = {
    "tensor": ({"tensor": 2}, ["tied", "gemma2", "qwen3_moe"]),
    "sequence": ({"tensor": 2, "sequence": True}, ["qwen3"]),
    "context": ({"context": 2}, ["llama"]),
    "expert": ({"expert": 2}, ["qwen3_moe"]),
    "shard-tensor": ({"shard": 2, "tensor": 2}, ["tied"]),
    "expert-tensor": ({"expert": 2, "tensor": 2}, ["qwen3_moe"]),
}


def ranks_of(name):
    return 4 if "-" in name else 2


def all_of(name):
    """Of each model what this rank answers, alone and together, and how many bytes of weights it has meanwhile."""
    settings, names = Parallel(**CASES[name][0]), CASES[name][1]
    world, found = World.start("cpu", 60, mesh_sizes(settings, ranks_of(name))), {}
    for kind in names:
        try:
            found[kind] = one_of(world, settings, kind)
        except Exception:
            return found | {kind: traceback.format_exc()}
    return found


def one_of(world, settings, kind):
    live = model(kind).train()
    whole = sum(p.nbytes for p in live.parameters())
    shard(loaded(live, None, Capabilities(), LanguageModel(live)), world, settings, ())
    before = sum(storage.nbytes() for storage in storages(list(live.parameters())))
    # All but the first have nothing to ask, and go on beside it.
    prompts = [*PROMPTS, "a b"] if world.is_writer else []
    player = together(Groups(live, tiny.tokenizer(), DRAWN), world, live)
    answers = player(questions(prompts), 3, seed=5)
    greedy = complete(live, tiny.tokenizer(), PROMPTS, GREEDY)
    talks = talked(live)
    reshard(live)
    after = sum(storage.nbytes() for storage in storages(list(live.parameters())))
    assert live.training and after == before
    return told(answers), [one.ids for one in greedy], talks, held(live, world)["bytes"] / whole


@pytest.mark.parametrize("name", CASES)
def test_answers_of_ranks_that_train_are_those_of_one_process(name):
    expected = alone(CASES[name][1])
    for rank, found in enumerate(on_ranks(ranks_of(name), all_of, name)):
        for kind, (answers, greedy, talks) in expected.items():
            assert not isinstance(found[kind], str), found[kind]
            own, own_greedy, own_talks, share = found[kind]
            assert own_greedy == greedy and own_talks == talks
            assert share < 0.6, "a rank holds its part, and no more"
            assert_alike(own, [] if rank else answers, rtol=0)


def drawn_apart():
    """What this rank draws of logits that are another's on each: one chooses for all."""
    world = World.start("cpu", 60, {"tensor": 2})
    live = model("llama")
    shard(loaded(live, None, Capabilities(), LanguageModel(live)), world, Parallel(tensor=2), ())
    real = alike.choose_of_numbers
    noise = torch.Generator().manual_seed(world.index("tensor"))
    alike.choose_of_numbers = lambda logits, draws: real(logits + torch.randn(logits.shape, generator=noise), draws)
    return told(play(live, prompts=PROMPTS[:1]))


def test_ranks_that_round_otherwise_go_on_with_one_token():
    first, second = on_ranks(2, drawn_apart)
    assert first == second

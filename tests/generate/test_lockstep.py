"""Ranks that hold shards of one model decode their own prompts, and the model is whole and sharded after it."""

import pytest
import torch

from tests.generate import tiny
from tests.ranks import on_ranks
from whet.generate.decode import complete
from whet.generate.protocol import GenerateSettings

SETTINGS = GenerateSettings(max_new_tokens=8)
# Rank 0 answers three prompts in three batches, rank 1 a single one.
PROMPTS = (["The quick brown fox", "hello world", "x"], ["Pack my box"])


def on_one_rank() -> dict:
    import torch.distributed as dist
    from torch.distributed.tensor import DTensor

    from whet.parallel.world import World

    world = World.start("cpu", 60)
    tok, module = tiny.tokenizer(), tiny.module()
    module = tiny.sharded(module, world)
    before = complete(module, tok, PROMPTS[world.index("data")], SETTINGS, batch_tokens=30)
    is_sharded = all(isinstance(p, DTensor) for p in module.parameters())
    with torch.no_grad():  # an update, as an optimizer makes it: on the shards
        for parameter in module.parameters():
            parameter.mul_(-1.0)
    after = complete(module, tok, PROMPTS[world.index("data")], SETTINGS, batch_tokens=30)
    nothing = complete(module, tok, [] if world.index("data") else ["x"], SETTINGS)
    world.close()
    return {
        "before": [a.ids for a in before],
        "after": [a.ids for a in after],
        "nothing": len(nothing),
        "sharded": is_sharded,
        "training": module.training,
        "closed": not dist.is_initialized(),
    }


@pytest.mark.ranks
def test_sharded_weights_give_the_answers_of_whole_ones_on_every_rank():
    tok, module = tiny.tokenizer(), tiny.module()
    negated = tiny.module()
    with torch.no_grad():
        for parameter in negated.parameters():
            parameter.mul_(-1.0)
    found = on_ranks(2, on_one_rank)
    for prompts, rank in zip(PROMPTS, found, strict=True):
        assert rank["before"] == [a.ids for a in complete(module, tok, prompts, SETTINGS)]
        assert rank["after"] == [a.ids for a in complete(negated, tok, prompts, SETTINGS)]
        assert rank["sharded"] and rank["training"]
    assert [rank["nothing"] for rank in found] == [1, 0]

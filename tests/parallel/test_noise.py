"""Dropout of ranks that share a layer: alike in what is whole on all of them, each its own in what is not."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.distributed.tensor import DTensor

from tests.parallel.meshes import BASE, CAPACITY, Case, batches_of
from tests.parallel.test_shard import PROBED
from tests.ranks import on_ranks
from tests.tiny import tokenizer
from whet.base.catalogue import model_source, tuner
from whet.base.parallel import Parallel
from whet.base.seeds import forked
from whet.kernels.attention_spec import Form
from whet.kernels.layout import local
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.parallel.fill import fill
from whet.parallel.noise import NoiseOfHeads
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.step.micro_batches import Dealer

DROPPING = {**BASE, "num_key_value_heads": 4, "attention_dropout": 0.5, "tie_word_embeddings": False}


def test_heads_of_a_rank_drop_out_what_no_other_rank_does_and_what_follows_is_alike():
    found = []
    for rank in (0, 1):
        with forked(7, "step"):
            drawn = NoiseOfHeads(rank).attention(
                lambda *_: torch.rand(8), nn.Identity(), *[torch.zeros(1)] * 3, None, Form(dropout=0.5)
            )
            found.append((drawn, torch.rand(8)))
    assert not torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


def dropped(settings, base):
    """What this rank knows whole after a forward and a backward pass with dropout: hidden states, and gradients of
    weights that are not cut."""
    world, lora = World.start("cpu", 60, {"tensor": 2}), tuner.get("lora")
    method = lora.build(**lora.settings.model_validate({"kind": "lora", "dropout": 0.5}).values())
    [batch, *_] = batches_of(Case("gqa", "sft"), Dealer(world, CAPACITY), 0)
    found = {}
    for name, how, given in (("full", None, {"init": DROPPING}), ("lora", method, {"path": base})):
        model = model_source.get("hf").build(BuildContext(seed=3, tuner=how, verdict=PROBED), **given)
        shard(model, world, settings, ("whet_run",))
        model = fill(model, world)
        model.module.train()
        for own, weight in model.module.named_parameters():
            if "lora_B" in own:  # a start at zero would hide what an adapter drops
                nn.init.constant_(local(weight.detach()), 0.1)
        with forked(7, "step"):
            hidden = model.model.run(batch, frozenset({"hidden"}))["hidden"]
            hidden.square().sum().backward()
        whole = [p.grad for p in model.module.parameters() if p.grad is not None and not isinstance(p.grad, DTensor)]
        found[name] = [hidden.detach(), *whole]
    return found


def of_both(base):
    return [dropped(Parallel(tensor=2, sequence=sequence), base) for sequence in (False, True)]


@pytest.mark.ranks
def test_what_ranks_have_whole_is_dropped_alike(tmp_path):
    context = BuildContext(seed=3, verdict=PROBED)
    tokenizer(tmp_path)
    filled(model_source.get("hf").build(context, init=DROPPING)).module.save_pretrained(tmp_path)
    for first, second in zip(*on_ranks(2, of_both, str(tmp_path)), strict=True):
        for name in first:
            assert len(first[name]) > 1
            for one, other in zip(first[name], second[name], strict=True):
                assert torch.equal(one, other)

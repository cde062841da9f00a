"""What ranks send each other in a step, in calls and bytes, is what formulas say: on 64 ranks that are not there."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

from tests.models.batches import packed, random_samples
from tests.nursery import Child
from tests.parallel.test_shard import PROBED
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, objective, optimizer
from whet.base.parallel import Parallel
from whet.contracts.model import Models
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel import world as world_of_ranks
from whet.parallel.shard import shard
from whet.parallel.sizes import mesh_sizes
from whet.parallel.world import World
from whet.train.step.executor import DataParallel

RANKS, TOKENS, LAYERS, WIDTH, VOCAB = 64, 128, 2, 256, 128
HEADS, KEYS, FLOAT = 64, 64, 4
SMALL = 1000  # bytes of what ranks agree on: weights of terms, a number for each position
INIT = {
    **LLAMA, "vocab_size": VOCAB, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS, "num_key_value_heads": KEYS, "tie_word_embeddings": False,
}  # fmt: skip
LAYER = 4 * WIDTH**2 + 3 * 2 * WIDTH**2 + 2 * WIDTH
ENDS = 2 * VOCAB * WIDTH + WIDTH
STATES = TOKENS * WIDTH * FLOAT  # hidden states of the row
TRAINED = (TOKENS - 1) * WIDTH * FLOAT  # and of what is trained of it


class Traffic(TorchDispatchMode):
    """Collectives larger than a few numbers, by kind: calls, and bytes of the larger side."""

    def __init__(self):
        super().__init__()
        self.calls, self.bytes = Counter(), Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace in ("c10d", "_c10d_functional"):
            name = func._opname.strip("_").replace("_", "")
            size = max(tensor_bytes(args), default=0)
            if size > SMALL:
                self.calls[name] += 1
                self.bytes[name] += size
        return func(*args, **(kwargs or {}))


def tensor_bytes(args):
    """Bytes of each list of tensors, or tensor, among arguments."""
    for one in args:
        if isinstance(one, torch.Tensor):
            yield one.nbytes
        elif isinstance(one, list | tuple):
            yield sum(tensor_bytes(one))


def all_of():
    os.environ.update(WORLD_SIZE=str(RANKS), RANK="0")
    world_of_ranks.patience = lambda mesh: timedelta(seconds=60)  # groups that are not there tell no timeout
    return {name: step_of(Parallel(**settings)) for name, (settings, _) in CASES.items()}


def step_of(settings):
    dist.init_process_group("fake", rank=0, world_size=RANKS, store=FakeStore())
    world = World.start("cpu", 60, mesh_sizes(settings, RANKS))
    model = filled(model_source.get("hf").build(BuildContext(seed=3, verdict=PROBED), init=INIT))
    shard(model, world, settings, ("whet_run",))
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(model.module, model.roles), lr=0.0))
    train = DataParallel(world, Models(model.model), objective.get("sft").build(), update, model.module, 0, 0.0, None)
    batches = [packed(random_samples([TOKENS], VOCAB, seed=0))]
    weights, _ = train.weigh(batches, {})
    with Traffic() as found:
        train.step(0, batches, weights, 1.0)
    dist.destroy_process_group()
    return dict(found.calls), dict(found.bytes)


# By what a mesh adds to what one process does: calls, and bytes.
CASES = {
    "shard": (
        {"shard": RANKS},
        {
            # Each layer's weights before it runs forward and backward; the ends' once.
            "allgatherbase": (2 * LAYERS + 1, (2 * LAYERS * LAYER + ENDS) * FLOAT),
            "reducescatterbase": (LAYERS + 1, (LAYERS * LAYER + ENDS) * FLOAT),
        },
    ),
    "tensor": (
        {"tensor": RANKS},
        # A sum after attention and MLP, forward and backward; one after the embedding, one for the head's input.
        {"allreduce": (4 * LAYERS + 2, (4 * LAYERS + 1) * STATES + TRAINED)},
    ),
    "sequence": (
        {"tensor": RANKS, "sequence": True},
        {
            "allgatherbase": (4 * LAYERS + 2, (4 * LAYERS + 2) * STATES),
            "reducescatterbase": (4 * LAYERS, 4 * LAYERS * STATES),
            "allreduce": (2 + 2 * LAYERS, STATES + TRAINED + 2 * LAYERS * WIDTH * FLOAT),  # norms, too
        },
    ),
    "ulysses": (
        {"context": RANKS},
        {
            "allgatherbase": (2 * LAYERS + 1, (2 * LAYERS * LAYER + ENDS) * FLOAT),
            "reducescatterbase": (LAYERS + 1, (LAYERS * LAYER + ENDS) * FLOAT),
            # Queries, keys, values and what is read, forward and backward: a rank's tokens of all heads.
            "alltoallbase": (8 * LAYERS, 8 * LAYERS * STATES // RANKS),
        },
    ),
    "ring": (
        {"context": RANKS, "context_by": "ring"},
        {
            "allgatherbase": (2 * LAYERS + 1, (2 * LAYERS * LAYER + ENDS) * FLOAT),
            "reducescatterbase": (LAYERS + 1, (LAYERS * LAYER + ENDS) * FLOAT),
            # Keys and values once round forward and once backward, and their gradients all the way home.
            "send": (LAYERS * (3 * RANKS - 2), LAYERS * (3 * RANKS - 2) * 2 * STATES // RANKS),
            "recv": (LAYERS * (3 * RANKS - 2), LAYERS * (3 * RANKS - 2) * 2 * STATES // RANKS),
        },
    ),
}


@pytest.fixture(scope="module")
def told():
    return Child(all_of).wait()


@pytest.mark.parametrize("name", CASES)
def test_a_step_sends_what_the_formulas_say(name, told):
    calls, sizes = told[name]
    assert {kind: (calls[kind], sizes[kind]) for kind in calls} == CASES[name][1]

"""What ranks tell of themselves is what the plan of their mesh says, and together they hold the model."""

from __future__ import annotations

import re

import pytest
import torch

from tests.parallel.meshes import BASE
from tests.parallel.test_shard import PROBED
from tests.ranks import on_ranks
from whet.base.catalogue import model_source
from whet.base.parallel import Parallel
from whet.models.loading.context import BuildContext
from whet.parallel.fill import fill
from whet.parallel.held import held
from whet.parallel.plan import ParallelPlan
from whet.parallel.shard import shard
from whet.parallel.world import World

SIZES = {"shard": 2, "tensor": 2}


def told():
    """What a rank holds, how the plan says that each weight lies, and the numbers of the whole model and its norms."""
    world = World.start("cpu", 60, SIZES)
    loaded = model_source.get("hf").build(BuildContext(verdict=PROBED), init={**BASE, "tie_word_embeddings": False})
    numbers = {name: parameter.numel() for name, parameter in loaded.module.named_parameters()}
    plan = ParallelPlan.of(loaded, Parallel(), SIZES).placements(loaded.module)
    shard(loaded, world, Parallel(), ("whet_run",))
    found = held(fill(loaded, world).module, world)
    world.close()
    norms = sum(count for name, count in numbers.items() if "norm" in name)
    return found, plan, sum(numbers.values()), norms


@pytest.mark.ranks
def test_ranks_tell_what_the_plan_says():
    ranks = on_ranks(4, told)
    assert [found["place"] for found, *_ in ranks] == [{"shard": s, "tensor": t} for s in (0, 1) for t in (0, 1)]
    for found, plan, total, norms in ranks:
        assert found["sizes"] == SIZES
        cuts = {one["name"]: one["cut"] for one in found["weights"]}
        assert cuts == {re.sub(r"\.\d+\.", ".*.", name): cut for name, cut in plan.items()}
        assert sum(one["count"] for one in found["weights"]) == len(plan)
        # Two ranks share the norms, four all else: float32 numbers.
        assert found["bytes"] == 4 * ((total - norms) // 4 + norms // 2)


def test_one_process_has_no_mesh():
    assert held(torch.nn.Linear(2, 2), World(torch.device("cpu"))) == {}

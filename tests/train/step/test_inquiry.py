"""What is no number is traced to the rank and the module that made it, also where every rank has it in the end."""

from __future__ import annotations

import math

import pytest
import torch

from tests.ranks import on_ranks
from tests.tiny import config
from whet.base.config import from_mapping
from whet.parallel.world import World
from whet.train.build import assemble
from whet.train.step.inquiry import Seen, first_seen, where_it_begins

STEPS = 4


class Broken(torch.autograd.Function):
    """What it is given, whose gradient is none."""

    @staticmethod
    def forward(ctx, given):
        return given.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.nan


class Sick(torch.nn.Module):
    """A layer that breaks what goes through it, or what comes back."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def forward(self, given):
        return {"whole": given, "output": given * math.nan, "gradient": Broken.apply(given)}[self.way]


@pytest.mark.parametrize(
    ("way", "seen"), [("output", Seen("1", False, 2)), ("gradient", Seen("0", True, 6)), ("whole", None)]
)
def test_the_first_module_that_makes_or_is_told_what_is_no_number(way, seen):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), Sick(way), torch.nn.Linear(3, 3))
    found = first_seen(model, lambda: model(torch.ones(2, 3)).sum().backward())
    assert found == seen and not any(one._forward_hooks for one in model.modules())
    assert where_it_begins(World(torch.device("cpu")), None) == "computed again, it does not come again"


def broken_on_one(folder, name: str, mesh: dict[str, int], way: str, rank: int = 1) -> str:
    """How a run ends whose second step breaks in the MLP of a layer, on one rank alone and before ranks add up."""
    built = assemble(from_mapping(config(folder, name=name, train={"steps": STEPS}, parallel=mesh)))
    if built.loop.world.index("all") == rank:
        named = built.loop.executor.module.named_modules()
        [part] = [part for name, part in named if name.endswith(f"{rank}.mlp.act_fn")]
        inner = part.forward

        def forward(given):
            return Sick(way if built.loop.progress.step == 1 else "whole")(inner(given))

        part.forward = forward
    reason = built.loop.run().reason
    built.close()
    return reason


@pytest.mark.ranks
@pytest.mark.parametrize("axis", ["shard", "tensor", "pipeline"])
def test_the_rank_is_named_where_a_gradient_is_no_number(tmp_path, axis):
    config(tmp_path)
    first, second = on_ranks(2, broken_on_one, tmp_path, "gradient", {axis: 2}, "gradient")
    assert first == second and "every loss is a number, and the gradient of `" in first
    assert first.count(" on rank ") == 1
    assert "computed again, it begins on rank 1 in the gradient at the output of `model.layers.1.mlp." in first


@pytest.mark.ranks
def test_the_rank_is_named_where_ranks_share_a_layer_and_all_have_the_loss(tmp_path):
    config(tmp_path)
    first, second = on_ranks(2, broken_on_one, tmp_path, "output", {"tensor": 2}, "output")
    assert first == second and "on ranks 0, 1 `loss` of " in first
    assert "computed again, it begins on rank 1 in the output of `model.layers.1.mlp.act_fn`" in first


@pytest.mark.ranks
def test_the_first_stage_is_named_for_what_it_gives_the_last_which_has_the_loss(tmp_path):
    config(tmp_path)
    first, second = on_ranks(2, broken_on_one, tmp_path, "stages", {"pipeline": 2}, "output", 0)
    assert first == second and "on rank 1 `loss` of " in first
    assert "computed again, it begins on rank 0 in the output of `model.layers.0.mlp.act_fn`" in first

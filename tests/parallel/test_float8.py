"""Float8 on two ranks: the numbers that one process rounds to, whether ranks share samples, shards or matrices."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.distributed as dist

from tests.parallel.stepped import two_steps
from tests.parallel.test_shard import LENGTHS, PROBED
from tests.ranks import on_ranks
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.base.parallel import Parallel
from whet.contracts.model import Models
from whet.kernels.float8 import RECIPES, Cut, linear
from whet.models.forward.products import install
from whet.models.loading.context import BuildContext
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.fill import fill
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.step.executor import DataParallel
from whet.train.step.pipelined import PipelineParallel

pytestmark = pytest.mark.ranks
NAMES = [name for name, one in RECIPES.items() if one.on_cpu]
T, K, N = 24, 64, 32


def factors():
    """Of sizes that differ between the parts of ranks as far as the format's smallest numbers."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(T, K, generator=draw) * torch.logspace(0, -4, K)
    weight = torch.randn(N, K, generator=draw) * torch.logspace(0, -4, N)[:, None] * torch.logspace(-3, 0, K)
    grad = torch.randn(T, N, generator=draw) * torch.logspace(-4, 0, N)
    return x, weight, grad


def whole(name):
    x, weight, grad = factors()
    x.requires_grad_(), weight.requires_grad_()
    y = linear(x, weight, RECIPES[name])
    y.backward(grad)
    return y.detach(), x.grad, weight.grad


def parts(name):
    """The same from parts: of outputs (dimension 0), and of inputs (1), put together again."""
    rank, found = dist.get_rank(), []
    for dim in (0, 1):
        x, weight, grad = factors()
        weight = weight.chunk(2, dim)[rank].contiguous().requires_grad_()
        x, grad = (x.chunk(2, 1)[rank].contiguous(), grad) if dim else (x, grad.chunk(2, 1)[rank].contiguous())
        x.requires_grad_()
        y = linear(x, weight, RECIPES[name], Cut(dim, dist.group.WORLD))
        y.backward(grad)
        together = [y.detach(), x.grad, weight.grad]
        for at, over in ((0, None if dim else 1), (1, 1 if dim else None), (2, dim)):
            both = [torch.empty_like(together[at]) for _ in range(2)]
            dist.all_gather(both, together[at].contiguous())
            together[at] = torch.cat(both, over) if over is not None else sum(both)
        found.append(together)
    return found


def trained(world: World, name: str | None, mesh: Parallel):
    """Loss and gradient norm of two steps of four micro-batches."""
    init = {**LLAMA, "num_key_value_heads": 4, "vocab_size": 100, "initializer_range": 0.2}
    context = BuildContext(seed=3, tuner=tuner.get("full").build(), verdict=PROBED)
    loaded = model_source.get("hf").build(context, init=init)
    if name:
        install(loaded, RECIPES[name])
    shard(loaded, world, mesh, ("whet_run",))
    loaded = fill(loaded, world)
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles), lr=1e-2))
    kind = DataParallel if stages_of(loaded.module) is None else PipelineParallel
    train = kind(world, Models(loaded.model), objective.get("sft").build(), update, loaded.module, 0, 0.5, None)
    return [figure for told in two_steps(train, world, LENGTHS) for figure in told]


def of_a_mesh(axis: str):
    world, mesh = World.start("cpu", 60, {axis: 2}), Parallel(**{axis: 2})
    return {name: (trained(world, name, mesh), parts(name) if axis == "tensor" else None) for name in NAMES}


@pytest.fixture(scope="module")
def alone():
    run = partial(trained, World(torch.device("cpu")), mesh=Parallel())
    return {name: run(name=name) for name in (None, *NAMES)}


@pytest.mark.parametrize("axis", ["shard", "tensor", pytest.param("pipeline", marks=pytest.mark.slow)])
def test_two_ranks_train_as_one_process_does(axis, alone):
    """Sums of another order may round a number the other way: so far off as a few of them, not as the format itself."""
    for found in on_ranks(2, of_a_mesh, axis):
        for name, (figures, together) in found.items():
            one, plain = torch.tensor(alone[name]), torch.tensor(alone[None])
            assert torch.allclose(torch.tensor(figures), one, rtol=1e-4, atol=0), name
            assert ((one - plain).abs() > 10 * (one - torch.tensor(figures)).abs()).all()
            for own in together or ():
                for part, expected in zip(own, whole(name), strict=True):
                    torch.testing.assert_close(part, expected, rtol=1e-5, atol=1e-6 * expected.abs().max().item())

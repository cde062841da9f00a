"""The gradient norm and clipping: on any mesh and placement those of one process."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

from tests.ranks import on_ranks
from whet.parallel.norm import clip, squares
from whet.parallel.world import AXES, World

pytestmark = pytest.mark.ranks
LIMIT = 0.7
# Of a mesh, its dimensions; then placements of gradients over it. None is a plain tensor, the same on every rank.
MESHES = {
    ("shard",): [[Shard(0)], [Replicate()], [Partial()], None],
    ("replicate", "shard"): [
        [Replicate(), Shard(0)], [Replicate(), Replicate()], [Partial(), Shard(1)], [Partial(), Partial()], None,
    ],
    ("shard", "tensor"): [
        [Shard(0), Shard(1)], [Shard(0), Shard(0)], [Shard(0), Replicate()], [Replicate(), Shard(1)],
        [Shard(1), Partial()], None,
    ],
    ("context", "expert"): [[Replicate(), Shard(0)], [Partial(), Shard(0)], None],
}  # fmt: skip


def gradients(count: int) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(count)
    return [torch.randn(5 + number, 6, generator=source, dtype=torch.float64) for number in range(count)]


def of_one_process(count: int) -> tuple[float, list[torch.Tensor]]:
    weights = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients(count)]
    for weight, gradient in zip(weights, gradients(count), strict=True):
        weight.grad = gradient
    norm = torch.nn.utils.clip_grad_norm_(weights, LIMIT)
    return float(norm), [weight.grad for weight in weights]


def placed(mesh, whole: torch.Tensor, placements) -> torch.Tensor:
    """The tensor on the mesh; where it is partial, each rank holds another summand."""
    if placements is None:
        return whole.clone()
    plain = [Replicate() if placement.is_partial() else placement for placement in placements]
    found = distribute_tensor(whole, mesh, plain)
    size, place = 1, 0
    for dim, placement in enumerate(placements):
        if placement.is_partial():
            size, place = size * mesh.size(dim), place * mesh.size(dim) + mesh.get_local_rank(dim)
    shares = torch.arange(1, size + 1, dtype=torch.float64)
    return DTensor.from_local(
        found.to_local() * (shares[place] / shares.sum()), mesh, placements, shape=whole.shape, stride=whole.stride()
    )


def on_meshes() -> list[tuple[float, list[torch.Tensor], dict[str, tuple[int, int]]]]:
    dist.init_process_group("gloo")
    return [on_a_mesh(dims) for dims in MESHES]


def on_a_mesh(dims) -> tuple[float, list[torch.Tensor], dict[str, tuple[int, int]]]:
    size = dist.get_world_size()
    shape = (size,) if len(dims) == 1 else (2, size // 2)
    mesh = dist.init_device_mesh("cpu", shape, mesh_dim_names=dims)
    world, weights = World.over(torch.device("cpu"), mesh), []
    for whole, placements in zip(gradients(len(MESHES[dims])), MESHES[dims], strict=True):
        gradient = placed(mesh, whole, placements)
        like = gradient if placements is None else gradient.redistribute(placements=[Replicate()] * len(dims))
        weights.append(torch.nn.Parameter(torch.zeros_like(like)))
        weights[-1].grad = gradient
    norm = float(world.summed({"squares": squares(weights, world)}, "all")["squares"]) ** 0.5
    clip(weights, LIMIT, norm)
    found = [w.grad.full_tensor() if isinstance(w.grad, DTensor) else w.grad for w in weights]
    places = {axis: (world.index(axis), world.count(axis)) for axis in ("data", "loss", "model", "all")}
    return norm, found, places | {"is_first": world.is_first(AXES["data"])}


@pytest.fixture(scope="module")
def ranks():
    """What four ranks found, mesh by mesh."""
    found = on_ranks(4, on_meshes)
    return {dims: [of_rank[number] for of_rank in found] for number, dims in enumerate(MESHES)}


@pytest.mark.parametrize("dims", MESHES, ids=str)
def test_norm_and_clipped_gradients_are_those_of_one_process(ranks, dims):
    norm, wanted = of_one_process(len(MESHES[dims]))
    for found, clipped, _ in ranks[dims]:
        assert found == pytest.approx(norm, rel=1e-12)
        for gradient, whole in zip(clipped, wanted, strict=True):
            torch.testing.assert_close(gradient, whole, rtol=1e-6, atol=1e-9)


def test_axes_span_the_dimensions_that_the_mesh_has(ranks):
    places = [places for _, _, places in ranks["shard", "tensor"]]
    assert [place["data"] for place in places] == [(0, 2), (0, 2), (1, 2), (1, 2)]
    assert [place["model"] for place in places] == [(0, 2), (1, 2), (0, 2), (1, 2)]
    assert [place["loss"] for place in places] == [place["data"] for place in places]
    assert [place["all"] for place in places] == [(rank, 4) for rank in range(4)]
    assert [place["is_first"] for place in places] == [True, False, True, False]
    places = [places for _, _, places in ranks["replicate", "shard"]]
    assert all(place["is_first"] for place in places)
    assert [place["data"] for place in places] == [(rank, 4) for rank in range(4)]
    assert {place["model"] for place in places} == {(0, 1)}


def test_gradients_of_several_dtypes_have_one_norm():
    weights = [
        torch.nn.Parameter(torch.full((3,), 2.0, dtype=d)) for d in (torch.float64, torch.float32, torch.bfloat16)
    ]
    for weight in weights:
        weight.grad = weight.detach().clone()
    assert float(squares(weights, World(torch.device("cpu")))) == pytest.approx(36.0, rel=1e-12)

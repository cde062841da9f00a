"""Ranks wait for each other as long as the run says, and a device that is not there is refused."""

from __future__ import annotations

import time

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import Shard, distribute_tensor

from tests.ranks import on_ranks
from whet.base.errors import RunError
from whet.kernels.layout import Layout, joint_group
from whet.parallel.device import device_of
from whet.parallel.world import World


def wait_for_a_rank_that_never_comes(timeout_s: int) -> bool:
    """Whether rank 0 gives up; rank 1 joins the group and then stays away for longer than that."""
    world = World.start("cpu", timeout_s)
    if world.is_writer:
        try:
            world.sums({"loss": 1.0})
        except RuntimeError:
            return True
        return False
    time.sleep(timeout_s + 1)
    return True


@pytest.mark.ranks
def test_a_rank_gives_up_on_the_others_after_the_timeout():
    assert on_ranks(2, wait_for_a_rank_that_never_comes, 1) == [True, True]


def waits() -> set[float]:
    """How long the groups of a mesh of two dimensions wait, and one that a weight cut over both is stepped with."""
    world = World.start("cpu", 47, {"replicate": 1, "shard": 2, "tensor": 2})
    mesh = world.mesh
    weight = distribute_tensor(torch.zeros(8, 8), mesh["shard", "tensor"], [Shard(0), Shard(1)])
    groups = [world.group(axis) for axis in ("data", "model", "all")]
    groups += [mesh.get_group("shard"), mesh.get_group("tensor"), joint_group(Layout.of(weight))]
    world.wait()
    return {group._get_backend(torch.device("cpu")).options._timeout.total_seconds() for group in groups}


@pytest.mark.ranks
def test_every_group_of_a_mesh_waits_as_long_as_the_run_says():
    assert on_ranks(4, waits) == [{47.0}] * 4


def places() -> tuple[dict[str, int], dict[str, int]]:
    world = World.start("cpu", 60, {"replicate": 2, "shard": 2})
    axes = ("data", "loss", "model", "stages", "all")
    world.wait()  # as below: who is first may be done before another has begun
    return {axis: world.index(axis) for axis in axes}, {axis: world.count(axis) for axis in axes}


@pytest.mark.ranks
def test_a_run_may_start_on_a_mesh_of_several_dimensions():
    for rank, (index, count) in enumerate(on_ranks(4, places)):
        assert index == {"data": rank, "loss": rank, "model": 0, "stages": 0, "all": rank}
        assert count == {"data": 4, "loss": 4, "model": 1, "stages": 1, "all": 4}


def neighbours() -> tuple[list[list[int]], bool]:
    """The ranks that share heads with this one, those in its ring, and whether asking again makes no other groups."""
    world = World.start("cpu", 60, {"context": 4})
    found, again = world.parts("context", 2), world.parts("context", 2)
    is_same = all(one is other for one, other in zip(found, again, strict=True))
    world.wait()  # the first rank has the store by which the others find each other
    return [dist.get_process_group_ranks(group) for group in found], is_same


@pytest.mark.ranks
def test_groups_of_neighbours_are_made_once():
    expected = [([[first, first + 1], [last, last + 2]], True) for first, last in ((0, 0), (0, 1), (2, 0), (2, 1))]
    assert on_ranks(4, neighbours) == expected


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(RunError) as error:
        device_of(name)
    assert error.value.at == "train.device" and error.value.hint.startswith("train.device=")


def test_auto_is_a_device_of_this_machine():
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")

"""Ranks wait for each other as long as the run says, and a device that is not there is refused."""

from __future__ import annotations

import time

import pytest
import torch

from tests.ranks import on_ranks
from whet.base.errors import RunError
from whet.parallel.world import World, device_of


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


@pytest.mark.parametrize("name", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(RunError) as error:
        device_of(name)
    assert error.value.at == "train.device" and error.value.hint.startswith("train.device=")


def test_auto_is_a_device_of_this_machine():
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")

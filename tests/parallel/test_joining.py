"""Ranks that cannot come together say why: the environment describes none, or the others cannot be reached."""

from __future__ import annotations

import socket

import pytest
import torch.distributed as dist

from whet.base.errors import ConfigError, RunError
from whet.base.launcher import world_size
from whet.parallel.world import World

RANK = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}


@pytest.fixture
def environment(monkeypatch):
    def given(values):
        for name, value in values.items():
            monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)

    return given


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE is 'x', and the number of ranks is a whole one from 1 on"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "-1"}, "WORLD_SIZE is '-1'"),
        ({"WORLD_SIZE": "1.5"}, "WORLD_SIZE is '1.5'"),
        ({"WORLD_SIZE": "9" * 30}, "WORLD_SIZE is '99999"),
        ({"RANK": "2"}, "RANK is 2, and WORLD_SIZE 2: ranks are counted from 0 to 1"),
        ({"RANK": "-1"}, "RANK is '-1', and no whole number"),
        ({"RANK": None}, "RANK is not set"),
        ({"MASTER_PORT": None}, "MASTER_PORT is not set"),
        ({"MASTER_PORT": "70000"}, "MASTER_PORT is 70000, which is no port"),
        ({"MASTER_ADDR": None}, "MASTER_ADDR is not set"),
    ],
)
def test_an_environment_that_describes_no_rank_is_refused_by_name(environment, wrong, says):
    environment(RANK | wrong)
    with pytest.raises(ConfigError) as told:
        World.start("cpu", 5)
    assert (
        told.value.message.startswith(says) and told.value.at == "environment" and "--ranks 2" in str(told.value.hint)
    )


@pytest.mark.parametrize("text", ["", "1"])
def test_a_process_that_is_alone_needs_no_environment(environment, text):
    environment({"WORLD_SIZE": text})
    assert world_size() == 1


def test_a_port_that_is_taken_is_said_with_another_one(environment):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment(RANK | {"MASTER_PORT": str(port)})
        with pytest.raises(RunError, match=f"at 127.0.0.1:{port}: another program") as told:
            World.start("cpu", 5)
    assert "--master_port" in str(told.value.hint) and not dist.is_initialized()


def test_a_rank_that_never_comes_is_not_said_to_have_gone(environment):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment(RANK | {"MASTER_PORT": str(port)})
    with pytest.raises(RunError, match=f"the 2 ranks did not come together at 127.0.0.1:{port}: rank 0 gave up"):
        World.start("cpu", 1)
    assert not dist.is_initialized()

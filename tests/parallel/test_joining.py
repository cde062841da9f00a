"""Ranks that cannot come together say why: the environment describes none, or the others cannot be reached."""

from __future__ import annotations

import datetime
import socket
import threading
import time

import pytest
import torch.distributed as dist

from whet.base.errors import ConfigError, RunError
from whet.base.launcher import world_size
from whet.parallel import joining
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
    with pytest.raises(
        RunError, match=f"the 2 ranks did not come together at 127.0.0.1:{port}: rank 0 gave up on rank 1"
    ):
        World.start("cpu", 1)
    assert not dist.is_initialized()


@pytest.fixture
def hosted():
    """A store where ranks meet, and what a rank needs to come to it."""
    store = dist.TCPStore("127.0.0.1", 0, None, True, datetime.timedelta(seconds=30), wait_for_workers=False)

    def another():
        return dist.TCPStore("127.0.0.1", store.port, None, False, datetime.timedelta(seconds=30))

    return store, another


def test_who_is_missing_is_said_once_and_by_one_of_those_that_wait(hosted, capfd, monkeypatch):
    monkeypatch.setattr(joining, "TOLD_AFTER_S", 0.1)
    (store, another), found = hosted, {}

    def come(rank, store):
        found[rank] = joining._meet(store, rank, 3, time.monotonic() + 60)

    ranks = [threading.Thread(target=come, args=(0, store)), threading.Thread(target=come, args=(1, another()))]
    for one in ranks:
        one.start()
    said, until = "", time.monotonic() + 60
    while "for rank 2\n" not in said and time.monotonic() < until:
        said += capfd.readouterr().err
    come(2, another())
    for one in ranks:
        one.join()
    assert found == {0: [], 1: [], 2: []}
    assert (said + capfd.readouterr().err).count("2 of 3 ranks are here, and wait for rank 2") == 1


def test_rank_0_that_is_not_there_is_said_by_whoever_waits_for_it(environment, capfd, monkeypatch):
    monkeypatch.setattr(joining, "TOLD_AFTER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment(RANK | {"MASTER_PORT": str(port), "RANK": "1"})
    with pytest.raises(RunError, match="rank 1 gave up on rank 0"):
        World.start("cpu", 1)
    assert f"rank 1 waits for rank 0, which is to be at 127.0.0.1:{port}" in capfd.readouterr().err


def test_ranks_that_were_told_other_numbers_of_them_are_refused(hosted):
    store, another = hosted
    another().set("whet/rank 1", "3")
    with pytest.raises(ConfigError, match="WORLD_SIZE is 2 on rank 0, and 3 on rank 1"):
        joining._meet(store, 0, 2, time.monotonic() + 60)

"""A pushed run is the same there byte for byte, however often it is interrupted, and no other run is touched."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.server.push.pushing import assert_same, files_of, made, pusher
from tests.server.world import TOKEN, serving, started
from whet.base.errors import RunError
from whet.cli.main import main
from whet.server.push.leftovers import BLOCKS_S, PARTS_S, remove
from whet.track.push import client as push_client
from whet.track.push.address import Address
from whet.track.push.blocks import BLOCK_BYTES
from whet.track.push.client import Unreachable
from whet.track.push.sending import Push
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history


def test_a_pushed_folder_is_the_same_and_pushing_again_sends_nothing(here: Path, there: Path):
    folder = made(here, num_bytes=2 * BLOCK_BYTES + 77)
    with serving(there) as server:
        push = pusher(folder, server)
        push.round()
        assert_same(folder, there / "run")
        assert push.num_bytes >= 2 * BLOCK_BYTES and push.left_out == {}
        again = pusher(folder, server)
        again.round()
        assert again.num_bytes == 0 and os.listdir(there / ".pushed/blocks/run") == []
        assert [run.status for run in runs(there)] == ["done"]
        (folder / "model/weights.bin").write_bytes((folder / "model/weights.bin").read_bytes() + b"more")
        again.round()
        assert again.num_bytes <= BLOCK_BYTES  # the last block alone
        assert_same(folder, there / "run")


def test_the_command_pushes_by_name_and_says_where(here: Path, there: Path, monkeypatch, capsys):
    made(here)
    with serving(there) as server:
        assert main(["runs", "push", "run", "--root", str(here), "--to", f"{server.url}/?token={TOKEN}"]) == 0
        assert capsys.readouterr().out == f"{server.url}/api/v1/runs/run\n"
        monkeypatch.setenv("WHET_SERVER", server.url)
        monkeypatch.setenv("WHET_TOKEN", "wrong" * 5)
        assert main(["runs", "push", "run", "--root", str(here)]) == 2
    assert main(["runs", "push", "run", "--root", str(here)]) == 2
    assert "goes on where this one ended" in capsys.readouterr().err


class Cut(push_client.Client):
    """A client whose line is cut after so many requests: before the answer of the last has come."""

    def __init__(self, address: Address, requests: int) -> None:
        super().__init__(address)
        self.left = requests

    def ask(self, *args, **query):
        if self.left == 0:
            raise Unreachable("cut before it was sent")
        self.left -= 1
        found = super().ask(*args, **query)
        if self.left == 0:
            raise Unreachable("cut before the answer came")
        return found


def test_a_push_that_ends_anywhere_goes_on_from_there(here: Path, there: Path):
    folder = made(here, num_bytes=BLOCK_BYTES + 77)
    with serving(there) as server:
        address = Address("http", "127.0.0.1", server.port, "", TOKEN)
        sent, whole = 0, 0
        for requests in range(1, 100):
            push = Push(folder, Cut(address, requests), print)
            try:
                push.round()
            except Unreachable:
                sent += push.num_bytes
                continue
            whole = requests
            break
        assert 1 < whole < 100
        assert_same(folder, there / "run")
        assert history(there / "run").scalar("loss")[1].tolist() == history(folder).scalar("loss")[1].tolist()
    assert [run.name for run in runs(there)] == ["run"]


def test_what_killed_pushes_have_left_goes_with_time_and_nothing_else_does(here: Path, there: Path):
    folder = made(here, num_bytes=3 * BLOCK_BYTES)
    with serving(there) as server:
        pusher(folder, server).round()
        digest = hashlib.sha256(b"block").hexdigest()
        server.ask("PUT", f"/api/v1/push/run/blocks/{digest}", b"block")
    before, blocks = files_of(there / "run"), there / ".pushed" / "blocks"
    for left in (blocks / "run" / "block-x.part", blocks / "whole-y.part", there / "run" / "track" / "r9.a1.tlog.part"):
        left.write_bytes(b"cut off")
    (blocks / "gone").mkdir()
    (blocks / "gone" / digest).write_bytes(b"block")
    now = time.time()
    assert remove(there, blocks, now) == 1 and not (blocks / "gone").exists()
    assert remove(there, blocks, now + PARTS_S + 60) == 3 and (blocks / "run" / digest).exists()
    assert remove(there, blocks, now + BLOCKS_S + 60) == 1
    assert [path.name for path in blocks.iterdir()] == ["run"] and list((blocks / "run").iterdir()) == []
    assert files_of(there / "run") == before


@pytest.mark.slow
def test_a_push_that_is_killed_goes_on(here: Path, there: Path):
    folder = made(here)
    (folder / "model/large.bin").write_bytes(os.urandom(12 * BLOCK_BYTES))
    with serving(there) as server:
        command = [sys.executable, "-m", "whet", "runs", "push", str(folder), "--to", f"{server.url}/?token={TOKEN}"]
        store = there / ".pushed/blocks/run"
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (store.is_dir() and len(os.listdir(store)) > 2):
            time.sleep(0.002)
        assert process.poll() is None, "it was over too soon to be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        push = pusher(folder, server)
        push.round()
        assert push.num_bytes < 14 * BLOCK_BYTES
        assert_same(folder, there / "run")


@pytest.mark.slow
def test_a_server_that_is_killed_keeps_what_it_has_taken(here: Path, there: Path):
    folder = made(here, num_bytes=6 * BLOCK_BYTES)
    for kill in (True, False):
        process, server = started(there)
        push = pusher(folder, server)
        if kill:
            watch = threading.Thread(target=_kill_after, args=(process, there / ".pushed/blocks/run", 3))
            watch.start()
            with pytest.raises(Unreachable):
                push.round()
            watch.join()
        else:
            push.round()
            assert push.num_bytes < 5 * BLOCK_BYTES
            assert_same(folder, there / "run")
            process.terminate()
        process.communicate()


def _kill_after(process: subprocess.Popen, store: Path, blocks: int) -> None:
    while not (store.is_dir() and sum("block-" not in name for name in os.listdir(store)) >= blocks):
        time.sleep(0.001)
    process.kill()


def test_a_run_without_a_log_is_not_pushed(here: Path, there: Path):
    (here / "run").mkdir(parents=True)
    (here / "run/config.yaml").write_text("")
    with serving(there) as server, pytest.raises(RunError, match="no log yet"):
        pusher(here / "run", server).round()

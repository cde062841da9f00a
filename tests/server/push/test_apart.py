"""No run is written over: others of its name are kept apart, and the server's own are not there for a push."""

import hashlib
import os
import shutil
import threading
from pathlib import Path

import pytest

import whet.track as track
from tests.server.push.pushing import assert_same, files_of, made, pusher
from tests.server.world import serving
from tests.track.runs import records, write
from whet.track.push.client import Refused
from whet.track.reading.catalogue import runs


def pushed(there: Path, *folders: Path) -> list[str]:
    """What is said while runs are pushed one after the other."""
    said: list[str] = []
    with serving(there) as server:
        for folder in folders:
            pusher(folder, server, said).round()
    return said


def test_two_runs_of_one_name_are_kept_apart(here: Path, there: Path, tmp_path: Path):
    first, second = made(here, steps=10), made(tmp_path / "other", steps=20)
    said: list[str] = []
    with serving(there) as server:
        pusher(first, server, said).round()
        assert said == []
        for _ in range(2):  # and stay so
            push = pusher(second, server, said)
            push.round()
            assert push.name == "run-2" and "kept apart as `run-2`" in said.pop()
        pusher(first, server, said).round()
    assert said == []
    assert_same(first, there / "run")
    assert_same(second, there / "run-2")


def test_copies_of_a_run_that_went_on_differently_are_kept_apart(here: Path, there: Path, tmp_path: Path):
    first = made(here, steps=10)
    second = tmp_path / "copy" / "run"
    shutil.copytree(first, second)
    for folder, value in ((first, 1.0), (second, 2.0)):
        with track.init(id="run", dir=folder.parent, reinit="create_new") as run:
            run.log({"loss": value})
    assert len(pushed(there, first, second)) == 1
    assert_same(first, there / "run")
    assert_same(second, there / "run-2")


def test_a_log_whose_bytes_differ_behind_its_beginning_is_kept_apart(here: Path, there: Path, tmp_path: Path):
    first = made(here, steps=100)
    second = tmp_path / "copy" / "run"
    shutil.copytree(first, second)
    log = second / "track/r0.a1.tlog"
    data = bytearray(log.read_bytes())
    data[3000] ^= 1
    log.write_bytes(data + b"more")
    assert "run-2" in pushed(there, first, second)[0]
    assert_same(first, there / "run")
    assert_same(second, there / "run-2")


def test_a_run_of_the_server_is_not_overwritten(here: Path, there: Path):
    write(there / "run", records())
    before = (there / "run/track/r0.a1.tlog").read_bytes()
    (there / "empty").mkdir()
    folder = made(here, steps=10)
    shutil.copytree(folder, here / "empty")
    with serving(there) as server:
        for path, name in ((folder, "run-2"), (here / "empty", "empty-2")):
            push = pusher(path, server)
            push.round()
            assert push.name == name
    assert (there / "run/track/r0.a1.tlog").read_bytes() == before and os.listdir(there / "empty") == []


def test_a_folder_that_pushes_to_itself_stays_as_it_is(here: Path):
    folder = made(here, steps=10)
    before = {path: (folder / path).read_bytes() for path in files_of(folder)}
    with serving(here) as server, pytest.raises(Refused, match="its own"):
        pusher(folder, server).round()
    assert {path: (folder / path).read_bytes() for path in files_of(folder)} == before
    assert [run.name for run in runs(here)] == ["run"]


PUSHES = [
    ("GET", "logs", b""), ("PUT", f"logs/track/r0.a1.tlog?offset=0&prefix={'0' * 64}", b"x"),
    ("POST", "files/config.yaml", b'{"blocks": []}'), ("PUT", f"blocks/{hashlib.sha256(b'x').hexdigest()}", b"x"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "route", "body"), PUSHES)
def test_a_run_of_the_servers_own_is_not_there_for_a_push(there: Path, method: str, route: str, body: bytes):
    write(there / "own", records())
    before = {path: (there / "own" / path).read_bytes() for path in files_of(there / "own")}
    with serving(there) as server:
        own, none = (server.ask(method, f"/api/v1/push/{name}/{route}", body) for name in ("own", "one"))
    assert (own.status, own.body) == (404, none.body.replace(b"`one`", b"`own`"))
    assert {path: (there / "own" / path).read_bytes() for path in files_of(there / "own")} == before


def test_a_record_of_a_run_is_not_one_of_another_that_has_taken_its_name(here: Path, there: Path):
    with serving(there) as server:
        pusher(made(here), server).round()
        shutil.rmtree(there / "run")
        write(there / "run", records())
        assert server.ask("GET", "/api/v1/push/run/logs").status == 404


def test_many_pushers_of_one_run_at_once_make_it_once(here: Path, there: Path):
    folder = made(here)
    errors: list[BaseException] = []
    with serving(there) as server:

        def push() -> None:
            try:
                for _ in range(20):
                    try:
                        pusher(folder, server).round()
                        return
                    except Refused as refused:
                        if refused.status != 409:
                            raise
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=push) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert_same(folder, there / "run")
    assert [run.name for run in runs(there)] == ["run"]

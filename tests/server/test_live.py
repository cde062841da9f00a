"""Streams tell what changes, only that, to all viewers from one look at it, and end with their viewers."""

import asyncio
import http.client
import json
import shutil
import threading
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import whet.track as track
from tests.server.inside import Inside, inside, stream
from tests.server.world import TOKEN, serving
from tests.track.runs import records, step, write
from whet.server import live, polls

LIVE = "/api/v1/live"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "old", records())
    return tmp_path


@pytest.fixture
def server(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(polls, "EVERY_S", 0.005)
    monkeypatch.setattr(polls, "SHARE", 1.0)
    monkeypatch.setattr("whet.track.reading.board.SHARE", 1.0)
    with inside(root) as client:
        yield client


async def named(events, name: str):
    """The data of the next event of that name."""
    while True:
        found, data = await anext(events)
        if found == name:
            return data


def test_a_row_that_changes_is_told_and_no_other(server: Inside, root: Path):
    async def watch():
        async with stream(server.app, LIVE, columns="lr") as events:
            assert await anext(events) == ("", None)
            log = write(root / "new", records(last=3, outcome=None))
            told = await named(events, "runs")
            while told["runs"][0]["step"] != 3:
                told = await named(events, "runs")
            assert [(run["name"], run["status"], run["lr"]) for run in told["runs"]] == [("new", "running", 1e-4)]
            log.receive(step(4))
            told = await named(events, "runs")
            assert [(run["name"], run["step"], run["loss"]) for run in told["runs"]] == [("new", 4, 1.0)]
            log.close()
            told = await named(events, "runs")
            assert [(run["name"], run["status"]) for run in told["runs"]] == [("new", "failed")]
            shutil.rmtree(root / "old")
            told = await named(events, "runs")
            assert (told["runs"], told["gone"]) == ([], ["old"])

    server.runner.run(watch())


def test_a_viewer_begins_where_its_listing_ended(server: Inside, root: Path):
    version = server.get("/api/v1/runs")["version"]
    write(root / "new", records(last=3))

    async def watch(**query):
        async with stream(server.app, LIVE, **query) as events:
            return await named(events, "runs")

    assert [run["name"] for run in server.runner.run(watch(version=version))["runs"]] == ["new"]
    everything = server.runner.run(watch(version=1))  # of a server before this one
    assert {run["name"] for run in everything["runs"]} == {"old", "new"}
    again = server.runner.run(watch(headers={"Last-Event-ID": str(version)}))
    assert [run["name"] for run in again["runs"]] == ["new"]


def test_a_run_that_a_filter_takes_no_longer_is_told_as_gone(server: Inside, root: Path):
    async def watch():
        log = write(root / "new", records(last=2, outcome=None))
        version = (await asyncio.to_thread(server.app._app.state.served.board.look)) - 1000
        async with stream(server.app, LIVE, filter="step < 4", version=version) as events:
            told = await named(events, "runs")
            assert [run["name"] for run in told["runs"]] == ["new"] and told["gone"] == ["old"]
            log.receive(step(4))
            told = await named(events, "runs")
            assert (told["runs"], told["gone"]) == ([], ["new"])
            log.close()

    server.runner.run(watch())
    assert server.ask("GET", LIVE, filter="step <").status == 400


def test_fifty_viewers_share_one_look(server: Inside, root: Path, monkeypatch: pytest.MonkeyPatch):
    board, looks, allowed = server.app._app.state.served.board, [], threading.Semaphore(0)
    version, real_look, real_since, told = board.look(), board.look, board.since, []
    monkeypatch.setattr(board, "since", lambda seen: told.append(seen) or real_since(seen))

    def look() -> int:
        allowed.acquire()
        looks.append(threading.get_ident())
        return real_look()

    poll = server.app._app.state.live._rows
    monkeypatch.setattr(poll, "_look", look)

    async def watch():
        async with AsyncExitStack() as stack:
            viewers = [await stack.enter_async_context(stream(server.app, LIVE, version=version)) for _ in range(50)]
            for events in viewers:
                await anext(events)
            assert poll.num_viewers == 50
            write(root / "new", records(last=3))
            allowed.release()
            seen = await asyncio.gather(*(named(events, "runs") for events in viewers))
            assert all(one == seen[0] for one in seen) and [run["name"] for run in seen[0]["runs"]] == ["new"]
            assert len(looks) == 1 and told == [version]
        assert poll.num_viewers == 0 and poll._task is None
        allowed.release()

    server.runner.run(watch())


def test_a_run_is_followed_point_by_point(server: Inside, root: Path):
    async def watch():
        run = track.init(name="mine", dir=root, reinit="create_new")
        run.log({"loss": 2.0, "other": 1.0}, step=1)
        cursor = await asyncio.to_thread(_offsets, server, root / "mine")
        async with stream(server.app, "/api/v1/runs/mine/live", cursor=json.dumps(cursor), names="loss") as events:
            run.log({"loss": 1.5, "other": 1.0}, step=2)
            told = await named(events, "news")
            assert [(one["name"], one["steps"], one["values"]) for one in told["points"]] == [("loss", [2], [1.5])]
            run.alert("odd", "very")
            run.log({"loss": 1.0}, step=3)
            told = await named(events, "news")
            kinds, steps = (
                [event["kind"] for event in told["events"]],
                [s for one in told["points"] for s in one["steps"]],
            )
            while "alert" not in kinds or 3 not in steps:
                told = await named(events, "news")
                kinds += [event["kind"] for event in told["events"]]
                steps += [number for one in told["points"] for number in one["steps"]]
            assert kinds == ["alert"] and steps == [3]
            run.finish()
            while told["status"] != "done":
                told = await named(events, "news")
        assert server.app._app.state.live._runs == {}

    server.runner.run(watch())


def _offsets(server: Inside, folder: Path) -> dict[str, int]:
    with server.app._app.state.served.history(folder) as logs:
        return logs.offsets


def test_who_is_far_behind_is_told_to_begin_anew(server: Inside, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "FAR_BYTES", 100)
    end = server.get("/api/v1/runs/old")["cursor"]

    async def watch(cursor: dict[str, int]):
        async with stream(server.app, "/api/v1/runs/old/live", cursor=json.dumps(cursor)) as events:
            return await named(events, "reload")

    assert server.runner.run(watch({})) == {"cursor": end}
    assert server.runner.run(watch({"r0.a1.tlog": 1 << 40})) == {"cursor": end}  # of a log that is no longer there
    assert server.ask("GET", "/api/v1/runs/old/live", cursor="[]").status == 400
    assert server.ask("GET", "/api/v1/runs/nobody/live").status == 404


def test_a_line_without_news_stands(server: Inside, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.001)

    async def watch():
        async with stream(server.app, "/api/v1/runs/old/live") as events:
            for _ in range(3):
                assert await anext(events) == ("", None)

    server.runner.run(watch())


def test_a_look_that_fails_ends_the_stream_and_the_next_one_begins(server: Inside, monkeypatch: pytest.MonkeyPatch):
    poll = server.app._app.state.live._rows

    def failing() -> int:
        raise OSError("the disk")

    real = poll._look
    monkeypatch.setattr(poll, "_look", failing)

    async def watch():
        with pytest.raises(OSError):
            async with stream(server.app, LIVE) as events:
                await named(events, "runs")
        poll._look = real
        async with stream(server.app, LIVE, version=1) as events:
            assert (await named(events, "runs"))["runs"]

    server.runner.run(watch())


def test_an_event_that_could_not_be_made_is_tried_again(server: Inside, root: Path, monkeypatch: pytest.MonkeyPatch):
    board = server.app._app.state.live._board
    real, failures = board.since, iter([OSError("the disk")])

    def failing_once(version: int):
        for error in failures:
            raise error
        return real(version)

    monkeypatch.setattr(board, "since", failing_once)

    async def watch():
        with pytest.raises(OSError):
            async with stream(server.app, LIVE, version=1) as events:
                await named(events, "runs")
        async with stream(server.app, LIVE, version=1) as events:
            assert [run["name"] for run in (await named(events, "runs"))["runs"]] == ["old"]

    server.runner.run(watch())


def test_nothing_is_kept_of_viewers_that_have_gone(server: Inside, monkeypatch: pytest.MonkeyPatch):
    """Neither of one who sees a run, nor of one whose run could not be read."""
    live = server.app._app.state.live
    real = live._place

    def failing(folder: Path):
        raise OSError("the disk")

    async def watch():
        async with stream(server.app, "/api/v1/runs/old/live") as events:
            await anext(events)
        monkeypatch.setattr(live, "_place", failing)
        with pytest.raises(OSError):
            async with stream(server.app, "/api/v1/runs/old/live") as events:
                await named(events, "news")
        monkeypatch.setattr(live, "_place", real)

    server.runner.run(watch())
    assert live._runs == {}


def test_a_server_ends_though_streams_are_open(root: Path):
    with serving(root) as client:
        line = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
        line.request("GET", LIVE, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = line.getresponse()
        assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream")
        assert answer.readline() == b": \n"
    answer.read()  # to its end: an answer that is cut off once patience is over raises IncompleteRead
    line.close()

"""Logs and rows that are kept for a server: in bounded memory, and nobody waits for who uses them for long."""

import threading
from pathlib import Path

import pytest

from whet.track.logs.event_log import EventLog
from whet.track.reading import board as board_file
from whet.track.reading.board import Board
from whet.track.reading.kept import Histories


def made(root: Path, name: str, steps: int = 3) -> Path:
    log = EventLog(root / name / "track")
    for step in range(steps):
        log.scalars(step, {"loss": float(step)})
    log.close("done", "")
    return root / name


def names(board: Board) -> list[str]:
    return sorted(one.summary.name for one in board.entries())


def test_logs_of_many_runs_take_no_more_memory_than_they_may(tmp_path):
    folders = [made(tmp_path, f"run-{number}", 300) for number in range(12)]
    kept = Histories(most_bytes=100_000)
    for folder in folders + folders[:3]:
        with kept.of(folder) as logs:
            assert len(logs.scalar("loss")[0]) == 300 and logs.num_bytes > 10_000
        assert 0 < kept.num_bytes <= 100_000


def test_who_uses_logs_for_long_keeps_nobody_from_them(tmp_path):
    folder, kept = made(tmp_path, "run"), Histories()
    with kept.of(folder) as mine, kept.of(folder) as other:
        assert other is not mine and other.scalar("loss")[1].tolist() == mine.scalar("loss")[1].tolist()
    with kept.of(folder) as again:
        assert again is mine


@pytest.fixture
def slow(monkeypatch):
    """A look that does not end while the event is not set, and a semaphore that tells of one that has begun."""
    go_on, has_begun, real = threading.Event(), threading.Semaphore(0), board_file.listing_of

    def listing_of(folder, logs):
        if folder.name == "slow":
            has_begun.release()
            go_on.wait(30)
        return real(folder, logs)

    monkeypatch.setattr(board_file, "listing_of", listing_of)
    yield go_on, has_begun
    go_on.set()


def test_readers_of_the_board_do_not_wait_for_a_look_that_takes_long(tmp_path, slow):
    go_on, has_begun = slow
    made(tmp_path, "first")
    board = Board(tmp_path, Histories())
    assert names(board) == ["first"]
    made(tmp_path, "slow")
    looking = threading.Thread(target=board.entries, daemon=True)
    looking.start()
    assert has_begun.acquire(timeout=20)
    assert names(board) == ["first"] and board.since(0).entries[0].summary.name == "first"
    assert board.look() == board.follow(["first"])
    go_on.set()
    looking.join()
    assert names(board) == ["first", "slow"]

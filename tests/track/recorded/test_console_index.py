"""Pages of a console are those of the whole console, however long it is, and whatever is drawn over in it."""

import random
from pathlib import Path
from typing import Any

import pytest

from whet.track.logs import frames, sidecar
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import LOGS
from whet.track.recorded import console_index
from whet.track.recorded.console_index import Console, Consoles
from whet.track.recorded.console_reading import console, lines


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(console_index, "BLOCK_LINES", 5)
    monkeypatch.setattr(console_index, "_PIECE_BYTES", 300)


def printed(folder: Path, texts: list[tuple[int, str]], attempt_step: int = 0) -> EventLog:
    """Texts by stream, each at a step of its own."""
    log = EventLog(folder / LOGS, "r0", frames.CONSOLE_FILE)
    for step, (stream, text) in enumerate(texts):
        log.frame(frames.TEXT, stream, attempt_step + step, text.encode())
    return log


def whole(folder: Path) -> list[tuple[int, str, str]]:
    """What reading all of it at once gives, attempt by attempt."""
    pieces = sorted(console(folder, 0), key=lambda one: one.attempt)
    found = []
    for attempt in sorted({one.attempt for one in pieces}):
        found += lines([one for one in pieces if one.attempt == attempt])
    return [(one.step, one.stream, text) for one, text in found]


def read(folder: Path) -> Console:
    one = Console(folder, "r0")
    one.refresh()
    return one


TEXTS = [
    "a line\n", "two\nlines\n", "part of ", "a line\n", "\rbar 10 %", "\rbar 20 %", "\r\x1b[32mbar\x1b[0m 30 %\n",
    "\n",
    "ünïcödé\n", "x" * 500 + "\n", "",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_pages_one_behind_the_other_are_the_whole(tmp_path: Path, seed: int):
    draw = random.Random(seed)
    for attempt in range(2):
        texts = [(draw.choice((1, 2)), draw.choice(TEXTS)) for _ in range(80)]
        printed(tmp_path, texts, 100 * attempt).close("done", "")
    expected, found = whole(tmp_path), read(tmp_path)
    assert found.total == len(expected)
    pages = [line for start in range(0, found.total, 7) for line in found.page(start, 7)]
    assert [(line.step, line.stream, line.text) for line in pages] == expected
    assert [line.number for line in pages] == list(range(len(expected)))
    for wanted in ("LINE", "bar 30", "ÜNÏ", "nowhere"):
        hits, more = found.search(wanted, 0, 1000)
        assert more is None
        assert [line.number for line in hits] == [
            n for n, one in enumerate(expected) if wanted.casefold() in one[2].casefold()
        ]
    for stream in ("stdout", "stderr"):
        own = [line.number for line in found.search("line", 0, 1000, stream)[0]]
        assert own == [n for n, (_, of, text) in enumerate(expected) if of == stream and "line" in text]
    first, more = found.search("line", 0, 3)
    if more is not None:
        assert more == found.search("line", 0, 4)[0][3].number and len(first) == 3


def test_a_bar_that_is_drawn_for_hours_does_not_make_one_block_of_all(tmp_path: Path):
    texts = [pair for n in range(100) for pair in ((2, f"\rstep {n}"), (1, f"printed {n}\n"))]
    printed(tmp_path, [*texts, (2, "\rdone\n")]).close("done", "")
    found = read(tmp_path)
    assert len(next(iter(found._files.values())).blocks) == 21
    assert [line.text for line in found.page(0, 1000)] == [*(f"printed {n}" for n in range(100)), "done"]
    assert [line.text for line in found.page(97, 2)] == ["printed 97", "printed 98"]


def test_a_page_reads_only_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    printed(tmp_path, [(1, f"{n}\n") for n in range(200)]).close("done", "")
    found, read_blocks = read(tmp_path), []
    real = console_index._File.raw
    monkeypatch.setattr(console_index._File, "raw", lambda self, block: read_blocks.append(block) or real(self, block))
    assert [line.text for line in found.page(112, 3)] == ["112", "113", "114"] and read_blocks == [22]


def test_a_search_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(console_index, "MOST_BLOCKS", 3)
    printed(tmp_path, [(1, f"{n}\n") for n in range(50)]).close("done", "")
    found, start, hits, asked = read(tmp_path), 0, [], 0
    while start is not None:
        lines_found, start = found.search("4", start, 100)
        hits, asked = hits + [line.text for line in lines_found], asked + 1
    assert hits == [str(n) for n in range(50) if "4" in str(n)] and asked == 4


def test_a_step_is_found_by_number(tmp_path: Path):
    printed(tmp_path, [(1, f"{n}\n") for n in range(50)], 1000).close("done", "")
    found = read(tmp_path)
    assert (found.first_of(1000), found.first_of(1023), found.first_of(0), found.first_of(5000)) == (0, 23, 0, 50)
    printed(tmp_path, [(1, f"again {n}\n") for n in range(30)], 1020).close("done", "")
    again = read(tmp_path)
    assert again.page(again.first_of(1023), 1)[0].text == "again 3"  # what led to the weights of now


def test_a_console_that_grows_is_followed_and_a_torn_tail_left_out(tmp_path: Path):
    log = printed(tmp_path, [(1, "one\n")])
    found, lock = Consoles().held(tmp_path, "r0")
    with lock:
        found.refresh()
        assert [line.text for line in found.page(0, 9)] == ["one"]
        log.frame(frames.TEXT, 1, 7, b"two\nthr")
        path = tmp_path / LOGS / "r0.a1.console"
        data = path.read_bytes()
        with path.open("ab") as file:
            file.write(data[8:20])
        found.refresh()
        assert [(line.text, line.step) for line in found.page(0, 9)] == [("one", 0), ("two", 7), ("thr", 7)]
    log.close("done", "")


def test_there_is_nothing_where_nothing_was_printed(tmp_path: Path):
    found = read(tmp_path)
    assert (
        found.total == 0 and found.page(0, 5) == [] and found.search("x", 0, 5) == ([], None) and found.first_of(3) == 0
    )


@pytest.mark.parametrize("damage", [None, 0, 20, 60, -5])
def test_what_is_kept_beside_a_console_is_read_instead_of_it_and_passed_over_where_it_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: int | None
):
    monkeypatch.setattr(console_index, "_BEHIND_BYTES", 0)
    log = printed(tmp_path, [(1 + n % 2, text) for n, text in enumerate(TEXTS * 6)])
    first = read(tmp_path)
    beside = tmp_path / LOGS / "r0.a1.console.index"
    if damage is not None:
        data = bytearray(beside.read_bytes())
        data[damage] ^= 1
        beside.write_bytes(bytes(data))
    taken, real = [], console_index._File._take
    monkeypatch.setattr(console_index._File, "_take", lambda self, data: taken.append(len(data)) or real(self, data))
    again = read(tmp_path)
    assert (sum(taken) == 0) == (damage is None)
    log.frame(frames.TEXT, 1, 99, b"the last\n")
    for one in (first, again):
        one.refresh()
    assert again.page(0, 1000) == first.page(0, 1000) == read(tmp_path).page(0, 1000)
    assert [(line.step, line.stream, line.text) for line in again.page(0, 1000)] == whole(tmp_path)


@pytest.mark.parametrize("wrong", [
    {"tails": 3}, {"num_whole": float("inf")}, {"offset": 0}, {"offset": -1}, {"more": "[" * 100_000},
    {"blocks": [[8, 0, 0, {}], [1 << 62, 5, 0, {}]]}, {"blocks": [[-1, 0, 0, {}]]}, {"blocks": [[8, 7, 0, {}]]},
])  # fmt: skip
def test_an_index_that_somebody_made_up_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
):
    printed(tmp_path, [(1, "a line\n")] * 30).close("done", "")
    expected, log = read(tmp_path).page(0, 100), tmp_path / LOGS / "r0.a1.console"
    told = {"offset": log.stat().st_size, "num_whole": 30, "tails": {}, "blocks": [[8, 0, 0, {}]], **wrong}
    if "more" in wrong:  # deeper than JSON is read
        monkeypatch.setattr(sidecar.json, "dumps", lambda told: wrong["more"])
    sidecar.write(log.with_name("r0.a1.console.index"), log, console_index._MAGIC, told, ())
    monkeypatch.undo()
    assert read(tmp_path).page(0, 100) == expected

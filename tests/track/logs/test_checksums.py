"""Sums of many frames at once: what they say is what zlib says of each."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.track.logs import checksums, frames
from whet.track.logs.event_log import EventLog
from whet.track.logs.logfile import LogFile
from whet.track.logs.own_index import EVERY_BYTES
from whet.track.reading.read import History


def run_of_frames(num: int, size: int, seed: int) -> bytearray:
    rng = np.random.default_rng(seed)
    label = frames.label(frames.SCALARS, 3)
    return bytearray(b"".join(frames.seal(label, rng.bytes(size - frames.HEAD.size)) for _ in range(num)))


def sums(data: bytes, size: int) -> np.ndarray:
    return np.array([int.from_bytes(data[at + 4 : at + 8], "little") for at in range(0, len(data), size)], np.uint32)


@given(st.integers(0, 900), st.integers(27, 90), st.integers(0, 9), st.data())
def test_the_first_frame_whose_sum_is_wrong_is_found(num, size, seed, data):
    stretch = run_of_frames(num, size, seed)
    assert checksums.num_whole(bytes(stretch), 0, size, sums(stretch, size)) == num
    if num:
        hurt = data.draw(st.lists(st.integers(0, num - 1), min_size=1, max_size=3))
        for number in hurt:
            stretch[number * size + data.draw(st.integers(4, size - 1))] ^= 1 << data.draw(st.integers(0, 7))
        stated = sums(stretch, size)
        wrong = [n for n in range(num) if zlib.crc32(stretch[n * size + 8 : (n + 1) * size]) != stated[n]]
        found = checksums.num_whole(bytes(stretch), 0, size, stated)
        assert found == min(wrong, default=num)


@pytest.mark.parametrize("num", [199, 200, 16_384, 16_385, 40_000])
def test_all_of_a_long_run_are_proven_wherever_it_begins(num):
    stretch = b"before" + bytes(run_of_frames(num, 43, 0))
    assert checksums.num_whole(stretch, 6, 43, sums(stretch[6:], 43)) == num
    hurt = bytearray(stretch)
    hurt[6 + 43 * (num - 1) + 20] ^= 1
    assert checksums.num_whole(bytes(hurt), 6, 43, sums(stretch[6:], 43)) == num - 1


def test_a_writer_leaves_an_index_for_the_first_reader_of_a_long_run(tmp_path):
    log = EventLog(tmp_path)
    num = 2 * EVERY_BYTES // 67 + 1000
    for step in range(num):
        log.scalars(step, {"loss": 1.0 / (step + 1), "lr": 0.1, "a": 1.0, "b": 2.0, "c": 3.0})
    log.close("done", "")
    opened = LogFile(log.path, frames.Writer("r0", 1))
    assert opened.offset > 0.4 * log.path.stat().st_size  # what the index covers is known before anything is read
    shown = History(tmp_path).curve("loss", 100)
    assert (shown.high[0, 0], shown.last_steps[-1]) == (1.0, num - 1)
    log.path.with_suffix(".index").unlink()
    again = History(tmp_path).curve("loss", 100)
    assert [a.tolist() for a in again.arrays()] == [a.tolist() for a in shown.arrays()]

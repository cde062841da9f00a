"""Pulses of all ranks together say who waits where, whether that ends by itself, and who is slow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from whet.base.errors import RunError
from whet.train.ranks.pulse import Pulse
from whet.train.ranks.verdict import slowest, verdict
from whet.train.ranks.versions import refuse_mixed

HANG_S = 30.0
WAITS = Pulse(
    "a", 0, 100, "box", 9, 16, "backward", "all_reduce at whet/parallel/world.py:139 (summed)", True, 40.0, 0, 0
)
AT_WORK = replace(WAITS, place="whet/data/read.py:3 (row)", is_waiting=False)


def told(*pulses: Pulse, silent=()):
    numbered = {rank: replace(one, rank=rank, pid=100 + rank) for rank, one in enumerate(pulses)}
    return verdict(numbered, {rank: 40.0 if rank in silent else 0.1 for rank in numbered}, HANG_S)


def test_ranks_that_move_are_well():
    assert told(replace(AT_WORK, still_s=0.0), replace(WAITS, still_s=0.2)) is None


def test_all_that_wait_for_each_other_is_final_and_each_is_named_with_its_place():
    other = replace(WAITS, place="barrier at whet/train/loop.py:9 (run)", phase="checkpoint")
    found = told(WAITS, WAITS, other)
    assert found.is_final and "no rank has moved for 40 s" in found.words
    assert "ranks 0, 1 wait in all_reduce at whet/parallel/world.py:139 (summed) (backward of step 17)" in found.words
    assert "rank 2 (pid 102 on box) waits in barrier" in found.words and "checkpoint of step 17" in found.words


def test_a_rank_that_stands_still_among_its_layers_while_others_wait_is_final():
    assert told(WAITS, replace(AT_WORK, phase="forward")).is_final


@pytest.mark.parametrize("elsewhere", [replace(AT_WORK, phase="data"), replace(AT_WORK, phase="forward", still_s=0.3)])
def test_a_rank_that_may_be_waiting_for_a_disk_or_is_computing_is_named_and_nothing_ends(elsewhere):
    found = told(WAITS, elsewhere)
    assert not found.is_final and found.words.startswith("rank 1 (pid 101 on box) is waited for")


def test_a_short_wait_and_a_pause_are_not_worth_a_word():
    assert told(replace(WAITS, still_s=3.0), AT_WORK) is None
    assert told(WAITS, replace(AT_WORK, phase="pause")) is None


def test_a_rank_that_gives_no_sign_is_final_with_what_it_told_last():
    found = told(WAITS, AT_WORK, silent=[1])
    assert found.is_final and found.words.startswith("rank 1 gives no sign since 40 s")
    assert (
        "last told that it is at whet/data/read.py:3 (row)" in found.words
        and "rank 0 (pid 100 on box) waits" in found.words
    )


def test_a_rank_that_has_ended_is_not_missed_but_nobody_else_comes_to_an_end_without_it():
    ended = replace(AT_WORK, phase="end")
    assert told(replace(AT_WORK, phase="result"), ended, silent=[1]) is None
    found = told(WAITS, ended, silent=[1])
    assert found.is_final and "has ended (after step 16)" in found.words


def test_layers_that_all_stand_still_are_final_though_no_collective_is_seen():
    """A rank may wait in code of its own for what it was promised."""
    assert told(replace(AT_WORK, phase="forward"), replace(AT_WORK, phase="backward")).is_final


def test_a_rank_that_has_told_nothing_yet_is_waited_for():
    assert verdict({0: WAITS}, {0: 0.1, 1: 2.0}, HANG_S) is None
    assert verdict({0: WAITS}, {0: 0.1, 1: 31.0}, HANG_S).is_final


def test_a_gpu_works_while_its_process_stands_still():
    pulses = {rank: replace(WAITS, rank=rank) for rank in range(2)}
    assert verdict(pulses, {0: 0.1, 1: 0.1}, HANG_S, is_gpu=True) is None


def looked(shares, looks=200):
    before = {rank: replace(WAITS, rank=rank) for rank in range(len(shares))}
    return before, {r: replace(WAITS, rank=r, looks=looks, waiting=int(looks * s)) for r, s in enumerate(shares)}


@pytest.mark.parametrize(
    ("shares", "slow"),
    [([0.5, 0.55, 0.02, 0.5], "rank 2"), ([0.3, 0.02], "rank 1"), ([0.3, 0.25], None), ([0.5, 0.05, 0.04, 0.5], None)],
)
def test_the_rank_that_all_others_wait_for_is_slow(shares, slow):
    found = slowest(*looked(shares))
    assert (found is None) if slow is None else (slow in found and "slow" in found)


def test_few_looks_say_nothing():
    assert slowest(*looked([0.9, 0.0], looks=50)) is None


def test_a_rank_that_was_stopped_now_and_then_is_slow_though_it_waits_whenever_it_looks():
    before, now = looked([0.9, 1.0], looks=300)
    now[1] = replace(now[1], looks=before[1].looks + 40, waiting=before[1].waiting + 40)
    assert "the others wait 90% of their time, it 13%" in str(slowest(before, now))


def test_ranks_of_other_versions_are_refused_with_a_table():
    one = {"host": "a", "python": "3.11", "torch": "2.13.0+cpu", "numpy": "2.1"}
    refuse_mixed([one, one, {**one, "host": "b"}])
    with pytest.raises(RunError) as refused:
        refuse_mixed([one, one, {**one, "host": "b", "torch": "2.12.1"}, {**one, "host": "b", "torch": "2.12.1"}])
    first, *table = refused.value.message.splitlines()
    assert first == "the ranks of this run differ in torch:"
    rows = [line.split() for line in table]
    assert rows == [["torch"], "ranks 0 to 1 (a) 2.13.0+cpu".split(), "ranks 2 to 3 (b) 2.12.1".split()]
    assert refused.value.hint == "pip install torch==2.13.0 on b"

"""Every schedule runs each micro-batch once through each stage, in an order that waits for nothing forever."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from whet.base.errors import ConfigError
from whet.parallel.pipeline.schedule import KINDS, SECONDS, Move, bubble, in_flight, places, stages_each, table

SIZES = list(product(KINDS, (2, 3, 4), (1, 2, 3, 5, 8)))
_TAKES = {Move.SEND_STATES: (Move.TAKE_STATES, 1), Move.SEND_GRADIENTS: (Move.TAKE_GRADIENTS, -1)}


@pytest.mark.parametrize(("kind", "ranks", "micro_batches"), SIZES)
def test_each_stage_passes_each_micro_batch_forward_and_back_once(kind, ranks, micro_batches):
    each = KINDS[kind].least
    orders, place = table(kind, ranks, each, micro_batches), places(kind, ranks, each)
    done = Counter((a.move, a.stage, a.micro_batch) for own in orders for a in own if a.move in SECONDS)
    whole = {(stage, number) for stage in range(ranks * each) for number in range(micro_batches)}
    assert set(done.values()) == {1}
    assert {(stage, n) for move, stage, n in done if move is Move.FORWARD} == whole
    assert {(stage, n) for move, stage, n in done if move in (Move.BACKWARD, Move.INPUTS)} == whole
    halves = [{(s, n) for move, s, n in done if move is half} for half in (Move.INPUTS, Move.WEIGHTS)]
    assert halves[0] == halves[1]
    assert all(place[a.stage] == rank for rank, own in enumerate(orders) for a in own)


@pytest.mark.parametrize(("kind", "ranks", "micro_batches"), SIZES)
def test_two_ranks_send_and_take_in_the_same_order(kind, ranks, micro_batches):
    each = KINDS[kind].least
    orders, place = table(kind, ranks, each, micro_batches), places(kind, ranks, each)
    for one, other in product(range(ranks), repeat=2):
        sent = [
            (_TAKES[a.move][0], a.stage + _TAKES[a.move][1], a.micro_batch) for a in orders[one] if a.move in _TAKES
        ]
        sent = [action for action in sent if place[action[1]] == other]
        back = {Move.TAKE_STATES: -1, Move.TAKE_GRADIENTS: 1}
        taken = [tuple(a) for a in orders[other] if a.move in back and place[a.stage + back[a.move]] == one]
        assert sent == taken


@pytest.mark.parametrize(("ranks", "micro_batches"), list(product((2, 4), (4, 8, 16))))
def test_ranks_wait_as_long_as_the_formulae_say(ranks, micro_batches):
    """(p - 1) / (v m + p - 1), with v stages a rank (Narayanan et al. 2021, section 2.2)."""
    for kind, stages in (("gpipe", 1), ("1f1b", 1), ("interleaved", 2)):
        expected = (ranks - 1) / (stages * micro_batches + ranks - 1)
        assert bubble(table(kind, ranks, stages, micro_batches)) == pytest.approx(expected)
    plain = bubble(table("1f1b", ranks, 1, micro_batches))
    assert all(bubble(table(kind, ranks, KINDS[kind].least, micro_batches)) < plain for kind in ("zero-bubble", "zbv"))


def test_a_rank_holds_as_many_micro_batches_as_stages_follow():
    assert in_flight(table("1f1b", 4, 1, 8)) == [4, 3, 2, 1]
    assert in_flight(table("gpipe", 4, 1, 8)) == [8] * 4


@pytest.mark.parametrize(("kind", "wanted"), [("1f1b", 2), ("interleaved", 1), ("zbv", 3)])
def test_a_schedule_says_how_many_stages_it_has(kind, wanted):
    with pytest.raises(ConfigError) as raised:
        stages_each(kind, wanted)
    assert f"asks for {wanted}" in raised.value.message
    assert stages_each(kind, "auto") == KINDS[kind].least

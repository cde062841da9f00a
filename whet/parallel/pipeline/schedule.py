"""Schedules: in which order the ranks of a pipeline run the micro-batches of a step through their stages.

A schedule is a table: for each rank a list of actions, moves between ranks among them. It depends on sizes alone, so it
is made, checked and drawn without any rank. GPipe and 1F1B are a few lines; the tables of the others are those of torch
(`torch.distributed.pipelining`), read as data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from whet.base.errors import ConfigError

AT = "parallel.schedule"


class Move(StrEnum):
    """What a rank does with a micro-batch at one of its stages."""

    FORWARD = "F"
    BACKWARD = "B"
    INPUTS = "I"  # of the backward pass, the gradient of what came in: the stage before waits for it
    WEIGHTS = "W"  # and that of the weights, for which nobody waits
    SEND_STATES = "SF"
    TAKE_STATES = "RF"
    SEND_GRADIENTS = "SB"
    TAKE_GRADIENTS = "RB"


class Action(NamedTuple):
    """A move, the stage that makes it, and the number of the micro-batch."""

    move: Move
    stage: int
    micro_batch: int


Orders = Sequence[Sequence[Action]]
# What each takes, where a forward pass takes 1.
SECONDS: Mapping[Move, float] = {Move.FORWARD: 1.0, Move.BACKWARD: 2.0, Move.INPUTS: 1.0, Move.WEIGHTS: 1.0}
_SENDS = {
    Move.FORWARD: (Move.SEND_STATES, Move.TAKE_STATES, 1),
    Move.BACKWARD: (Move.SEND_GRADIENTS, Move.TAKE_GRADIENTS, -1),
    Move.INPUTS: (Move.SEND_GRADIENTS, Move.TAKE_GRADIENTS, -1),
}


def places(kind: str, ranks: int, each: int) -> list[int]:
    """The rank of each stage: round after round, or there and back again."""
    rounds = [list(range(ranks))[:: -1 if KINDS[kind].returns and number % 2 else 1] for number in range(each)]
    return [rank for one in rounds for rank in one]


@cache
def table(kind: str, ranks: int, each: int, micro_batches: int) -> Orders:
    """The actions of every rank of `ranks`, with `each` stages a rank, over so many micro-batches.

    Where a schedule takes only some numbers of micro-batches, it is that of the next one that it takes, without those
    that are not there: micro-batches do not depend on each other.
    """
    chosen = KINDS[kind]
    whole = next(n for n in range(micro_batches, micro_batches + 2 * ranks * each + 1) if chosen.takes(n, ranks))
    orders = chosen.orders(ranks, each, whole)
    return _with_moves([[a for a in own if a.micro_batch < micro_batches] for own in orders], places(kind, ranks, each))


def bubble(orders: Orders) -> float:
    """The share of all ranks' time that they wait, where moves between them take none and stages are alike."""
    clock, done = [0.0] * len(orders), dict[Action, float]()
    stages = 1 + max(action.stage for own in orders for action in own)

    def finish(rank: int, action: Action) -> None:
        began = max(clock[rank], *(done[need] for need in _needs(action, stages) if need in done), 0.0)
        clock[rank] = done[action] = began + SECONDS[action.move]

    for rank, action in _in_turn([[a for a in own if a.move in SECONDS] for own in orders], stages):
        finish(rank, action)
    busy = sum(SECONDS.get(action.move, 0.0) for own in orders for action in own)
    return 1 - busy / (len(orders) * max(clock))


def in_flight(orders: Orders) -> list[int]:
    """The most micro-batches, counted once a stage, whose activations each rank holds at a time."""
    most = []
    for own in orders:
        held = peak = 0
        for action in own:
            held += (action.move is Move.FORWARD) - (action.move in (Move.BACKWARD, Move.WEIGHTS))
            peak = max(peak, held)
        most.append(peak)
    return most


def _needs(action: Action, stages: int) -> tuple[Action, ...]:
    """Actions of which one must be done before; of the two ways of a backward pass a table has one."""
    move, stage, number = action
    if move is Move.FORWARD:
        return () if stage == 0 else (Action(Move.FORWARD, stage - 1, number),)
    if move is Move.WEIGHTS:
        return (Action(Move.INPUTS, stage, number),)
    if stage == stages - 1:
        return (Action(Move.FORWARD, stage, number),)
    return Action(Move.BACKWARD, stage + 1, number), Action(Move.INPUTS, stage + 1, number)


def _in_turn(orders: Orders, stages: int) -> Any:
    """Each rank and action of the orders, none before what it needs. Raises ValueError for orders that wait forever."""
    left, done = [list(own) for own in orders], set[Action]()
    while any(left):
        before = len(done)
        for rank, own in enumerate(left):
            while own and ((needs := _needs(own[0], stages)) == () or not done.isdisjoint(needs)):
                done.add(action := own.pop(0))
                yield rank, action
        if len(done) == before:
            raise ValueError(f"the schedule waits for itself: {[own[0] for own in left if own]}")


def _with_moves(orders: Orders, place: Sequence[int]) -> Orders:
    """The orders with what ranks send each other. Both ends of any two ranks have their moves in the same order."""
    found: list[list[Action]] = [[] for _ in orders]
    for rank, action in _in_turn(orders, len(place)):
        found[rank].append(action)
        if action.move in _SENDS:
            send, take, to = _SENDS[action.move]
            there = action.stage + to
            if 0 <= there < len(place) and place[there] != rank:
                found[rank].append(action._replace(move=send))
                found[place[there]].append(Action(take, there, action.micro_batch))
    return found


def _gpipe(ranks: int, each: int, micro_batches: int) -> Orders:
    """All forward passes, then all backward passes (Huang et al. 2019)."""
    moves = (Move.FORWARD, Move.BACKWARD)
    return [[Action(move, rank, n) for move in moves for n in range(micro_batches)] for rank in range(ranks)]


def _one_by_one(ranks: int, each: int, micro_batches: int) -> Orders:
    """A backward pass as soon as there is one: a rank holds as many micro-batches as stages follow (1F1B)."""
    found = []
    for rank in range(ranks):
        ahead = min(ranks - rank, micro_batches)
        own = [Action(Move.FORWARD, rank, n) for n in range(ahead)]
        for n in range(micro_batches):
            own.append(Action(Move.BACKWARD, rank, n))
            own += [Action(Move.FORWARD, rank, n + ahead)] if n + ahead < micro_batches else []
        found.append(own)
    return found


def _of_torch(name: str) -> Callable[[int, int, int], Orders]:
    """The compute order of a schedule of torch (2.11 or later), of stages that are none."""

    def orders(ranks: int, each: int, micro_batches: int) -> Orders:
        from torch.distributed import pipelining

        stages = [
            SimpleNamespace(group_size=ranks, group_rank=0, num_stages=ranks * each, stage_index=n, submod=None)
            for n in range(each)
        ]
        made = getattr(pipelining, name)(stages, micro_batches).pipeline_order
        return [[one for action in made[rank] if action is not None for one in _read(action)] for rank in range(ranks)]

    return orders


_READ = {"FORWARD": Move.FORWARD, "FULL_BACKWARD": Move.BACKWARD, "BACKWARD_INPUT": Move.INPUTS}
_READ["BACKWARD_WEIGHT"] = Move.WEIGHTS


def _read(action: Any) -> list[Action]:
    """Ours of torch's; two that it would overlap one after the other."""
    if action.sub_actions is not None:
        return [one for part in action.sub_actions for one in _read(part)]
    return [Action(_READ[action.computation_type.name], action.stage_index, action.microbatch_index)]


def _any_number(micro_batches: int, ranks: int) -> bool:
    return True


def _whole_rounds(micro_batches: int, ranks: int) -> bool:
    return micro_batches % max(1, micro_batches // ranks) == 0


def _fills(micro_batches: int, ranks: int) -> bool:
    return micro_batches >= 2 * ranks


@dataclass(frozen=True, slots=True)
class Kind:
    """A schedule: its orders, which numbers of micro-batches they are for, and how many stages a rank has (at least,
    and by default; at most). It `returns` where the stages go there and back; it `splits` backward passes in two."""

    orders: Callable[[int, int, int], Orders]
    least: int = 1
    most: int = 1
    takes: Callable[[int, int], bool] = _any_number
    returns: bool = False
    splits: bool = False


_MANY = 1024
KINDS: Mapping[str, Kind] = {
    "gpipe": Kind(_gpipe),
    "1f1b": Kind(_one_by_one),
    "interleaved": Kind(_of_torch("ScheduleInterleaved1F1B"), 2, _MANY, _whole_rounds),
    "zero-bubble": Kind(_of_torch("ScheduleInterleavedZeroBubble"), 1, _MANY, _whole_rounds, splits=True),
    "zbv": Kind(_of_torch("ScheduleZBVZeroBubble"), 2, 2, returns=True, splits=True),
    "dualpipev": Kind(_of_torch("ScheduleDualPipeV"), 2, 2, _fills, returns=True, splits=True),
}


def stages_each(kind: str, wanted: int | str) -> int:
    """How many stages a rank has. Raises ConfigError where the schedule has no place for as many as are asked for."""
    chosen = KINDS[kind]
    if wanted == "auto":
        return chosen.least
    if not isinstance(wanted, int) or not chosen.least <= wanted <= chosen.most:
        is_exact = chosen.most == chosen.least
        just = f"{chosen.least}{'' if is_exact else ' or more'} stage{'' if is_exact and chosen.least == 1 else 's'}"
        other = "interleaved" if chosen.most < _MANY else "1f1b"
        raise ConfigError(
            f"the schedule `{kind}` has {just} a rank, and `parallel.stages` asks for {wanted}",
            at="parallel.stages", hint=f"parallel.stages={chosen.least}, or parallel.schedule={other}",
        )  # fmt: skip
    return wanted

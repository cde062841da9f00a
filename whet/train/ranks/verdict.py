"""Verdict: what the pulses of all ranks say together: who waits where, and whether that will ever end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from whet.train.ranks.pulse import ENDED, Pulse

# Where a rank that computes nothing and is still can only be hung: what is elsewhere may be waiting for a disk, a
# server, or somebody's program.
_OF_LAYERS = ("forward", "backward", "update")
PAUSE = "pause"
# From how long on a rank that others wait for is named.
NAMED_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`words` name ranks, step, phase and place. `is_final`: it will not end by itself."""

    words: str
    is_final: bool


def verdict(
    pulses: Mapping[int, Pulse], silent_s: Mapping[int, float], hang_s: float, *, is_gpu: bool = False
) -> Verdict | None:
    """What is wrong, if anything is. `silent_s` is how long each rank has told nothing new, by the reader's clock.

    Final are a rank that has told nothing for `hang_s`, and ranks that all stand still for as long while one of them
    waits for another. A GPU works while its process stands still: there only silence is final.
    """
    there = {rank: pulse for rank, pulse in pulses.items() if pulse.phase != ENDED}
    gone = [
        rank
        for rank, seconds in sorted(silent_s.items())
        if seconds >= hang_s and (rank in there or rank not in pulses)
    ]
    if gone:
        return Verdict(_of_gone(gone, there, max(silent_s[rank] for rank in gone)), True)
    if len(pulses) < len(silent_s) or not there:
        return None
    stands = min(pulse.still_s for pulse in there.values())
    elsewhere = [pulse for pulse in pulses.values() if not pulse.is_waiting or pulse.phase == ENDED]
    if not is_gpu and stands >= hang_s and all(pulse.phase in (*_OF_LAYERS, ENDED) for pulse in elsewhere):
        return Verdict(f"no rank has moved for {stands:.0f} s: {_told(pulses.values())}", True)
    is_waited_for = any(pulse.is_waiting and pulse.still_s >= NAMED_AFTER_S for pulse in there.values())
    if not is_waited_for or not elsewhere or any(pulse.phase == PAUSE for pulse in elsewhere):
        return None  # they move, have come together just now, or somebody has asked them to wait
    return Verdict(f"{_who(elsewhere)} {_is_are(elsewhere)} waited for: {_told(pulses.values())}", False)


def _of_gone(gone: Sequence[int], there: Mapping[int, Pulse], longest: float) -> str:
    signs = "gives no sign" if len(gone) == 1 else "give no sign"
    told = [f"{_who([there[rank]])} last told that it {there[rank].at}" for rank in gone if rank in there]
    others = _told(pulse for rank, pulse in there.items() if rank not in gone)
    said = "; ".join([*told, *([others] if others else [])])
    return f"{_ranks(gone)} {signs} since {longest:.0f} s{': ' if said else ''}{said}"


def slowest(
    before: Mapping[int, Pulse], now: Mapping[int, Pulse], *, least: float = 0.2, least_looks: int = 100
) -> str | None:
    """The rank that the others wait for most of the time between two looks at all pulses, and how much; None where no
    rank stands out by `least` of the time, or there were too few looks."""
    looks = {rank: pulse.looks - before[rank].looks for rank, pulse in now.items() if rank in before}
    # All look equally often: one that was stopped now and then, or kept from a processor, lacks some, and did not wait.
    of_all = max(looks.values(), default=0)
    if len(looks) < len(now) or of_all < least_looks:
        return None
    shares = {rank: (pulse.waiting - before[rank].waiting) / of_all for rank, pulse in now.items()}
    if len(shares) < 2:
        return None
    slow = min(shares, key=shares.__getitem__)
    others = sorted(share for rank, share in shares.items() if rank != slow)
    typical = others[len(others) // 2] if len(others) > 1 else others[0]
    if typical - shares[slow] < least or min(others) - shares[slow] < least / 2:
        return None
    who = _who([now[slow]])
    return f"{who} is slow: the others wait {typical:.0%} of their time, it {shares[slow]:.0%}"


def _told(pulses: Iterable[Pulse]) -> str:
    """Ranks that are at one place together, with it."""
    places: dict[str, list[Pulse]] = {}
    for pulse in pulses:
        places.setdefault(pulse.at, []).append(pulse)
    return "; ".join(f"{_who(found)} {at if len(found) == 1 else _plural(at)}" for at, found in places.items())


def _plural(at: str) -> str:
    return at.replace("waits in", "wait in", 1).replace("is at", "are at", 1)


def _is_are(pulses: Sequence[Pulse]) -> str:
    return "is" if len(pulses) == 1 else "are"


def _who(pulses: Sequence[Pulse]) -> str:
    if len(pulses) == 1:
        return f"rank {pulses[0].rank} (pid {pulses[0].pid} on {pulses[0].host})"
    return _ranks([pulse.rank for pulse in pulses])


def _ranks(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"rank {numbers[0]}"
    shown = ", ".join(map(str, numbers[:8])) + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")
    return f"ranks {shown}"

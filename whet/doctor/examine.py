"""Examine: every check of this machine, in the order in which a run would meet them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from whet.doctor.check import Check
from whet.doctor.devices import Seen, devices, readings, seen
from whet.doctor.disk import disk, temporary
from whet.doctor.machine import clock, limits, memory, network, open_files, processors, shared_memory
from whet.doctor.packages import packages
from whet.doctor.ranks import local_ranks

_MARKS = {"well": "ok  ", "slow": "slow", "bad": "BAD "}


def examine(root: Path, ranks: int, *, measures: bool) -> Iterator[Check]:
    """Look at the machine, the folder `root` of runs, and so many ranks that talk to each other (0: none). With
    `measures` they are asked for: what they need and this machine lacks is bad."""
    has = limits()
    yield from packages()
    yield from processors(has)
    yield from memory(has)
    found = _seen()
    yield from devices(readings(), found)
    yield from shared_memory()
    yield from open_files()
    yield from disk(root)
    yield from temporary()
    yield from clock()
    yield from network(ranks=ranks if measures else 1)
    if ranks == 1:
        told = "one rank exchanges nothing: nothing was measured"
        yield Check("ranks", told, "slow", "whet doctor --ranks 2, or --ranks 0 to start none")
    if ranks > 1:
        yield from local_ranks(ranks, measures=measures)
        if measures and len(found.names) >= ranks:
            yield from local_ranks(ranks, measures=True, backend="nccl")


def page(found: Sequence[Check]) -> str:
    """The checks as text: what is well in a line each, and what to type where it is not."""
    width = max(len(one.name) for one in found)
    lines = []
    for one in found:
        lines.append(f"{_MARKS[one.level]}  {one.name:<{width}}  {one.text}")
        if one.hint:
            lines.append(f"{'':<{width + 8}}hint: {one.hint}")
    return "\n".join(lines)


def verdict(found: Sequence[Check]) -> str:
    """One line of what all checks came to."""
    counts = {level: sum(one.level == level for one in found) for level in ("bad", "slow")}
    if not any(counts.values()):
        return "this machine is fit to train"
    told = [f"{counts['bad']} would end a run or make it wrong"] if counts["bad"] else []
    told += [f"{counts['slow']} will cost time"] if counts["slow"] else []
    return f"of {len(found)} checks {' and '.join(told)}"


def _seen() -> Seen:
    """Without PyTorch there is nothing to be seen, which `packages` has told."""
    try:
        return seen()
    except ImportError:
        return Seen((), "missing")

"""Programs a second that the reward `python-tests` grades: small functions, and small programs with input and output.

    python benchmarks/dated.py bench-code-rewards -- python benchmarks/code_rewards.py

Processors are shared with whatever else runs, so seconds of processor a program, all descendants included, stand
beside seconds of the clock. `--package FOLDER` measures another checkout by the same measure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

FUNCTION = "```python\ndef add(a, b):\n    return a + b + {number} - {number}\n```"
ASSERTS = {"tests": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add('a', 'b') == 'ab'"][:2]}
PROGRAM = "```python\nprint(sum(map(int, input().split())) + {number} - {number})\n```"
CASE = {"tests": [{"input": "1 2", "output": "3"}]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--package", help="a checkout of whet to measure instead of this one")
    args = parser.parse_args()
    if args.package:
        sys.path.insert(0, args.package)
    from whet.base.catalogue import reward

    built = reward.get("python-tests").build()
    print(f"{os.cpu_count()} processors, {args.threads} threads, load {os.getloadavg()[0]:.1f}")
    for name, text, row in (("functions, 2 tests", FUNCTION, ASSERTS), ("programs, 1 case", PROGRAM, CASE)):
        texts = [text.format(number=number) for number in range(args.programs)]
        measured(built, texts[: 4 * args.threads], row, args.threads)
        found = [measured(built, texts, row, args.threads) for _ in range(args.rounds)]
        clock, processor = [args.programs / c for c, _ in found], [1000 * p / args.programs for _, p in found]
        print(
            f"{name}: {statistics.median(clock):.0f} a second ({min(clock):.0f} to {max(clock):.0f}), "
            f"{statistics.median(processor):.2f} ms of processor each ({min(processor):.2f} to {max(processor):.2f}): "
            f"at most {2000 / statistics.median(processor):.0f} a second on two processors"
        )


def measured(built: Any, texts: list[str], row: dict[str, Any], threads: int) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    began, before = time.perf_counter(), used()
    with ThreadPoolExecutor(threads) as pool:
        scores = list(pool.map(lambda text: built([], [text], row)[0], texts))
    assert scores == [1.0] * len(texts)
    return time.perf_counter() - began, used() - before


def used() -> float:
    """Seconds of processor of this process, of all that descend from it, and of those of them that have ended."""
    parents, spent = {}, {}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                with open(f"/proc/{entry.name}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            spent[int(entry.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    found = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sum(spent.get(number, 0.0) for number in found)


if __name__ == "__main__":
    main()

"""What recording costs a training: the same steps with `track` at its defaults and with nothing recorded, by turns.

    python benchmarks/track/training.py [--steps 60] [--hidden 256] [--tokens 4096]

One process, one model a side; sides take turns step by step, so that both see the same machine. Shown are medians over
steps of wall time and of this process's processor time, threads included, their ratio, and what the training's own
thread spent on recording (`record_s`). The bits of losses are compared: they must be equal.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tiny import LLAMA, sentence, tokenizer, write_rows
from whet.base.config import from_mapping
from whet.track.reading.store import LOGS
from whet.track.records import StepRecord
from whet.train.build import Built, assemble
from whet.train.record.build import beside

OFF = {"rows": False, "state_every": 0, "environment": False, "hardware_every_s": 0, "sinks": []}
ON: dict[str, Any] = {"sinks": ["log"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--warm-up", type=int, default=5, help="of at most 1000 steps in all")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=4096, help="tokens a step")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer(folder / "tokenizer")
        write_rows(folder / "rows.jsonl", [{"text": sentence(i, 20 + i % 60)} for i in range(4000)])
        sides = {title: built(folder, title, track, args) for title, track in (("off", OFF), ("on", ON))}
        figures = measured(sides, args.steps, args.warm_up)
    cores = len(os.sched_getaffinity(0))
    print(f"{date.today()}  {args.steps} steps of {args.tokens} tokens, width {args.hidden}, {args.layers} layers,")
    print(f"{cores} cores, load {os.getloadavg()[0]:.2g}; medians of a step\n")
    for title, rows in figures.items():
        wall, cpu = (statistics.median(row[key] for row in rows) for key in ("wall", "cpu"))
        print(f"{title:4} wall {1000 * wall:9.3f} ms   processor {1000 * cpu:9.3f} ms")
    for key in ("wall", "cpu"):
        off, on = (statistics.median(row[key] for row in figures[title]) for title in ("off", "on"))
        print(f"{key:4} on / off: {on / off - 1:+.3%}")
    print("bits equal:", [row["loss"] for row in figures["on"]] == [row["loss"] for row in figures["off"]])


def built(folder: Path, title: str, track: dict[str, Any], args: argparse.Namespace) -> Built:
    width = {"hidden_size": args.hidden, "intermediate_size": 3 * args.hidden, "num_hidden_layers": args.layers}
    config = {
        "name": title, "objective": "pretrain",
        "model": {"init": {**LLAMA, **width}, "tokenizer": str(folder / "tokenizer")},
        "data": {"train": [str(folder / "rows.jsonl")]},
        "train": {
            "steps": 1000, "batch_tokens": args.tokens, "micro_batch": args.tokens,
            "precision": "fp32", "checkpoint_every": 10**6,
        },
        "track": {"folder": str(folder / "runs"), **track},
    }  # fmt: skip
    return assemble(from_mapping(config))


def measured(sides: dict[str, Built], steps: int, warm_up: int) -> dict[str, list[dict[str, float]]]:
    """Steps of each side in turn; the machine is sampled beside the side that records, as `whet train` does."""
    found: dict[str, list[dict[str, float]]] = {title: [] for title in sides}
    losses, on = {title: heard(one.loop) for title, one in sides.items()}, sides["on"]
    with beside(on.trained.run.track, on.folder.path / LOGS, on.world, on.loop.step):
        for one in sides.values():
            one.loop.recorder.begin(0)
        for number in range(steps + warm_up):
            for title in sorted(sides, reverse=bool(number % 2)):
                loop = sides[title].loop
                wall, cpu = time.perf_counter(), time.process_time()
                loop.advance(loop.source.next(loop.progress.step))
                row = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
                if number >= warm_up:
                    found[title].append({**row, "loss": losses[title][-1]})
    for one in sides.values():
        one.close()
    return found


def heard(loop: Any) -> list[float]:
    """The losses that the loop tells from now on."""
    losses, real = list[float](), loop.emit

    def emit(record: Any) -> None:
        if isinstance(record, StepRecord):
            losses.append(record.metrics["loss"])
        real(record)

    loop.emit = emit
    return losses


if __name__ == "__main__":
    main()

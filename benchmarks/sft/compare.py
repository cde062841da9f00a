"""Train the same rows, model and tokens with whet and with TRL's SFTTrainer; print tokens/s, peak memory, loss.

    python benchmarks/sft/compare.py --rival-python .venv-rival/bin/python

Each measurement is a fresh process on two threads. First every tool tries its list of micro-batches, one step of
a quarter of the rows each, and keeps the fastest; then come rounds in which each tool runs once, in turning order,
and the ratios are taken within a round. A tool that reports other tokens than the rows have, or another loss, stops
the benchmark. Where the processor has instructions for bf16, each tool runs in it as well, at its best too. Beside the
speed stands its share of the rate at which the machine multiplies square matrices of 1,024 in the same precision,
counting only the products that the step needs.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setting import MODELS, NUM_ROWS

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from intervals import median_interval  # noqa: E402

THREADS = 2
LOSS_TOLERANCE = {"fp32": 1e-3, "bf16": 1e-2}  # of fp32's loss
Result = dict[str, Any]


@dataclass(frozen=True)
class Tool:
    """A worker's command, with places for `{python}`, `{rival}`, `{here}`, `{folder}`, `{micro}` and `{steps}`."""

    name: str
    command: str
    micro_batches: tuple[int, ...]
    precision: str = "fp32"

    def narrow(self) -> Tool:
        """The same tool in bf16."""
        return Tool(f"{self.name} bf16", f"{self.command} --precision bf16", self.micro_batches, "bf16")


@dataclass(frozen=True)
class Task:
    """A prepared folder, the steps to train on it, and what a worker must report of it."""

    folder: Path
    steps: int
    facts: dict[str, int]
    python: str
    rival: str

    @classmethod
    def prepare(cls, folder: Path, data: Path, rows: int, steps: int, python: str, rival: str, size: str) -> Task:
        command = [python, str(HERE / "prepare.py"), str(folder), "--data", str(data), "--rows", str(rows)]
        command += ["--size", size]
        facts = json.loads(run(command))
        print(
            f"\n{facts['rows']} rows, {facts['row_tokens']} tokens of which {facts['trained_tokens']} are trained, "
            f"{steps} steps of all rows; model {size}, {THREADS} threads",
            flush=True,
        )
        return cls(folder, steps, facts, python, rival)

    def command(self, tool: Tool, micro: int) -> list[str]:
        places = {"python": self.python, "rival": self.rival, "here": HERE, "folder": self.folder}
        return [part.format(**places, micro=micro, steps=self.steps) for part in shlex.split(tool.command)]


# The first is the one the others are compared with.
TOOLS = (
    Tool("whet", "{python} {here}/run_whet.py {folder} --micro {micro} --steps {steps}", (1024, 2048, 4096, 8192)),
    Tool("trl padded", "{rival} {here}/run_trl.py {folder} padded --micro {micro} --steps {steps}", (1, 2, 4, 8)),
    Tool("trl packed", "{rival} {here}/run_trl.py {folder} packed --micro {micro} --steps {steps}", (1, 2, 4, 8)),
)


def main() -> None:
    arguments = parse_arguments()
    python, rival = arguments.python, arguments.rival_python
    rates = json.loads(run([python, str(HERE / "rate.py")]))
    print("matrix rate: " + ", ".join(f"{kind} {rate / 1e9:.0f} GFLOP/s" for kind, rate in rates.items()), flush=True)
    known = [*TOOLS, *(tool.narrow() for tool in TOOLS if "bf16" in rates)]
    tools = [tool for tool in known if not arguments.tools or tool.name in arguments.tools]
    with tempfile.TemporaryDirectory() as folder:
        few = Task.prepare(Path(folder, "few"), arguments.data, arguments.rows // 4, 1, python, rival, arguments.size)
        best = {tool.name: best_micro_batch(tool, few) for tool in tools}
        task = Task.prepare(
            Path(folder, "whole"), arguments.data, arguments.rows, arguments.steps, python, rival, arguments.size
        )
        rounds = [run_round(tools, best, task, number) for number in range(arguments.rounds)]
    print_summary(tools, best, rounds, rates)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="a python that has whet (this one)")
    parser.add_argument("--rival-python", required=True, help="a python that has trl")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--rows", type=int, default=NUM_ROWS, help="of the file's first rows; a quarter to choose by")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps of a run in the rounds")
    parser.add_argument("--size", choices=MODELS, default="21m", help="of the model")
    parser.add_argument("--tools", nargs="*", help=f"some of: {', '.join(tool.name for tool in TOOLS)}")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"no data at {arguments.data}; pass --data with a folder that holds instruct/alpaca_en_demo.json")
    return arguments


def best_micro_batch(tool: Tool, task: Task) -> int:
    """Run every micro-batch of the tool's list once; return the one with the most tokens a second."""
    results = {}
    for micro in tool.micro_batches:
        results[micro] = measure(tool, micro, task)
        print(f"try      {describe(tool, micro, results[micro])}", flush=True)
    return max(results, key=lambda micro: results[micro]["tokens_per_s"])


def run_round(tools: Sequence[Tool], best: dict[str, int], task: Task, number: int) -> dict[str, Result]:
    """Each tool once; the order turns by one a round, so that no tool always runs after the same other."""
    turned = [*tools[number % len(tools) :], *tools[: number % len(tools)]]
    results = {}
    for tool in turned:
        results[tool.name] = measure(tool, best[tool.name], task)
        print(f"round {number + 1}  {describe(tool, best[tool.name], results[tool.name])}", flush=True)
    losses = {tool.name: results[tool.name]["loss"] for tool in turned}
    expected = next((losses[tool.name] for tool in tools if tool.precision == "fp32"), losses[tools[0].name])
    if any(abs(losses[tool.name] - expected) > LOSS_TOLERANCE[tool.precision] * expected for tool in tools):
        sys.exit(f"the tools do not train the same thing: mean losses {losses}")
    return results


def measure(tool: Tool, micro: int, task: Task) -> Result:
    """One fresh process of the tool; refuses a result over other tokens or steps than asked for."""
    result: Result = json.loads(run(task.command(tool, micro)))
    for name, expected in {**task.facts, "steps": task.steps}.items():
        if result.get(name, expected) != expected:
            sys.exit(f"{tool.name} reports {result[name]} {name.replace('_', ' ')} instead of {expected}")
    result["flops_per_s"] = task.facts["flops"] * task.steps / result["seconds"]
    return result


def run(command: list[str]) -> str:
    """The last line a worker prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip().splitlines()[-1]


def describe(tool: Tool, micro: int, result: Result) -> str:
    return (
        f"{tool.name:<15} micro-batch {micro:>5} {result['tokens_per_s']:>8.0f} tokens/s "
        f"{result['peak_bytes'] / 2**20:>7.0f} MiB  loss {result['loss']:.5f}"
    )


def print_summary(
    tools: Sequence[Tool], best: dict[str, int], rounds: list[dict[str, Result]], rates: dict[str, float]
) -> None:
    print(f"\nmedian of {len(rounds)} rounds (lowest to highest); memory is the peak above what the imports took")
    for tool in tools:
        speeds = [results[tool.name]["tokens_per_s"] for results in rounds]
        peaks = [results[tool.name]["peak_bytes"] / 2**20 for results in rounds]
        losses = [results[tool.name]["loss"] for results in rounds]
        shares = [100 * results[tool.name]["flops_per_s"] / rates[tool.precision] for results in rounds]
        print(
            f"{tool.name:<15} micro-batch {best[tool.name]:>5}  {spread(speeds, '.0f')} tokens/s  "
            f"{spread(peaks, '.0f')} MiB  loss {statistics.median(losses):.5f}  "
            f"{spread(shares, '.0f')} % of the matrix rate"
        )
    first, *others = tools
    for other in others:
        for quantity, words in (("tokens_per_s", "tokens/s"), ("peak_bytes", "peak memory")):
            ratios = [results[first.name][quantity] / results[other.name][quantity] for results in rounds]
            low, high, coverage = median_interval(ratios)
            print(
                f"{first.name} / {other.name}: {words} x {statistics.median(ratios):.3f} "
                f"({low:.3f} to {high:.3f}, {coverage:.0%} interval of the median)"
            )


def spread(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()

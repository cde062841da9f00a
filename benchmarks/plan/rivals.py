"""What other estimators say of a training's memory, written down from their public documentation.

accelerate (`estimate-memory`, training with Adam): the largest of model, gradients, optimizer and step, from the size
of the weights in float32: four times it in float32, twice it in mixed precision. DeepSpeed (ZeRO-2 estimator, one GPU,
no offload): 20 bytes a parameter. Textbook: weights, gradients and Adam's moments of what is trained, weights of the
rest, and 34 s b h bytes of activations a layer in 16 bits (Korthikanti et al. 2022, attention in a flash kernel), or
2 s b h where layers are recomputed.

    python benchmarks/plan/rivals.py RESULT...

prints what each is off by, of the rows that dated results of `peaks.py` have measured, and the median without a sign.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Facts:
    """Parameters of the model, those that are trained, layers, width, tokens at once, and how it is computed."""

    parameters: int
    trained: int
    layers: int
    width: int
    tokens: int
    precision: str
    recompute: bool


def accelerate(facts: Facts) -> float:
    return 4 * facts.parameters * (4 if facts.precision == "fp32" else 2)


def deepspeed(facts: Facts) -> float:
    return 20 * facts.parameters


def textbook(facts: Facts) -> float:
    item = 2 if facts.precision == "bf16-pure" else 4
    states = item * facts.parameters + (item + 8) * facts.trained
    a_token = (2 if facts.recompute else 34) * facts.width * (2 if facts.precision == "fp32" else 1)
    return states + facts.layers * facts.tokens * a_token


RIVALS: Mapping[str, Callable[[Facts], float]] = {
    "accelerate": accelerate, "DeepSpeed": deepspeed, "textbook": textbook,
}  # fmt: skip


def main() -> None:
    """Read what was measured and foreseen, and set the rules beside it."""
    from process import facts_of
    from rows import ROWS

    from whet.base.config import from_mapping
    from whet.train.foreseen import hollow_run

    found = measured(map(Path, sys.argv[1:]))
    print(f"{'':24}{'measured':>10}{'whet':>14}" + "".join(f"{name:>14}" for name in RIVALS), flush=True)
    errors: dict[str, list[float]] = {"whet": [], **{name: [] for name in RIVALS}}
    for row in (row for row in ROWS if row.name in found):
        real, foreseen = found[row.name]
        made = hollow_run(from_mapping(row.run("base" if row.is_adapter else None)).run, row.config)
        facts = Facts(**facts_of(row, made.trained))
        said = {"whet": foreseen, **{name: rule(facts) / 2**20 for name, rule in RIVALS.items()}}
        for name, told in said.items():
            errors[name].append(told / real - 1)
        print(f"{row.name:24}{real:>10.1f}" + "".join(f"{own[-1]:>+14.1%}" for own in errors.values()), flush=True)
    middles = [statistics.median(map(abs, own)) for own in errors.values()]
    print(f"{f'median of {len(found)} rows':34}" + "".join(f"{middle:>14.1%}" for middle in middles))


def measured(results: Iterable[Path]) -> dict[str, tuple[float, float]]:
    """MiB measured and foreseen, by row, of results of `peaks.py`."""
    line = re.compile(r"^(\S.{23})\s+[\d.]+\s+\S+\s+([\d.]+)\s+([\d.]+)\s+[+-]")
    lines = (line.match(text) for path in results for text in path.read_text(encoding="utf-8").splitlines())
    return {one[1].strip(): (float(one[2]), float(one[3])) for one in lines if one}


if __name__ == "__main__":
    main()

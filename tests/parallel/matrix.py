"""Write docs/reference/meshes.md from what the tests of meshes find: `python -m tests.parallel.matrix` (half an hour of
two quiet cores). The page is written anew after each model; `-` is what no mesh can, and an empty cell what is to come.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch

from tests.parallel.meshes import LOSSES, MESHES, MODELS, Case, depth_of, learned, ranks_of, stored
from tests.parallel.test_meshes import GRID, all_of
from tests.ranks import on_ranks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "meshes.md"


def farthest(found: list, figures: list) -> float:
    """The largest relative difference of any rank's losses and gradient norms from those of one process."""
    expected = torch.tensor(figures, dtype=torch.float64)
    return max(
        float(((torch.tensor(told[0], dtype=torch.float64) - expected).abs() / expected.abs()).max()) for told in found
    )


def cells(model: str, folder: Path) -> dict[Case, str]:
    """What is said of each case of a model."""
    own = [case for case in GRID if case.model == model]
    alone = {case: learned(case, folder)[0] for case in {case.alone for case in own}}
    said: dict[Case, str] = {}
    for size in (2, 4):
        cases = [case for case in own if ranks_of(case.mesh or "") == size]
        ranks = on_ranks(size, all_of, cases, folder)
        for case in cases:
            found: list[Any] = [of_rank[case] for of_rank in ranks]
            failed = [told for told in found if isinstance(told, str)]
            said[case] = "fails" if failed else f"{farthest(found, alone[case.alone]):.0e}"
            if failed:
                print(case, failed[0], flush=True)
    return said


def page(said: Mapping[Case, str]) -> str:
    """The table, a row a mesh; each cell has one figure a loss."""
    rows = [f"| {mesh} | " + " | ".join(cell(model, mesh, said) for model in MODELS) + " |" for mesh in MESHES]
    head = (
        f"Written by `python -m tests.parallel.matrix` on {date.today()}, torch {torch.__version__}, gloo, float64: "
        f"the largest relative difference of loss and gradient norm over five steps, for {' and '.join(LOSSES)}."
    )
    table = ["| mesh | " + " | ".join(MODELS) + " |", "|" + "---|" * (len(MODELS) + 1), *rows]
    return "\n".join(["# Meshes beside one process", "", head, "", *table, ""])


def cell(model: str, mesh: str, said: Mapping[Case, str]) -> str:
    cases = [case for loss in LOSSES if (case := Case(model, loss, mesh)) in GRID]
    return ", ".join(said.get(case, "") for case in cases).strip(", ") if cases else "-"


def main() -> None:
    said: dict[Case, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for layers in {depth_of(mesh) for mesh in MESHES}:
            stored(Path(folder), layers)
        for model in MODELS:
            said |= cells(model, Path(folder))
            PAGE.write_text(page(said))
            print(model, flush=True)


if __name__ == "__main__":
    main()

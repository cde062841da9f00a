"""Write docs/reference/meshes.md from what the tests of meshes find: `python -m tests.parallel.matrix` (a quarter hour
of two quiet cores).
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import torch

from tests.parallel.meshes import LOSSES, MESHES, MODELS, Case, learned, ranks_of, stored
from tests.parallel.test_meshes import GRID, all_of
from tests.ranks import on_ranks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "meshes.md"


def farthest(found: list, figures: list) -> float:
    """The largest relative difference of any rank's losses and gradient norms from those of one process."""
    expected = torch.tensor(figures, dtype=torch.float64)
    return max(
        float(((torch.tensor(told[0], dtype=torch.float64) - expected).abs() / expected.abs()).max()) for told in found
    )


def cell(case: Case, ranks: dict, alone: dict) -> str:
    if case not in GRID:
        return "-"
    found = [of_rank[case] for of_rank in ranks[ranks_of(case.mesh or "")]]
    if any(isinstance(told, str) for told in found):
        return "fails"
    return f"{farthest(found, alone[case.model, case.loss]):.0e}"


def page(folder: Path) -> str:
    """The table, a row a mesh; each cell has one figure a loss."""
    stored(folder)
    alone = {(model, loss): learned(Case(model, loss), folder)[0] for model in MODELS for loss in LOSSES}
    sized = {size: [case for case in GRID if ranks_of(case.mesh or "") == size] for size in (2, 4)}
    ranks = {size: on_ranks(size, all_of, sized[size], folder) for size in (2, 4)}
    rows = [
        f"| {mesh} | "
        + " | ".join(", ".join(cell(Case(m, k, mesh), ranks, alone) for k in LOSSES) for m in MODELS)
        + " |"
        for mesh in MESHES
    ]
    head = (
        f"Written by `python -m tests.parallel.matrix` on {date.today()}, torch {torch.__version__}, gloo, float64: "
        f"the largest relative difference of loss and gradient norm over five steps, for {' and '.join(LOSSES)}."
    )
    table = ["| mesh | " + " | ".join(MODELS) + " |", "|" + "---|" * (len(MODELS) + 1), *rows]
    return "\n".join(["# Meshes beside one process", "", head, "", *table, ""])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(Path(folder)))

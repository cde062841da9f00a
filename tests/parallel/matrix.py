"""Measure what meshes, objectives and optimizers on ranks are off by from one process, and write it to docs/reference.

    python -m tests.parallel.matrix [models] [families] [answers] [objectives] [optimizers] [steps] [NAME ...]

Everything takes about an hour of two quiet cores. Figures are kept in meshes.json as they are found, and meshes.md is
written from them: a run that is ended goes on with what is missing, and `--anew` measures again.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import torch

from tests.nursery import open_nursery
from tests.optim import test_placements as placements
from tests.parallel import families, test_families
from tests.parallel import test_objectives as objectives
from tests.parallel import test_optimizers as steps
from tests.parallel.answered import answered, answered_of_all
from tests.parallel.meshes import LOSSES, MESHES, MODELS, Case, depth_of, learned, ranks_of, stored
from tests.parallel.pipeline import test_objectives as staged
from tests.parallel.test_meshes import GRID, all_of
from tests.ranks import on_ranks

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
TABLE, PAGE = REFERENCE / "meshes.json", REFERENCE / "meshes.md"
AT_ONCE = 12  # cases that the same processes run, one after the other, before they are kept
Figures = dict[str, dict[str, dict[str, Any]]]  # by table, row and column


def known() -> Figures:
    """What was found so far: a number, or `fails`."""
    return json.loads(TABLE.read_text()) if TABLE.exists() else {}


def keep(table: str, row: str, column: str, figure: float | str) -> None:
    """Write down one figure, and the page anew."""
    found = known()
    found.setdefault(table, {}).setdefault(row, {})[column] = figure
    TABLE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(found))


def farthest(found: Iterable[Any], expected: Any) -> float:
    """The largest difference of anything that a rank found, relative to the largest number of what was expected."""
    flat = torch.cat([one.double().flatten() for one in numbers(expected)])
    most = float(flat.abs().max())
    return max(
        float((torch.cat([x.double().flatten() for x in numbers(one)]) - flat).abs().max()) / most for one in found
    )


def numbers(found: Any) -> list[torch.Tensor]:
    """All numbers in lists, pairs and mappings, in order."""
    if isinstance(found, torch.Tensor):
        return [found.detach()]
    if isinstance(found, Mapping):
        return [one for name in sorted(found) for one in numbers(found[name])]
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [one for part in found for one in numbers(part)]
    return [torch.tensor(float(found), dtype=torch.float64)]


def told(table: str, row: str, column: str, found: Sequence[Any], expected: Callable[[], Any]) -> None:
    """Keep the figure of what ranks found, or how they failed."""
    failed = [one for one in found if isinstance(one, str)]
    figure = "fails" if failed else farthest(found, expected())
    print(table, row, column, figure, *failed[:1], flush=True)
    keep(table, row, column, figure)


def left(table: str, cases: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Rows and columns that have no figure yet."""
    found = {} if "--anew" in sys.argv else known().get(table, {})
    return [(row, column) for row, column in cases if column not in found.get(row, {})]


def parts(cells: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (cells[at : at + AT_ONCE] for at in range(0, len(cells), AT_ONCE))


def models(folder: Path, names: Sequence[str]) -> None:
    """Loss and gradient norm of five steps, for every model, loss and mesh."""
    for layers in {depth_of(mesh) for mesh in MESHES}:
        stored(folder, layers)
    alone = cache(lambda case: learned(case, folder)[0])
    wanted = [case for case in GRID if not names or case.model in names]
    for loss in LOSSES:
        columns = {(case.mesh, case.model): case for case in wanted if case.loss == loss}
        for size in sorted({ranks_of(case.mesh) for case in wanted}):
            open_ = [cell for cell in left(loss, columns) if ranks_of(cell[0]) == size]
            for cells in parts(sorted(open_, key=lambda cell: list(MODELS).index(cell[1]))):
                cases = [columns[cell] for cell in cells]
                for case in cases:
                    alone(case.alone)
                ranks = on_ranks(size, all_of, cases, folder)
                for (mesh, model), case in zip(cells, cases, strict=True):
                    found = [one[case] if isinstance(one[case], str) else one[case][0] for one in ranks]
                    told(loss, mesh, model, found, lambda case=case: alone(case.alone))


def of_families(folder: Path, names: Sequence[str]) -> None:
    """Loss and gradient norm of five steps, for every model of another family and mesh."""
    alone: Any = cache(lambda case: families.learned(case, folder)[0])
    wanted = {
        (case.mesh, case.model): case
        for case in test_families.GRID if case.mesh is not None and (not names or case.model in names)
    }  # fmt: skip
    for depth in {case.depth for case in wanted.values()}:
        families.stored(folder, depth)
    for size in sorted({ranks_of(mesh) for mesh, _ in wanted}):
        for cells in parts([cell for cell in left("family", wanted) if ranks_of(cell[0]) == size]):
            for cell in cells:
                alone(wanted[cell].alone)
            ranks = on_ranks(size, test_families.all_of, [wanted[cell] for cell in cells], folder)
            for cell in cells:
                own = [one[wanted[cell]] for one in ranks]
                found = [one if isinstance(one, str) else one[0] for one in own]
                told("family", *cell, found, lambda cell=cell: alone(wanted[cell].alone))


def of_answers(folder: Path, names: Sequence[str]) -> None:
    """Log-probabilities of answers, for every mesh on up to four ranks."""
    meshes = [mesh for mesh in MESHES if ranks_of(mesh) <= 4]
    for layers in {depth_of(mesh) for mesh in meshes}:
        stored(folder, layers)
    cells = {(mesh, model): Case(model, "sft", mesh) for mesh in meshes for model in names or MODELS}
    alone = cache(lambda case: answered(case, folder))
    for size in (2, 4):
        open_ = [cell for cell, case in cells.items() if case in GRID and ranks_of(case.mesh or "") == size]
        for some in parts(left("answers", open_)):
            ranks = on_ranks(size, answered_of_all, [cells[cell] for cell in some], folder)
            for cell in some:
                told("answers", *cell, [one[cells[cell]] for one in ranks], lambda cell=cell: alone(cells[cell].alone))


def of_objectives(*_: Any) -> None:
    """Figures and gradients of one step, for every objective on ranks that share layers, tokens or stages."""
    alone = cache(objectives.told)
    for row, mesh in left("objective", ((kind, mesh) for mesh in objectives.MESHES for kind in objectives.KINDS)):
        found = [one[row, mesh] for one in on_ranks(2, objectives.all_of, [(row, mesh)])]
        told("objective", row, mesh, [one if isinstance(one, str) else one[:3] for one in found],
             lambda row=row: alone(row)[:3])  # fmt: skip
    for row, column in left("objective", ((kind, "pipeline") for kind in objectives.KINDS)):
        found = [one[row] for one in on_ranks(2, staged.all_of, [row])]
        own = [one if isinstance(one, str) else one[:2] for one in found]  # gradients lie on the stages
        told("objective", row, column, own, lambda row=row: staged.told(row)[:2])


def of_optimizers(folder: Path, _: Any) -> None:
    """Weights after five steps, for every optimizer and placement of weights."""
    cells = {(f"{kind}, {how}", scheme): (kind, how, scheme) for kind, how, scheme in placements.GRID}
    for size in (2, 4):
        open_ = [cell for cell in left("optimizer", cells) if placements.ranks_of(cell[1]) == size]
        for some in parts(open_):
            ranks = on_ranks(size, placements.all_of, size, [cells[cell] for cell in some], [], folder)
            for cell in some:
                case = cells[cell]
                told("optimizer", *cell, [one[case] for one in ranks], lambda case=case: placements.alone(case[:2]))


def of_steps(folder: Path, _: Any) -> None:
    """Loss and gradient norm of five steps, for every optimizer on every mesh that it is not refused on."""
    alone = cache(lambda case: learned(case, folder)[0])
    cells = {cell: steps.case_of(*cell) for cell in steps.GRID}
    for size in (2, 4):
        for some in parts([cell for cell in left("step", cells) if ranks_of(cells[cell].mesh) == size]):
            for cell in some:
                alone(cells[cell].alone)
            ranks = on_ranks(size, all_of, [cells[cell] for cell in some], folder)
            for cell in some:
                own = [one[cells[cell]] for one in ranks]
                found = [one if isinstance(one, str) else one[0] for one in own]
                told("step", *cell, found, lambda cell=cell: alone(cells[cell].alone))


PARTS = {
    "models": models, "families": of_families, "answers": of_answers, "objectives": of_objectives,
    "optimizers": of_optimizers, "steps": of_steps,
}  # fmt: skip
WORDS = {
    **{
        loss: (f"Models, `{loss}`", f"Loss and gradient norm over five steps of `{loss}`, a mesh a row.", MODELS)
        for loss in LOSSES
    },
    "family": (
        "Encoders and encoder-decoders",
        "Loss and gradient norm over five steps of masked words, classes of texts and of words, embeddings, and of "
        "answers and filled-in spans; the last two columns are decoders that transformers has no plan for.",
        tuple(families.FAMILIES),
    ),
    "answers": (
        "Answers", "Log-probabilities of drawn answers, whose tokens are the same, on every rank of meshes of two and "
        "four.",
        tuple(MODELS),
    ),
    "objective": (
        "Objectives", "Figures and gradients of a step on two ranks (on `pipeline` figures).",
        (*objectives.MESHES, "pipeline"),
    ),
    "step": (
        "Optimizers on meshes", "Loss and gradient norm over five steps of `sft`, in float64 but for routers and "
        "logits that are noted; on `expert` of a mixture. SOAP takes its basis from gradients: in directions that "
        "these few tokens do not reach, rounding chooses it; on weights placed by hand, below, it is exact.",
        tuple(steps.PLACEMENTS),
    ),
    "optimizer": (
        "Optimizers on weights placed by hand",
        "Weights after five steps; `exact` computes in float64, the others keep what their name says.",
        tuple(placements.SCHEMES),
    ),
}  # fmt: skip


def page(found: Figures) -> str:
    """Every table; `-` is what no mesh can, and an empty cell what was not measured."""
    lines = [
        "# Meshes beside one process", "",
        f"Written by `python -m tests.parallel.matrix`, last on {date.today()}, torch {torch.__version__}, gloo: the "
        "largest difference from one process, relative to the largest number. `-` is what the mesh is not for, and an "
        "empty cell was not measured.",
    ]  # fmt: skip
    for table, (title, what, columns) in WORDS.items():
        own = found.get(table, {})
        lines += ["", f"## {title}", "", what, "", f"| | {' | '.join(columns)} |", "|" + "---|" * (len(columns) + 1)]
        rows = {**dict.fromkeys(LOSSES, MESHES), "step": steps.OPTIMIZERS, "family": test_families.ROWS}.get(table, own)
        lines += [
            f"| {row} | " + " | ".join(cell(table, row, column, own) for column in columns) + " |" for row in rows
        ]
        lines += reasons() if table == "step" else ()
    return "\n".join([*lines, ""])


def reasons() -> list[str]:
    """Why the pairs that are refused are."""
    found: dict[str, list[str]] = {}
    for kind, placement in steps.REFUSED:
        found.setdefault(str(steps.refusal(kind, placement)), []).append(f"{kind} on {placement}")
    return ["", "`refused` before ranks start:", "", *(f"- {', '.join(who)}: {why}" for why, who in found.items())]


def cell(table: str, row: str, column: str, own: Mapping[str, Mapping[str, Any]]) -> str:
    loss = "sft" if table == "answers" else table
    if loss in LOSSES and Case(column, loss, row) not in GRID:
        return "-"
    if table == "family" and not families.can_be(column, row):
        return "-"
    if table == "step" and (row, column) in steps.REFUSED:
        return "refused"
    figure = own.get(row, {}).get(column, "")
    return figure if isinstance(figure, str) else f"{figure:.0e}"


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    names = [word for word in words if word in (*MODELS, *families.FAMILIES)]
    chosen = [part for part in PARTS if part in words] or (["models", "families"] if names else list(PARTS))
    with tempfile.TemporaryDirectory() as folder:
        for part in chosen:
            PARTS[part](Path(folder), names)


if __name__ == "__main__":
    open_nursery()
    main()

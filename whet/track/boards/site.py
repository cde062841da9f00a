"""Boards as a site of files: one page a board, an index, and the entries as JSON, to be put on any web server."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whet.track.boards.board import Board
from whet.track.reports.page import page

_COLUMNS = (
    "rank",
    "run",
    "score",
    "step",
    "seconds",
    "hardware",
    "energy_j",
    "cost",
    "entered_by",
    "command",
    "commit",
)


def write(boards: Sequence[Board], folder: Path, script: str, style: str) -> list[Path]:
    """Write the site. Returns its files; others in the folder stay. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{board.id}.html": page(as_report(board), script, style) for board in boards}
    files |= {f"{board.id}.json": board.model_dump_json(indent=1) for board in boards}
    files["index.html"] = _index(boards, style)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in sorted(files)]


def as_report(board: Board) -> dict[str, Any]:
    """A board in the form of a frozen report: its task, the entries, and their curves."""
    runs = [entry.run for entry in board.ranked]
    frozen = "\n".join(f"- `{name}` = `{value}`" for name, value in board.frozen.items())
    order = "lowest" if board.is_lower_better else "highest"
    text = f"{board.about}\n\nOrdered by `{board.metric}`, the {order} first."
    if frozen:
        text += f"\n\nEvery entry has\n\n{frozen}"
    blocks: list[dict[str, Any]] = [
        {"kind": "text", "text": text}, {"kind": "table", "title": "", "runs": runs, "columns": list(_COLUMNS)},
    ]  # fmt: skip
    shown: list[dict[str, Any]] = [{}, {"rows": _rows(board)}]
    for name in board.curves:
        series = [
            {"run": entry.run, "metric": name, "unit": "steps", "marks": [], **entry.curves[name].model_dump()}
            for entry in board.ranked
            if name in entry.curves
        ]
        blocks.append({"kind": "chart", "title": name, "runs": runs, "metrics": [name], "x": "step", "smoothing": 0.0})
        shown.append({"series": series})
    return {"report": {"id": board.id, "title": board.title, "blocks": blocks, "changed": board.made}, "shown": shown}


def _rows(board: Board) -> list[dict[str, Any]]:
    return [
        {
            "run": entry.run,
            "values": [
                rank, entry.run, entry.score, entry.step, round(entry.duration_s, 1), entry.hardware, entry.energy_j,
                entry.cost, entry.by, entry.command, entry.commit[:12],
            ],
        }
        for rank, entry in enumerate(board.ranked, 1)
    ]  # fmt: skip


def _index(boards: Sequence[Board], style: str) -> str:
    rows = "\n".join(
        f'<li><a href="{html.escape(board.id)}.html">{html.escape(board.title)}</a>, {len(board.entries)} entries</li>'
        for board in boards
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Boards</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<div id="report"><h1>Boards</h1>\n<ul>\n{rows}\n</ul></div>\n</body>\n</html>\n'
    )

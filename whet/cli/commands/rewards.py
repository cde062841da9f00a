"""`whet rewards`: score completions of a file, to see what a reward says before anything is trained on it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from whet.cli.arguments import whole
from whet.cli.plugins import add_plugin_argument
from whet.cli.rewards import add_reward_arguments, rewards_of

if TYPE_CHECKING:
    from whet.contracts.rewards import Grading, Task

_SHOWN = 48  # characters of a completion in the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="JSON lines with `prompt` (or `messages`, `question`) and `completion`(s)")
    add_reward_arguments(parser)
    parser.add_argument("--limit", type=whole(1), metavar="N", help="rows to score (default: all)")
    parser.add_argument("--json", action="store_true", help="print each completion with its scores as a JSON line")
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.rewards.build import build_grader

    settings = rewards_of(args)
    tasks = list(_tasks(args.file, args.limit))
    grader = build_grader(settings)
    try:
        grading = grader.grade(tasks)
    finally:
        grader.close()
    if args.json:
        for line in _lines(tasks, grading):
            print(json.dumps(line, ensure_ascii=False))
    else:
        _table(tasks, grading, grader.names)
    _failures(grading, sum(len(task.completions) for task in tasks))
    _abstained(grading)
    return 0 if any(total is not None for grades in grading.grades for total in grades.totals) else 1


def _tasks(file: str, limit: int | None) -> Iterator[Task]:
    from whet.base.errors import DataError
    from whet.contracts.rewards import Task

    for number, row in enumerate(_rows(file)):
        if limit is not None and number >= limit:
            return
        completions = row.pop("completions", None) or row.pop("completion", None)
        completions = [completions] if isinstance(completions, str) else completions
        if not isinstance(completions, list) or not all(isinstance(text, str) for text in completions):
            raise DataError(
                f"row {number} has neither a text `completion` nor a list of `completions`; it has {', '.join(row)}",
                at=f"{file}:{number + 1}",
                hint='{"prompt": "2 + 2?", "completion": "4", "answer": "4"}',
            )
        yield Task(_prompt(row), completions, row)


def _rows(file: str) -> Iterator[dict[str, Any]]:
    from whet.base.errors import DataError
    from whet.base.regular import opened

    try:
        with opened(file, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise DataError("a row is an object", at=f"{file}:{number}", hint='{"completion": "Paris"}')
                    yield row
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}", hint="give a .jsonl file") from None
    except ValueError as error:
        raise DataError(f"a line is not JSON: {error}", at=f"{file}:{number}", hint="one object a line") from None


def _prompt(row: dict[str, Any]) -> list[dict[str, Any]]:
    for name in ("messages", "prompt", "question", "instruction"):
        if isinstance(row.get(name), list):
            return row[name]
        if isinstance(row.get(name), str):
            return [{"role": "user", "content": row[name]}]
    return []


def _lines(tasks: Sequence[Task], grading: Grading) -> Iterator[dict[str, Any]]:
    for number, (task, grades) in enumerate(zip(tasks, grading.grades, strict=True)):
        for place, completion in enumerate(task.completions):
            scores = {name: values[place] for name, values in grades.scores.items()}
            yield {"row": number, "completion": completion, "total": grades.totals[place], "scores": scores}


def _table(tasks: Sequence[Task], grading: Grading, names: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for title in ("row", "completion"):
        table.add_column(title, justify="right" if title == "row" else "left")
    for title in (*names, "total"):
        table.add_column(title, justify="right")
    totals: dict[str, list[float]] = {name: [] for name in (*names, "total")}
    for line in _lines(tasks, grading):
        values = {**line["scores"], "total": line["total"]}
        table.add_row(str(line["row"]), _short(line["completion"]), *(_number(values[name]) for name in totals))
        for name, seen in totals.items():
            seen += [] if values[name] is None else [values[name]]
    means = [_number(sum(seen) / len(seen)) if seen else "-" for seen in totals.values()]
    table.add_section()
    table.add_row("", "mean", *means)
    Console(soft_wrap=False, markup=False, emoji=False).print(table)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} ... {text[-_SHOWN // 2 :]}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _failures(grading: Grading, num: int) -> None:
    """What failed and one example of each, on stderr."""
    for name, reasons in grading.failures.items():
        for reason, count in reasons.items():
            print(f"`{name}` failed on {count:,} of {num:,} completions: {reason}", file=sys.stderr)
        if name in grading.examples:
            print(f"  such as: {grading.examples[name]}", file=sys.stderr)


def _abstained(grading: Grading) -> None:
    """Rewards that failed on nothing and gave no score either."""
    for name in grading.grades[0].scores if grading.grades else ():
        scores = [score for grades in grading.grades for score in grades.scores[name]]
        if name not in grading.failures and not any(score is not None for score in scores):
            print(f"`{name}` gave none of {len(scores):,} completions a score: it abstained (None)", file=sys.stderr)

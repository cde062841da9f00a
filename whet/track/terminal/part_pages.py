"""Parts of a run as text for terminals: rows as rendered, refused rows, rollouts, media, lineage, evaluations, mesh,
the plan.

Each of them stands as a view of its own on the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from whet.base.units import figure, size
from whet.track.reading.read import Event
from whet.track.recorded.belongings import KeptEvaluation, RefusedRows
from whet.track.recorded.lineage import Lineage, Node
from whet.track.recorded.mesh import Mesh
from whet.track.recorded.plan_reading import PlanBeside
from whet.track.recorded.rollouts_reading import Rollout
from whet.track.terminal.progress import printable
from whet.track.terminal.terminal_page import align

# What is shown of a text that has no end, where a role's name ends, and of how many things something is said to be.
_MOST, _ROLE, _ORIGINS = 240, 10, 4


def data_page(found: Mapping[str, Any]) -> str:
    """Rows role by role, `>` before what is learned, and those that training leaves out."""
    source = _name(found["sources"][found["source"]])
    parts = ["\n".join(_rendered(source, row)) for row in found["shown"]]
    parts += [f"{source} row {one['row']} is left out ({one['reason']}): {one['detail']}" for one in found["refused"]]
    if found["next"] is not None:
        parts.append(f"{source} goes on at --from {found['next']}")
    return "\n\n".join(parts) or f"{source}: no such rows"


def refused_page(found: RefusedRows) -> str:
    """How many rows did not come through whole for which reason, and each of them."""
    if not found.total:
        return "no such row was left out or changed"
    counts = [f"{count:,} {action} ({reason})" for (action, reason), count in sorted(found.counts.items())]
    head = ("ACTION", "REASON", "SOURCE", "ROW", "DETAIL")
    lines = [(one.action, one.reason, _name(one.source), str(one.row), _cut(one.detail)) for one in found.rows]
    more = [f"the first {len(lines):,} of {found.total:,}"] if len(lines) < found.total else []
    return "\n".join(["; ".join(counts), align([head, *lines], right={3}), *more])


def rollouts_page(found: Sequence[Rollout]) -> str:
    """Prompts, each with its answers, the best first, and what every reward said of them."""
    parts = []
    for one in found:
        asked = next((m for m in reversed(one.prompt) if m.get("role") == "user"), {"content": ""})
        answers = sorted(one.answers, key=lambda answer: -_rank(answer.get("reward")))
        title = f"step {one.step}, {_name(one.source)} row {one.row}: {_cut(str(asked.get('content') or ''))}"
        parts.append("\n".join([title, *(line for answer in answers for line in _answer(answer))]))
    return "\n\n".join(parts) or "no such rollout is kept"


def media_page(found: Sequence[Event]) -> str:
    """What was logged beside numbers: step, name, kind, and the file or the words."""
    lines = [
        (str(event.step), str(event.payload.get("name") or ""), str(entry.get("type") or ""), _shown(entry))
        for event in found
        for entry in event.payload.get("entries") or ()
    ]
    clean = [tuple(printable(cell) for cell in line) for line in lines]
    return align([("STEP", "NAME", "KIND", "WHAT"), *clean], right={0}) if lines else "no such media were logged"


def lineage_page(found: Lineage) -> str:
    """Each node below what it was made of."""
    named = {node.id: node for node in found.nodes}
    lines = []
    for node in found.nodes:
        before = [_said(named[first]) for first, second in found.edges if second == node.id and first in named]
        more = f" and {len(before) - _ORIGINS} more" if len(before) > _ORIGINS else ""
        lines.append((node.kind, _said(node), f"of {', '.join(before[:_ORIGINS])}{more}" if before else ""))
    rest = ["there is more than is shown"] if found.is_partial else []
    return "\n".join([align(lines), *rest]) if lines else "nothing was made yet"


def evaluations_page(found: Sequence[KeptEvaluation], held_out: Mapping[str, tuple[int, float]]) -> str:
    """A line a figure, with its 95 % interval; and what was measured last while the run trained."""
    lines = [("TASK", "MODEL", "FIGURE", "VALUE", "95_%", "N")]
    for one in found:
        figures = one.result.get("figures")
        for name, told in figures.items() if isinstance(figures, Mapping) else ():
            lines.append((one.task, _name(str(one.result.get("model") or "-")), str(name), *_measured(told)))
    lines += [(name, "-", f"step_{step}", figure(value), "-", "-") for name, (step, value) in held_out.items()]
    return align(lines, right={3, 5}) if len(lines) > 1 else "nothing was measured yet: `whet evaluate RUN --task TASK`"


def mesh_page(found: Mesh) -> str:
    """The axes, a line a rank with its place on each of them, and a line for weights that lie alike."""
    if not found.sizes:
        return "it ran on one process, or tells of no mesh"
    axes, total = list(found.sizes), len(found.ranks)
    sizes = " x ".join(f"{printable(axis)} {count}" for axis, count in found.sizes.items())
    head = ("RANK", *(axis.upper() for axis in axes), "WEIGHTS")
    ranks = [(str(one.rank), *(str(one.place.get(axis, "-")) for axis in axes), size(one.bytes)) for one in found.ranks]
    weights = [
        (
            printable(one.name), str(one.count), "_x_".join(map(str, one.shape)) or "-",
            printable(",".join(f"{axis}:{dim}" for axis, dim in one.cut.items())) or "whole",
            "all" if len(one.ranks) == total else ",".join(map(str, one.ranks)),
        )
        for one in found.weights
    ]  # fmt: skip
    parts = [
        f"mesh: {sizes}",
        align([head, *ranks], right={0, *range(1, len(head))}),
        align([("WEIGHT", "TIMES", "SHAPE", "CUT_BY_AXIS:DIM", "RANKS"), *weights], right={1}),
    ]
    return "\n\n".join(parts)


def plan_page(found: PlanBeside) -> str:
    """Memory that was planned, and beside it what was measured; the planned peak part by part; and what was `auto`."""
    if not found.rows and not found.why:
        return "no memory was planned"
    parts = []
    if found.rows:
        lines = [(one.name, _bytes(one.planned), _bytes(one.measured), _apart(one.apart)) for one in found.rows]
        parts.append(align([("MEMORY", "PLANNED", "MEASURED", "APART"), *lines], right={1, 2, 3}))
    if found.moment is not None:
        peak = "; ".join(f"{printable(name)} {size(num)}" for name, num in found.components.items())
        parts.append(f"planned peak ({printable(found.moment)}): {peak}")
    parts += [printable(words) for words in found.why.values()]
    return "\n\n".join(parts)


def _bytes(value: float | None) -> str:
    return "-" if value is None else size(value).replace(" ", "_")


def _apart(share: float | None) -> str:
    return "-" if share is None else f"{share:+.1%}"


def _rendered(source: str, row: Mapping[str, Any]) -> Iterator[str]:
    tokens = row["tokens"]
    learned = sum(token["weight"] != 0 for token in tokens)
    part = f", {row['part']}" if row["part"] else ""
    yield f"{source} row {row['row']}{part}: {len(tokens):,} tokens, {learned:,} learned"
    for (role, weight), stretch in groupby(tokens, key=lambda token: (token["role"], token["weight"])):
        text = "|".join(str(token["text"]) for token in stretch).replace("\n", "\\n")
        yield f"  {role:<{_ROLE}} {weight:g} {'>' if weight else ' '} {printable(text)}"


def _answer(answer: Mapping[str, Any]) -> Iterator[str]:
    reward = answer.get("reward")
    scores = answer.get("scores") or {}
    told = ", ".join(f"{name} {_number(value)}" for name, value in scores.items())
    yield f"  {_number(reward):>8}  {_cut(str(answer.get('text') or '(empty)'))}" + (f"  ({told})" if told else "")
    for message in answer.get("messages") or ():
        calls = "".join(f" {call}" for call in message.get("tool_calls") or ())
        yield f"            {message.get('role')}: {_cut(str(message.get('content') or ''))}{printable(calls)}"


def _measured(told: Any) -> tuple[str, str, str]:
    value = told.get("value") if isinstance(told, Mapping) else told
    low, high, n = (told.get(name) if isinstance(told, Mapping) else None for name in ("low", "high", "n"))
    interval = "-" if low is None or high is None else f"{_number(low)}_to_{_number(high)}"
    return _number(value), interval, "-" if n is None else str(n)


def _said(node: Node) -> str:
    text = node.text
    if node.kind == "input":
        place, _, path = text.partition(": ")
        text = f"{_name(path)} ({place})" if path else text
    figures = [f"{name} {_number(v)}" for name, v in node.facts.items() if name in ("loss", "accuracy", "perplexity")]
    held = node.facts.get("bytes")
    more = [*figures, *([size(held)] if isinstance(held, int) else [])]
    return printable(f"{text} ({', '.join(more)})" if more else text)


def _shown(entry: Mapping[str, Any]) -> str:
    return _cut(str(entry.get("path") or entry.get("text") or entry.get("caption") or ""))


def _rank(value: Any) -> float:
    number = _float(value)
    return -math.inf if math.isnan(number) else number


def _number(value: Any) -> str:
    number = _float(value)
    return "-" if value is None else figure(number) if not math.isnan(number) else str(value)


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _name(path: str) -> str:
    return printable(path.rstrip("/").rpartition("/")[2]) or "-"


def _cut(text: str) -> str:
    line = printable(text)
    return line if len(line) <= _MOST else f"{line[: _MOST - 3]}..."

"""Lineage of a run: what it was made of and what was made of it, as a graph: data and base, rows, steps, checkpoints,
models, evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from whet.track.reading.read import History
from whet.track.recorded.belongings import KeptCheckpoint, checkpoints, evaluations, models
from whet.track.recorded.evidence import files_of
from whet.track.recorded.row_frames import StepRows
from whet.track.recorded.rows import every_step
from whet.track.recorded.rows_index import rows_of
from whet.track.registry.registry import Registry, folder_of

# Steps that are looked through for a row, rows of a step that are shown, and steps that are shown of a row.
MOST_STEPS, MOST_ROWS, MOST_FOUND = 200_000, 50, 100
# Kinds of what is made in the end.
_ENDS = ("model", "evaluation")


@dataclass(frozen=True, slots=True)
class Node:
    """Something in a run: `kind` is input, row, steps, checkpoint, model or evaluation. `path` lies in its folder."""

    id: str
    kind: str
    text: str
    step: int | None = None
    path: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lineage:
    """Nodes, and edges from what something was made of to what was made of it. `is_partial`: there is more."""

    nodes: list[Node]
    edges: list[tuple[str, str]]
    is_partial: bool = False


def lineage(folder: Path, logs: History) -> Lineage:
    """The whole run: inputs, the steps between checkpoints, checkpoints, models, evaluations, versions of models."""
    inputs, spans, stored = _inputs(folder), _spans(folder, logs), checkpoints(folder)
    edges = [(one.id, spans[0].id) for one in inputs] if spans else []
    edges += [(before.id, after.id) for before, after in zip(spans, spans[1:], strict=False)]
    points = [_checkpoint(one) for one in stored]
    edges += [(_span_of(spans, one.step or 0).id, one.id) for one in points if spans]
    made, more = _made(folder, spans, points)
    kept, last = _versions(folder, made)
    return Lineage([*inputs, *spans, *points, *made, *kept], [*edges, *more, *last])


def of_step(folder: Path, logs: History, step: int) -> Lineage:
    """The rows that a step learned from, and what was made of it: the next checkpoint and all that follows."""
    whole, node = lineage(folder, logs), Node(f"step:{step}", "steps", f"step {step}", step)
    every = [row for one in rows_of(folder, step) for row in _rows(one)]
    rows = every[:MOST_ROWS]
    files, read = _files_of(whole, rows)
    nodes, edges = _behind(whole, node)
    first = read + [(row.id, node.id) for row in rows]
    return Lineage([*files, *rows, node, *nodes], first + edges, len(every) > MOST_ROWS)


def of_row(folder: Path, whole: Lineage, source: str, row: int) -> Lineage:
    """The steps that learned from a row, each with the losses it had then, and all of the `whole` that came of them.

    O(steps of the run), of which the first MOST_STEPS are looked through.
    """
    about = {"source": source, "row": row}
    node = Node(f"row:{source}#{row}", "row", f"{PurePath(source).name} row {row}", facts=about)
    found, looked = [], 0
    for one in islice(every_step(folder), MOST_STEPS):
        looked += 1
        if losses := _losses(one, source, row):
            found.append(Node(f"step:{one.step}", "steps", f"step {one.step}", one.step, facts={"losses": losses}))
    steps = found[:MOST_FOUND]
    files, edges = _files_of(whole, [node])
    edges += [(node.id, step.id) for step in steps]
    made = dict[str, Node]()
    for step in steps:
        nodes, more = _behind(whole, step)
        made |= {one.id: one for one in nodes}
        edges += [pair for pair in more if pair not in edges]
    order = [one for one in whole.nodes if one.id in made]
    return Lineage([*files, node, *steps, *order], edges, len(found) > MOST_FOUND or looked == MOST_STEPS)


def _inputs(folder: Path) -> list[Node]:
    """Files that the run depends on, by their place in its config."""
    return [Node(f"input:{name}", "input", name, facts={"digest": digest}) for name, digest in files_of(folder).items()]


def _spans(folder: Path, logs: History) -> list[Node]:
    """The steps up to each checkpoint, and those behind the last."""
    last, begin, found = logs.last_step, logs.first_step or 0, []
    ends = [one.step for one in checkpoints(folder)]
    if last is not None and (not ends or ends[-1] < last):
        ends.append(last)
    for end in ends:
        if end >= begin:
            found.append(Node(f"steps:{begin}-{end}", "steps", f"steps {begin} to {end}", end))
            begin = end + 1
    return found


def _span_of(spans: Sequence[Node], step: int) -> Node:
    return next((one for one in spans if (one.step or 0) >= step), spans[-1])


def _checkpoint(one: KeptCheckpoint) -> Node:
    name, facts = PurePath(one.path).name, {"bytes": one.bytes}
    return Node(f"checkpoint:{one.step}", "checkpoint", f"checkpoint {name}", one.step, one.path, facts)


def _made(folder: Path, spans: Sequence[Node], points: Sequence[Node]) -> tuple[list[Node], list[tuple[str, str]]]:
    """Models and evaluations, each behind what it was made of: a checkpoint that it names, else the model."""
    origin = spans[-1].id if spans else None
    nodes, edges = [], []
    for one in models(folder):
        nodes.append(Node(f"model:{one.path}", "model", one.path, None, one.path, {"bytes": one.bytes}))
        before = origin if one.path == "model" else "model:model"
        edges += [(before, nodes[-1].id)] if before else []
    known = {one.path: one.id for one in (*points, *nodes) if one.path}
    for told in evaluations(folder):
        node = Node(f"evaluation:{told.path}", "evaluation", told.task, None, told.path, _figures(told.result))
        of = next((id for path, id in known.items() if str(told.result.get("model") or "").endswith(path)), None)
        nodes.append(node)
        before = of or (known.get("model") or origin)
        edges += [(before, node.id)] if before else []
    present = {one.id for one in (*spans, *points, *nodes)}
    return nodes, [pair for pair in edges if pair[0] in present]


def _versions(folder: Path, made: Sequence[Node]) -> tuple[list[Node], list[tuple[str, str]]]:
    """The versions of the registry that hold models of the run, each behind its model."""
    registry, home = Registry(folder_of(folder.parent)), folder.resolve()
    ids = {home / one.path: one.id for one in made if one.path}
    nodes, edges = [], []
    for model, version in registry.state().all_versions():
        before = ids.get(Path(str(version.about.get("source") or "")))
        if before is not None:
            aliases = "".join(f" @{alias}" for alias in model.aliases_of(version.number))
            text = f"registry:{model.name}/{version.number}{aliases}"
            nodes.append(Node(f"version:{model.name}/{version.number}", "model", text))
            edges.append((before, nodes[-1].id))
    return nodes, edges


def _files_of(whole: Lineage, rows: Sequence[Node]) -> tuple[list[Node], list[tuple[str, str]]]:
    """The inputs that rows stand in, and which of them which."""
    edges = [
        (one.id, row.id)
        for one in whole.nodes
        for row in rows
        if one.kind == "input" and _is_in(one.text, str(row.facts["source"]))
    ]
    used = {first for first, _ in edges}
    return [one for one in whole.nodes if one.id in used], edges


def _is_in(text: str, source: str) -> bool:
    """Whether an input, told as `place: path`, is a source, by the last part of their paths."""
    place, _, path = text.partition(": ")
    return place.startswith("data.") and PurePath(path).name == PurePath(source).name


def _behind(whole: Lineage, node: Node) -> tuple[list[Node], list[tuple[str, str]]]:
    """What a step led to: the next checkpoint, the models of the run, and all that was made of these."""
    spans = [one.id for one in whole.nodes if one.kind == "steps"]
    named = {one.id: one for one in whole.nodes}
    later = [one.id for one in whole.nodes if one.kind == "checkpoint" and (one.step or 0) >= (node.step or 0)][:1]
    ends = [after for before, after in whole.edges if before in spans[-1:] and named[after].kind in _ENDS]
    edges = [(node.id, one) for one in (*later, *ends)]
    reached = {*later, *ends}
    for before, after in whole.edges:  # what something was made of stands before it
        if before in reached:
            edges.append((before, after))
            reached.add(after)
    return [one for one in whole.nodes if one.id in reached], edges


def _rows(one: StepRows) -> Iterator[Node]:
    for index in range(len(one)):
        facts = _facts(one, index)
        text = f"{PurePath(facts['source']).name} row {facts['row']}"
        yield Node(f"row:{facts['source']}#{facts['row']}.{facts['part']}", "row", text, facts=facts)


def _facts(one: StepRows, index: int) -> dict[str, Any]:
    source, row, part = one.place(index)
    loss = float(one.columns["loss"][index]) if "loss" in one.columns else float("nan")
    return {"source": source, "row": row, "part": part, "loss": loss, "rank": one.rank}


def _losses(one: StepRows, source: str, row: int) -> list[float]:
    """Those of a row in a step, in each of its parts."""
    places = (one.columns["row"] == row).nonzero()[0].tolist()
    found = (_facts(one, index) for index in places)
    return [facts["loss"] for facts in found if facts["source"] == source]


def _figures(result: dict[str, Any]) -> dict[str, Any]:
    figures = result.get("figures")
    found = figures if isinstance(figures, dict) else {}
    return {name: one.get("value") for name, one in list(found.items())[:12] if isinstance(one, dict)}

"""Solutions step by step, each step marked right or wrong, for process reward models."""

from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Stepwise
from whet.data.rows.columns import one_text, what


def _matches(row: dict[str, Any]) -> bool:
    is_ours = isinstance(row.get("completions"), list) and isinstance(row.get("labels"), list)
    return (isinstance(row.get("prompt"), str) and is_ours) or _is_prm800k(row)


@data_format(
    "stepwise", matches=_matches, priority=88, columns=("prompt", "completions", "labels"), makes=("stepwise",)
)
def stepwise(row: dict[str, Any]) -> Stepwise:
    """`prompt`, `completions` (steps) and `labels` (true, false, or a chance), as TRL has it; or PRM800K's rows."""
    if _is_prm800k(row):
        return _prm800k(row)
    steps, labels = row["completions"], row["labels"]
    if len(steps) != len(labels) or not steps:
        raise DataError(f"{len(steps)} steps have {len(labels)} labels", hint="one label a step")
    return Stepwise(one_text(row["prompt"], "prompt"), [one_text(s, "completions") for s in steps], _chances(labels))


def _is_prm800k(row: dict[str, Any]) -> bool:
    question, label = row.get("question"), row.get("label")
    return isinstance(question, Mapping) and isinstance(label, Mapping) and "problem" in question and "steps" in label


def _prm800k(row: dict[str, Any]) -> Stepwise:
    """The path that was gone on with: the chosen completion of each step, the rated one where none was chosen.

    A rating of 1 or 0 (right, or neither right nor wrong) counts as right, -1 as wrong; the path ends there.
    """
    steps: list[str] = []
    labels: list[float] = []
    for step in row["label"]["steps"]:
        rated = [c for c in step.get("completions") or () if c.get("rating") is not None]
        chosen = step.get("chosen_completion")
        picked = step["completions"][chosen] if chosen is not None else rated[0] if rated else None
        if picked is None or picked.get("rating") is None:
            break
        steps.append(one_text(picked["text"], "text"))
        labels.append(float(picked["rating"] >= 0))
        if picked["rating"] < 0:
            break
    if not steps:
        raise DataError("no step has a rating", hint="leave the row out")
    return Stepwise(one_text(row["question"]["problem"], "problem"), steps, labels)


def _chances(labels: list[Any]) -> list[float]:
    for label in labels:
        if not isinstance(label, bool | int | float) or not 0 <= label <= 1:
            raise DataError(f"a step's label is {what(label)}", hint="true, false, or a chance between 0 and 1")
    return [float(label) for label in labels]

"""Charts under the names of `wandb.plot`: each is a table with a word on how to draw it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whet.track.script.media.base import MediaFolder, as_array
from whet.track.script.media.words import Table


class Chart(Table):
    """A table and how to draw it: the form, and which column is what."""

    kind = "chart"

    def __init__(self, form: str, table: Table, title: str | None, **columns: str) -> None:
        super().__init__(columns=table.columns, data=table.data)
        self._drawn = {"form": form, "title": title or "", "fields": columns}

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        return {**super().store(folder), **self._drawn}


def line(table: Table, x: str, y: str, stroke: str | None = None, title: str | None = None, **ignored: Any) -> Chart:
    """A line through the rows of a table, one for each value of `stroke`."""
    return Chart("line", table, title, x=x, y=y, **({"stroke": stroke} if stroke else {}))


def scatter(table: Table, x: str, y: str, title: str | None = None, **ignored: Any) -> Chart:
    """A dot for each row."""
    return Chart("scatter", table, title, x=x, y=y)


def bar(table: Table, label: str, value: str, title: str | None = None, **ignored: Any) -> Chart:
    """A bar for each row."""
    return Chart("bar", table, title, label=label, value=value)


def histogram(table: Table, value: str, title: str | None = None, **ignored: Any) -> Chart:
    """How often the values of a column occur."""
    return Chart("histogram", table, title, value=value)


def line_series(
    xs: Any, ys: Any, keys: Any = None, title: str | None = None, xname: str = "x", **ignored: Any
) -> Chart:
    """Several lines: one list of xs for all, or one for each of `ys`."""
    shared = bool(len(xs)) and not isinstance(xs[0], Sequence)
    names = list(keys or [f"line {number}" for number in range(len(ys))])
    rows = [
        [x, names[number], y]
        for number, values in enumerate(ys)
        for x, y in zip(xs if shared else xs[number], values, strict=False)
    ]
    return Chart("line", Table([xname, "line", "y"], rows), title, x=xname, y="y", stroke="line")


def confusion_matrix(
    probs: Any = None,
    y_true: Any = None,
    preds: Any = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    **ignored: Any,
) -> Chart:
    """How often each class was taken for each. `preds` are classes, or `probs` (N, classes) their probabilities."""
    import numpy as np

    guessed = np.argmax(as_array(probs), axis=1) if preds is None else as_array(preds).astype(int)
    true = as_array(y_true).astype(int)
    names = list(class_names or [str(n) for n in range(int(max(guessed.max(), true.max())) + 1)])
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (true, guessed), 1)
    rows = [[a, p, int(counts[i, j])] for i, a in enumerate(names) for j, p in enumerate(names)]
    fields = {"actual": "Actual", "predicted": "Predicted", "count": "Count"}
    return Chart("confusion matrix", Table(list(fields.values()), rows), title, **fields)


def roc_curve(y_true: Any, y_probas: Any, labels: Any = None, title: str | None = None, **ignored: Any) -> Chart:
    """True over false positives of each class, at every threshold that changes them."""
    return _by_threshold("roc", y_true, y_probas, labels, title)


def pr_curve(y_true: Any, y_probas: Any, labels: Any = None, title: str | None = None, **ignored: Any) -> Chart:
    """Precision over recall of each class, at every threshold that changes them."""
    return _by_threshold("pr", y_true, y_probas, labels, title)


def _by_threshold(form: str, y_true: Any, y_probas: Any, labels: Any, title: str | None) -> Chart:
    import numpy as np

    true, probabilities = as_array(y_true).astype(int), as_array(y_probas)
    rows: list[list[Any]] = []
    for number in range(probabilities.shape[1]):
        order = np.argsort(-probabilities[:, number], kind="stable")
        is_hit = true[order] == number
        hits, misses = np.cumsum(is_hit), np.cumsum(~is_hit)
        # Equal scores fall together: only the last of each counts.
        last = np.append(np.diff(probabilities[order, number]) != 0, True)
        recall = hits[last] / max(1, is_hit.sum())
        other = misses[last] / max(1, (~is_hit).sum()) if form == "roc" else hits[last] / (hits + misses)[last]
        x, y = (other, recall) if form == "roc" else (recall, other)
        name = str(labels[number]) if labels else str(number)
        rows += [[name, float(a), float(b)] for a, b in zip(x, y, strict=True)]
    x_name, y_name = ("fpr", "tpr") if form == "roc" else ("recall", "precision")
    return Chart(form, Table(["class", x_name, y_name], rows), title, x=x_name, y=y_name, stroke="class")

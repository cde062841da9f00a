"""Labels: names of classes and their numbers, found in the data or given, and checked before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whet.base.errors import INSPECT, DataError
from whet.contracts.reading import Classes, Tags
from whet.contracts.rows import Classified, Row, Tagged
from whet.data.refusal import Refused, RowRefused
from whet.data.rows.columns import number
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source

IGNORED = -100
LabelledReading = Classes | Tags


@dataclass(frozen=True, slots=True)
class Names:
    """The classes in order. A label is one of their names or, where no name is spelled so, a number from 0."""

    names: tuple[str, ...]

    def number(self, label: Any) -> int:
        """The class of a label. Raises RowRefused where it is none of them."""
        name = name_of(label)
        if name in self.names:
            return self.names.index(name)
        if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(self.names):
            return label
        raise RowRefused("unknown_label", f"the label `{name}` is none of {_list(self.names)}", self._hint(name))

    def _hint(self, name: str) -> str:
        return f"objective.labels=[{','.join((*self.names, name))}]"


def name_of(label: Any) -> str:
    """A label as the name of a class: 1 and 1.0 are `1`, true is `true`."""
    if isinstance(label, bool):
        return str(label).lower()
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label).strip()


def numbers_of(label: Any) -> list[float]:
    """The numbers that a regression learns. Raises RowRefused where one is none, or not finite."""
    values = label if isinstance(label, list | tuple) else [label]
    try:
        return [float(value) if isinstance(value, bool) else number(value, "the label") for value in values]
    except DataError as error:
        is_text = any(isinstance(value, str) for value in values)
        raise RowRefused("bad_label", error.message, "objective.problem=single" if is_text else error.hint) from None


def settle(reading: LabelledReading, sources: Sequence[Source], *, seed: int, may_be_unseen: bool) -> LabelledReading:
    """The reading with its labels: those given, or those that the training sources have, in order.

    Reads all rows once, without tokenising them. Raises DataError at the row with an unknown label, and for a class
    that no row has (unless they `may_be_unseen`).
    """
    if isinstance(reading, Classes) and reading.problem == "regression":
        return replace(reading, labels=_widths(sources, seed))
    seen: Counter[str] = Counter()
    numeric = True
    names = _given(reading.labels) if reading.labels is not None else None
    for at, label in _labels(sources, seed):
        if names is None and isinstance(label, float) and not label.is_integer():
            hint = "objective.problem=regression, or the classes by name: objective.labels=[low,high]"
            raise DataError(f"the label is {label!r}, a number and no class", at=at, hint=hint)
        numeric = numeric and isinstance(label, int | float) and not isinstance(label, bool)
        seen[names.names[_checked(names, label, at)] if names else name_of(label)] += 1
    if names is None:
        names = Names(tuple(sorted(seen, key=(lambda name: (float(name), name)) if numeric else str)))
    _check_seen(names, seen, may_be_unseen)
    return replace(reading, labels=names.names)


def _given(labels: tuple[str, ...]) -> Names:
    """The classes as the config names them. Raises DataError for one that is named twice."""
    once = tuple(dict.fromkeys(labels))
    if once != labels:
        twice = next(name for name, count in Counter(labels).items() if count > 1)
        raise DataError(f"`{twice}` is named twice", at="objective.labels", hint=f"objective.labels=[{','.join(once)}]")
    return Names(labels)


def check(reading: LabelledReading, sources: Sequence[Source], *, seed: int) -> None:
    """Raise DataError at the first row of held-out sources whose label is none of the reading's."""
    if isinstance(reading, Classes) and reading.problem == "regression":
        return
    assert reading.labels is not None
    for at, label in _labels(sources, seed):
        _checked(Names(reading.labels), label, at)


def _checked(names: Names, label: Any, at: str) -> int:
    try:
        return names.number(label)
    except RowRefused as error:
        raise DataError(error.refused.detail, at=at, hint=error.refused.hint) from None


def _check_seen(names: Names, seen: Counter[str], may_be_unseen: bool) -> None:
    unseen = [name for name in names.names if not seen[name]]
    kept = [name for name in names.names if seen[name]]
    if not kept:
        raise DataError("no row has a label", hint=INSPECT)
    if unseen and not may_be_unseen:
        raise DataError(
            f"no row of the training data has the label {_list(unseen)}; they have {_list(kept)}",
            at="objective.labels",
            hint=f"objective.labels=[{','.join(kept)}], or data.allow=[unseen_labels]",
        )
    if len(names.names) < 2:
        said = f"all rows have the label `{kept[0]}`, so there is nothing to tell apart"
        raise DataError(said, at="data.train", hint="rows with other labels beside them")


def _labels(sources: Sequence[Source], seed: int) -> Iterator[tuple[str, Any]]:
    """(where it stands, the label) of every row that has one."""
    for at, row in _rows(sources, seed):
        label = row.label if isinstance(row, Classified) else row.labels if isinstance(row, Tagged) else ()
        for one in label if isinstance(label, list | tuple) else [label]:
            if one != IGNORED:
                yield at, one


def _rows(sources: Sequence[Source], seed: int) -> Iterator[tuple[str, Row]]:
    takes = frozenset({"classified", "tagged"})
    for source in sources:
        for at, row in parse_rows(source, seed=seed, takes=takes):
            if not isinstance(row, Refused):
                yield f"{source.name} row {at}", row


def _widths(sources: Sequence[Source], seed: int) -> tuple[str, ...]:
    """Names of the numbers that each row is to be given: as many as the first row has, and no row another count."""
    width: int | None = None
    for at, row in _rows(sources, seed):
        if not isinstance(row, Classified):
            continue
        try:
            found = len(numbers_of(row.label))
        except RowRefused as error:
            raise DataError(error.refused.detail, at=at, hint=error.refused.hint) from None
        width = found if width is None else width
        if found != width:
            said = f"the row has {found} numbers, and the rows before it have {width}"
            raise DataError(said, at=at, hint=f"{width} numbers in every row")
    return tuple(f"score_{i}" for i in range(width or 1)) if width != 1 else ("score",)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")

"""Finding: what a rule has found in a run, with its evidence, what to type, and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the gravest first


@dataclass(frozen=True, slots=True)
class Message:
    """A text by its id in the catalogue of texts, and what is put into it."""

    id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """A recorded number: its name, value and unit (`s`, `bytes`, `share`, `` of plain ones), whose it is, and when."""

    name: str
    value: float
    unit: str = ""
    step: int | None = None
    writer: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that a step learned from: place in its source, its loss there, and how many of its tokens were trained.

    `loss` is None where none was recorded, and NaN where that was it.
    """

    step: int
    rank: str
    source: str
    row: int
    part: int
    loss: float | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in the steps from `first_step` to `last_step`.

    `what` says it in a line, `remedy` what to do; `typed` is a command, or settings of the next run. `view` is the
    address of what shows it, below the run's page (`samples?step=340`). `kind` is the rule's, put in by whoever asks.
    """

    severity: Severity
    first_step: int
    last_step: int
    what: Message
    remedy: Message
    typed: str
    view: str
    figures: Sequence[Figure] = ()
    rows: Sequence[Row] = ()
    kind: str = ""

    @property
    def key(self) -> str:
        """Tells it from other findings in the run, while the run goes on too."""
        return f"{self.kind} {self.what.id} {self.first_step}"

    def to_dict(self) -> dict[str, Any]:
        """As values that JSON can hold, but for NaN."""
        return asdict(self)

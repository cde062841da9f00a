"""What a run has recorded beside curves: console, rows and tokens of steps, ranks, environment, and its folder."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from whet.base.stated import Stated
from whet.server.answers.values import Number


class ConsoleLine(Stated):
    """A line as a terminal shows it in the end; `number` counts from 0 over all attempts of the rank."""

    number: int
    time: float
    step: int
    attempt: int
    stream: Literal["stdout", "stderr"]
    text: str


class ConsolePage(Stated):
    """Lines of one rank, of `total`; `next` is where the next page or the search goes on. `ranks` have printed."""

    lines: list[ConsoleLine]
    total: int
    next: int | None
    ranks: list[int]


class StepRow(Stated):
    """A row that a step learned from, and what was known of it (`reward`, ...). `text` stands in its source now."""

    model_config = ConfigDict(extra="allow")

    rank: str
    source: str
    row: int
    part: int
    sample: int | None = None
    batch: int | None = None
    tokens: int | None = None
    loss: Number | None = None
    digest: int | None = None
    text: str | None


class StepRows(Stated):
    """The rows of a step, those with the highest loss first, of `total`."""

    step: int
    epoch: Number
    rows: list[StepRow]
    total: int


class TokensOfRow(Stated):
    """A row's tokens: `ids` and `texts` of all; of those that were trained their `places`, `targets` and `losses`.

    `texts` are None where the run's tokenizer cannot be read.
    """

    step: int
    rank: str
    source: str
    row: int
    part: int
    ids: list[int]
    texts: list[str] | None
    places: list[int]
    targets: list[int]
    target_texts: list[str] | None
    losses: list[Number]


class StepTokens(Stated):
    """Rows of a step whose tokens were recorded one by one; `steps` are those that have any."""

    rows: list[TokensOfRow]
    steps: list[int]


class RankMatrix(Stated):
    """Means of a curve by rank (rows) and between `edges` of steps (columns)."""

    name: str
    ranks: list[int]
    edges: list[int]
    means: list[list[Number]]


class PlacedRank(Stated):
    """A rank, its place on each axis of the mesh, and the bytes of weights that lie on it."""

    rank: int
    place: dict[str, int]
    bytes: int


class HeldWeight(Stated):
    """`count` weights of one shape that lie alike on some ranks; each axis that `cut`s them with the dimension."""

    name: str
    count: int
    shape: list[int]
    cut: dict[str, int]
    ranks: list[int]


class MeshPage(Stated):
    """The mesh of a run on several ranks: sizes of its axes, outermost first, where ranks stand, and what they hold."""

    sizes: dict[str, int]
    ranks: list[PlacedRank]
    weights: list[HeldWeight]


class PlanRow(Stated):
    """Bytes of a part of memory: as planned, as measured, and by which share of what was planned they differ."""

    name: str
    planned: Number | None
    measured: Number | None
    apart: Number | None


class PlanBeside(Stated):
    """Memory that was planned for a run beside what was measured: `components` are bytes of the planned peak, and `why`
    says, by setting, why what was `auto` is what it is."""

    rows: list[PlanRow]
    moment: str | None
    components: dict[str, Number]
    why: dict[str, str]


class Environments(Stated):
    """The environment at each start of the run, the oldest first, and what it took so far."""

    starts: list[dict[str, Any]]
    energy_j: Number | None
    cost: Number | None


class LedgerRow(Stated):
    """A row that did not come through whole."""

    source: str
    row: int
    action: str
    reason: str
    detail: str


class LedgerCount(Stated):
    """How many rows were so."""

    action: str
    reason: str
    count: int


class LedgerPage(Stated):
    """Rows that did not come through whole, of `total`, and how many of each reason."""

    rows: list[LedgerRow]
    total: int
    counts: list[LedgerCount]


class CheckpointEntry(Stated):
    """A checkpoint: its path within the run's folder."""

    step: int
    path: str
    bytes: int
    time: float


class ModelEntry(Stated):
    """A model that the run wrote, or an export."""

    path: str
    bytes: int
    time: float


class CheckpointsPage(Stated):
    """Checkpoints by step, and models."""

    checkpoints: list[CheckpointEntry]
    models: list[ModelEntry]


class EvaluationEntry(Stated):
    """What `whet evaluate` found: the result as it was written."""

    path: str
    task: str
    time: float
    result: dict[str, Any]


class EvaluationsPage(Stated):
    """Results, and the names of the curves of evaluations while training."""

    evaluations: list[EvaluationEntry]
    curves: list[str]


class Generation(Stated):
    """What the model answered to a prompt at a step."""

    step: int
    time: float
    prompt: str
    text: str


class GenerationsPage(Stated):
    """Answers, and the steps and prompts that there are."""

    generations: list[Generation]
    steps: list[int]
    prompts: list[str]
    total: int


class Asked(Stated):
    """What was asked of a run."""

    word: str


class ComparedRun(Stated):
    """A run that is compared."""

    name: str
    status: str
    step: int | None


class Comparison(Stated):
    """What differs: of config and outcome each entry with every run's value, in the order of `runs`.

    `facts` are what trainings found as they began, such as the device and the memory that was foretold; `metrics` the
    names of the curves that any of them has.
    """

    runs: list[ComparedRun]
    config: dict[str, list[Any]]
    facts: dict[str, list[Any]]
    outcome: dict[str, list[Any]]
    metrics: list[str]


class Against(Stated):
    """By how much a value is above the baseline's; with a 95 % interval over `n` units where both have the same."""

    difference: Number
    low: Number | None
    high: Number | None
    n: int | None


class MeasuredCell(Stated):
    """A figure of a run, with its 95 % interval and the units behind it; `against` the baseline, where there is one."""

    value: Number
    low: Number | None
    high: Number | None
    n: int | None
    is_best: bool
    against: Against | None


class MeasuredRun(Stated):
    """The newest result of a run, of `count`; `cells` in the order of the task's figures.

    `path` is its file in the run's folder; empty for what was measured while the run trained, last at `step`.
    """

    run: str
    model: str
    path: str
    time: float | None
    step: int | None
    count: int
    cells: list[MeasuredCell | None]


class MeasuredFigure(Stated):
    """A figure, and whether less of it is better; null where that is not known."""

    name: str
    less_is_better: bool | None


class MeasuredTask(Stated):
    """One task with equal settings on the same data, and the runs that have a result of it; `missing` have none."""

    task: str
    settings: dict[str, Any]
    figures: list[MeasuredFigure]
    rows: list[MeasuredRun]
    missing: list[str]


class EvaluationComparison(Stated):
    """Evaluations of many runs: what can be compared stands together."""

    runs: list[str]
    baseline: str
    tasks: list[MeasuredTask]

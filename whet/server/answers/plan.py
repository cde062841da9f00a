"""What a plan is made of: choices, formulas of a class of models, what was measured, and ways to train."""

from __future__ import annotations

from typing import Any

from whet.base.stated import Stated


class PlanModel(Stated):
    """A known model, with its config as it is published."""

    name: str
    short: str
    parameters: int
    context: int | None
    config: dict[str, Any]


class PlanCard(Stated):
    """A card: what a process may take of it, its figures by name, and how its memory is known."""

    name: str
    kind: str
    vendor: str
    device: str
    usable_bytes: int
    figures: dict[str, float]
    how: str


class PlanChoices(Stated):
    """What there is to choose from: `words` are what each mode adds to a command, `form` is the schema of how;
    `narrowed` are optimizers whose state may be kept in another format, `traced` classes that have formulas."""

    models: list[PlanModel]
    cards: list[PlanCard]
    traced: list[str]
    words: dict[str, list[str]]
    narrowed: list[str]
    form: dict[str, Any]
    assumed: dict[str, Any]


class PlanArchitecture(Stated):
    """A class of models: what a config calls its sizes, its weights with their shapes, and the memory of a step in each
    mode, as bytes by expression."""

    model_type: str
    changes: dict[str, Any]
    names: dict[str, str]
    tied: bool
    ends: list[Any]
    layers: dict[str, Any]
    adapted: list[str]
    memory: dict[str, Any]


class PlanMeasured(Stated):
    """What finished runs have moved; nothing where too few agree."""

    measured: dict[str, Any] | None


class PlanWay(Stated):
    """A way to train, with its memory at the most tokens at once that fit, and with one sample at once."""

    settings: list[str]
    learns: str
    fits: bool
    peak_bytes: int
    peak: str
    least_bytes: int
    micro_batch: int
    tokens_per_s: float | None
    why_not: str | None


class PlanWays(Stated):
    """The way that is `chosen`; it and those that none beats (`front`), those of its kind first; by what ways learn why
    they do not fit; and meshes in the order in which they were tried."""

    chosen: PlanWay | None
    front: list[PlanWay]
    beaten: int
    reasons: list[dict[str, Any]]
    meshes: list[dict[str, str]]

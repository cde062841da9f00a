"""What a plan is made of: choices, and the closed forms of `whet.plan.screen`."""

from __future__ import annotations

from typing import Any, Literal

from whet.base.stated import Stated


class PlanModel(Stated):
    """A known model."""

    name: str
    short: str
    parameters: int
    has_experts: bool
    context: int | None


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
    `narrowed` are optimizers whose state may be kept in another format."""

    models: list[PlanModel]
    cards: list[PlanCard]
    gpus: list[int]
    words: dict[str, list[str]]
    narrowed: list[str]
    form: dict[str, Any]
    assumed: dict[str, Any]


class PlanForms(Stated):
    """Closed forms: of a `training` its `steps` and `constants`, of a `serving` what it keeps and makes."""

    kind: Literal["training", "serving"]
    model: dict[str, Any]
    precision: str | None = None
    steps: dict[str, Any] | None = None
    constants: dict[str, Any] | None = None
    serving: dict[str, Any] | None = None

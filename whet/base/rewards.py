"""Rewards: what a run's completions are worth, and who grades them. A section of a run's config."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import Field, model_validator

from whet.base.schema import Settings
from whet.base.settings import Auto, Fraction, Positive, bare_list, choice


class RewardEntry(Settings):
    """One reward and its share. A bare name or `rewards.py:function` is its `reward`, and so are a kind's settings."""

    reward: choice("reward") = Field(description="what is scored", examples=["math"])  # type: ignore[valid-type]
    weight: float = Field(1.0, description="factor on its score in the sum")
    name: str | None = Field(
        None, description="the name in figures; its kind or function by default", examples=["right"]
    )
    timeout_s: Positive | None = Field(
        None,
        description="seconds a call may take; by default 30, and none for kinds with limits of their own, whose "
        "`timeout_s` beside `kind` is that of the kind",
    )
    where: dict[str, str | int | float | bool] = Field(
        {}, description="column -> value of the rows that it scores; all by default", examples=[{"task": "math"}]
    )

    @model_validator(mode="before")
    @classmethod
    def _from_kind(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"reward": value}
        if isinstance(value, dict) and "reward" not in value:
            theirs = _settings_of(value.get("kind"))
            own = {key: inner for key, inner in value.items() if key in cls.model_fields and key not in theirs}
            return own | {"reward": {key: inner for key, inner in value.items() if key not in own}}
        return value


class Rewards(Settings):
    """What completions are worth: the weighted sum of these. A bare list is `functions`."""

    functions: list[RewardEntry] = Field([], description="rewards with their weights")
    workers: Annotated[int, Ge(1), Le(1024)] | Auto = Field(
        "auto", description="processes that grade; as many as there are cores by default"
    )
    max_failed: Fraction = Field(
        0.05, description="share of the last 256 completions that a reward may fail on before the run stops"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return bare_list(value, "functions", "kind", "reward")


def _settings_of(kind: Any) -> Collection[str]:
    """What a kind of reward may be set to: where a name is also the entry's, the kind's is meant."""
    from whet.base.catalogue import reward

    return reward.get(kind).settings.model_fields if isinstance(kind, str) and kind in reward.names() else ()

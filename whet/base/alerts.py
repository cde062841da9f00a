"""Alerts: what people want to be told of a run, and by which channels. A section of a run's config."""

from __future__ import annotations

import difflib
import ipaddress
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from whet.base.schema import Settings
from whet.base.settings import Count, NonNegative, Positive, bare_list, choice

Level = Literal["info", "warn", "error"]
Occasion = Literal["step", "end", "failure", "stall", "nan", "alarm", "diagnosis"]
OCCASIONS: tuple[Occasion, ...] = ("step", "end", "failure", "stall", "nan", "alarm", "diagnosis")


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        context = {"hint": "10.0.0.0/8, fd00::/8, or one address such as 127.0.0.1"}
        raise PydanticCustomError("network", "is no network of IP addresses", context) from None
    return text


# Addresses of a private network, as `10.0.0.0/8`.
Network = Annotated[str, AfterValidator(_network)]


class AlertRule(Settings):
    """When somebody is told. A bare word is its `on`, any other text its `when`."""

    on: Occasion = Field(
        "step",
        description="`step`: a step's figures are as `when` says; `end`: the run has ended in order; `failure`: it has "
        "failed or was killed; `stall`: no step for `after_s`; `nan`: a figure is no finite number; `alarm`: the "
        "watchdog has raised one; `diagnosis`: a rule of `whet diagnose` has found something",
    )
    when: str | None = Field(
        None, description="a filter of figures and config entries, as of `whet runs`", examples=["loss > 10"]
    )
    level: Level | None = Field(
        None,
        description="by default `info` of an end, that of the finding of a diagnosis, `warn` of steps, else `error`",
    )
    title: str | None = Field(None, description="the title of the message; made of the rule by default")
    in_a_row: Count = Field(1, description="steps in a row that must be so")
    after_s: Positive = Field(600.0, description="seconds without a step that are a stall")
    cooldown_s: NonNegative = Field(3600.0, description="seconds before the same rule speaks again")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            near = difflib.get_close_matches(value, OCCASIONS, n=1)
            if near and value not in OCCASIONS and value.isidentifier():
                context = {"hint": f"did you mean `{near[0]}`?"}
                raise PydanticCustomError("rule", "a word alone is an occasion, and none is called so", context)
            return {"on": value} if value in OCCASIONS else {"when": value}
        return value

    @model_validator(mode="after")
    def _can_be_asked(self) -> AlertRule:
        if self.on == "step" and self.when is None:
            context = {"hint": 'when: "loss > 10"'}
            raise PydanticCustomError("rule", "a rule on steps says `when`", context)
        return self


class AlertChannel(Settings):
    """One way to somebody. A bare name is its `channel`, and so are a kind's settings."""

    channel: choice("channel") = Field(description="who carries it", examples=["slack"])  # type: ignore[valid-type]
    level: Level = Field("info", description="the least level that is sent")
    account: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")] | None = Field(
        None, description="whose secrets: `WHET_<ACCOUNT>_...` or a section of the keyring; the kind's name by default"
    )
    allow: list[Network] = Field([], description="networks of private addresses that it may reach")

    @model_validator(mode="before")
    @classmethod
    def _from_kind(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"channel": value}
        if isinstance(value, dict) and "channel" not in value:
            own = {key: inner for key, inner in value.items() if key in cls.model_fields}
            return own | {"channel": {key: inner for key, inner in value.items() if key not in own}}
        return value


class Alerts(Settings):
    """Who is told of what. A bare list is `channels`; without any nobody is told."""

    channels: list[AlertChannel] = Field([], description="ways to somebody", examples=[["slack"]])
    rules: list[AlertRule] = Field(
        ["failure", "end", "stall", "nan", "alarm"],  # type: ignore[list-item]
        description="what is told besides the run's own calls of `alert`",
    )
    most_per_hour: Annotated[int, Ge(1), Le(3600)] = Field(
        30, description="messages an hour on one channel; what is left out is counted in the next"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return bare_list(value, "channels", "kind", "channel")


class Followers(Settings):
    """What a script asks for, of what a config has under `track`."""

    tee: list[choice("follower")] = []  # type: ignore[valid-type]
    alerts: Alerts = Alerts()

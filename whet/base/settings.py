"""Types for settings: bounds that become config validation, JSON Schema and the reference page.

Nothing here imports pydantic or torch, so a slot's file can be read for its settings alone.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from whet.base.paths import file_name, user_path

# Where the config lies that is being read, while it is.
CONFIG_FOLDER: ContextVar[Path | None] = ContextVar("whet.config_folder", default=None)
_SUFFIX = re.compile(r"(#[\d_]+|:\w+)$")  # a number of rows, or a function

Auto = Literal["auto"]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Le(1)]
Momentum = Annotated[float, Ge(0), Lt(1)]
Betas = tuple[Momentum, Momentum]
# What counts may be: numbers that JSON, numpy and torch all hold exactly; and what one step or one tensor may have.
MOST = 2**53
MOST_AT_ONCE = 2**30
Count = Annotated[int, Ge(1), Le(MOST)]
Natural = Annotated[int, Ge(0), Le(MOST)]
Size = Annotated[int, Ge(1), Le(MOST_AT_ONCE)]


@dataclass(frozen=True, slots=True)
class _Path:
    """Marks a text that is a path, or else a name of the hub. One that `is_read` may lie beside the config."""

    is_read: bool

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from whet.base.schema import text_core_schema

        return text_core_schema(handler, _found if self.is_read else _home)


@dataclass(frozen=True, slots=True)
class _Name:
    """Marks a text that names a file or folder."""

    what: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from whet.base.schema import text_core_schema

        return text_core_schema(handler, lambda text: file_name(text, what=self.what))


# A path that is read, and one that is written.
Place = Annotated[str, _Path(is_read=True)]
Output = Annotated[str, _Path(is_read=False)]
RunName = Annotated[str, _Name("run")]


def _home(text: str) -> str:
    """The text, with `~` as the home folder."""
    path = user_path(text)
    return str(path) if text.startswith("~") else text


def _found(text: str) -> str:
    """The text; or the path beside the config, where something is there and nothing in the working folder."""
    given, base = _home(text), CONFIG_FOLDER.get()
    bare = _SUFFIX.sub("", given)
    if base is None or not bare or Path(bare).exists() or not (base / bare).exists():
        return given
    return f"{(base / bare).resolve()}{given[len(bare) :]}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Marks a setting whose value is itself a kind of a slot, such as `rest: optimizer`."""

    slot: str
    default: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from whet.base.choices import choice_core_schema

        return choice_core_schema(self.slot, self.default)

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, str]:
        return {"slot": self.slot}  # `whet.base.json_schema.run_schema` puts the reference in its place


def choice(slot: str, default: str | None = None) -> Any:
    """The type of a setting that takes one kind of `slot`: `rest: choice("optimizer", "adamw")`."""
    return Annotated[Any, Choice(slot, default)]


def bare_list(value: Any, name: str, *marks: str) -> Any:
    """A section that is given as its list `name` alone; a text, or a mapping with one of `marks`, is a list of one."""
    if isinstance(value, str) or (isinstance(value, dict) and any(mark in value for mark in marks)):
        value = [value]
    return {name: value} if isinstance(value, list | tuple) else value

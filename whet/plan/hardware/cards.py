"""The catalogue of cards: memory, bandwidth, rates by dtype and links, each figure with where it comes from."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from whet.base.errors import ConfigError
from whet.base.nearest import nearest

How = Literal["datasheet", "derived", "reported", "measured"]
FILE = Path(__file__).with_name("cards.csv")
RATES = ("fp32", "tf32", "bf16", "fp16", "fp8", "fp4", "int8")
# What stands before a number in the file, and what it says of it.
_MARKS: Mapping[str, How] = {"~": "derived", "?": "reported", "=": "measured"}
SOURCES: Mapping[How, str] = {
    "datasheet": "the vendor's data sheet, written down from memory",
    "derived": "worked out from the vendor's figures (dense from sparse, cores times clock, or a sibling's)",
    "reported": "what owners report, such as the memory that a driver shows",
    "measured": "measured by whet on this kind of card",
}
# Of the memory that is sold, what a driver leaves, where nobody has reported it: error correction, tables, the screen.
_USABLE = 0.96
# The compute capability of NVIDIA's generations, of each the least that a card of it has (CUDA's table of GPUs).
_CAPABILITIES: Mapping[str, tuple[int, int]] = {
    "pascal": (6, 0), "volta": (7, 0), "turing": (7, 5), "ampere": (8, 0), "ada": (8, 9), "hopper": (9, 0),
    "blackwell": (10, 0),
}  # fmt: skip
# Metal's largest working set: two thirds of the memory up to 36 GiB, three quarters above.
_UNIFIED = ((36, 2 / 3), (float("inf"), 3 / 4))

# What people say before the name of a card or a chip, and what others of a like name are called.
_CALLED = re.compile(
    r"^((nvidia|amd|apple|geforce|radeon|instinct|tesla|macbook(-pro|-air)?|mac(-mini|-studio|-pro)?|imac)-)+"
)
_OTHERS = frozenset(("pro", "max", "ultra", "ti", "super", "d", "laptop"))


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and how it is known."""

    value: float
    how: How
    compared: str = ""  # where a public table has the card's memory, bandwidth and chief rate alike

    @property
    def source(self) -> str:
        seen = f"; compared with {self.compared}" if self.compared and self.how == "datasheet" else ""
        return SOURCES[self.how] + seen


@dataclass(frozen=True, slots=True)
class Card:
    """One card (or chip, or machine without one). `figures` are by column of the file: `memory` and `usable_gib` in
    GiB, `bandwidth_gbs` and `link_gbs` in GB/s, rates in dense TFLOP/s by dtype, `watts`, and how many `a_node` has."""

    name: str
    kind: str
    vendor: str
    generation: str
    figures: Mapping[str, Figure]

    @property
    def device(self) -> str:
        """What torch calls this kind of device."""
        return "cpu" if self.kind == "cpu" else "mps" if self.vendor == "apple" else "cuda"

    @property
    def capability(self) -> tuple[int, int] | None:
        """What CUDA calls a GPU's generation; None of what is not NVIDIA's."""
        return _CAPABILITIES[self.generation] if self.vendor == "nvidia" else None

    @property
    def usable_bytes(self) -> int:
        """What a process may take."""
        return int(self.figures["usable_gib"].value * 2**30)

    def rate(self, dtype: str) -> Figure | None:
        """Dense operations a second in a dtype; where it has no units for it, None."""
        return self.figures.get(dtype)


@cache
def cards() -> Mapping[str, Card]:
    """Every card by its name; one that is sold with several memories once for each, as `m4-max-40c-64gb`."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return {card.name: card for row in csv.DictReader(file) for card in _of(row)}


def card(name: str) -> Card:
    """The card of this name. Raises ConfigError with the nearest name, or with those that a beginning may mean."""
    known, typed = cards(), _CALLED.sub("", re.sub(r"[\s_]+", "-", name.strip().lower()))
    typed = re.sub(r"(\d)-gb\b", r"\1gb", typed)
    found = _meant(typed)
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise ConfigError(f"`{name}` may be several cards: {', '.join(found)}", at="--gpu", hint=f"--gpu {found[0]}")
    near = nearest(typed, {*known, *(part for one in known for part in one.split("-") if len(part) > 2)})
    hint = f"did you mean `{near}`?" if near else "whet plan --cards lists all of them"
    raise ConfigError(f"no card is called `{name}`", at="--gpu", hint=hint)


def _meant(typed: str) -> list[str]:
    """Names that may be meant: the whole name or its end, however it is cut, else those that have all its parts."""
    whole = typed.replace("-", "")
    if alike := [one for one in cards() if one == typed or one.replace("-", "") == whole or one.endswith(f"-{typed}")]:
        return alike
    parts = set(typed.split("-"))
    found = [name for name, one in cards().items() if parts <= {*name.split("-"), _memory(one)}]
    # `m4` is the chip of that name, where there is one, and no other that is called by it too.
    plain = [one for one in found if parts & _OTHERS or not set(one.split("-")) & _OTHERS]
    return plain or found


def _memory(one: Card) -> str:
    """As people say it behind a card's name."""
    return f"{one.figures['memory'].value:.4g}gb"


def _of(row: Mapping[str, str]) -> Iterator[Card]:
    sold = row["memory"].split("|")
    for memory in sold:
        name = row["name"] if len(sold) == 1 else f"{row['name']}-{memory}gb"
        figures = {
            column: _figure(text, row["compared"])
            for column, text in {**row, "memory": memory}.items()
            if text and column not in ("name", "kind", "vendor", "generation", "compared")
        }
        figures.setdefault("usable_gib", _usable(row, float(memory)))
        yield Card(name, row["kind"], row["vendor"], row["generation"], figures)


def _figure(text: str, compared: str) -> Figure:
    how = _MARKS.get(text[0], "datasheet")
    return Figure(float(text.lstrip("~?=")), how, compared)


def _usable(row: Mapping[str, str], memory: float) -> Figure:
    share = next(part for most, part in _UNIFIED if memory <= most) if row["vendor"] == "apple" else _USABLE
    return Figure(memory * share, "derived")

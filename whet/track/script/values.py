"""What a caller logs, sorted: numbers, tensors that a device still computes, media, and the rest as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whet.track.script.media.base import Media

# What a log's frames take without a look: `type(value) in NUMBERS`.
NUMBERS = frozenset({float, int, bool})


@dataclass(slots=True)
class Sorted:
    """One call's values by what becomes of them."""

    numbers: dict[str, float] = field(default_factory=dict)
    on_device: dict[str, Any] = field(default_factory=dict)
    media: dict[str, list[Media]] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)  # the types of what is none of these


def sorted_out(data: Mapping[Any, Any]) -> Sorted:
    """Sort the values of a call; a mapping inside is laid flat, its names joined by dots."""
    found = Sorted()
    for name, value in _flat(data, ""):
        if isinstance(value, float | int):
            found.numbers[name] = float(value)
        elif isinstance(value, Media):
            found.media[name] = [value]
        elif isinstance(value, Sequence) and value and all(isinstance(one, Media) for one in value):
            found.media[name] = list(value)
        elif isinstance(value, str | Sequence) or value is None:
            found.others[name] = value
        else:
            _foreign(found, name, value)
    return found


def _flat(data: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _foreign(found: Sorted, name: str, value: Any) -> None:
    """A value of another library, none of which is imported for it."""
    from whet.track.script.media import Histogram, Image, Table

    module = type(value).__module__.partition(".")[0]
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    is_tensor = torch is not None and isinstance(value, torch.Tensor)
    if is_tensor and value.device.type != "cpu":
        found.on_device[name] = value
    elif is_tensor and value.numel() != 1 or numpy is not None and isinstance(value, numpy.ndarray) and value.size != 1:
        found.media[name] = [Histogram(value)]
    elif is_tensor or (numpy is not None and isinstance(value, numpy.ndarray)):
        found.numbers[name] = float(value.item())
    elif module in ("matplotlib", "PIL"):
        found.media[name] = [Image(value)]
    elif module in ("pandas", "polars"):
        found.media[name] = [Table(dataframe=value)]
    else:
        try:
            found.numbers[name] = float(value)
        except (TypeError, ValueError):
            if _has_words(value):
                found.others[name] = value
            else:
                found.odd[name] = type(value).__name__


def _has_words(value: Any) -> bool:
    """Whether its text says more than its address."""
    kind = type(value)
    return kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__

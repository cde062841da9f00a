"""Sizes as people write them, and whether the disk has room."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from annotated_types import Predicate

from whet.base.errors import ConfigError, ModelError
from whet.base.units import size

_UNITS = {"GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1}


def parse_size(text: str) -> int:
    """`500MB` in bytes; units of 1000. Raises ConfigError for what is no size."""
    number, unit = text.strip().upper(), 1
    for name, factor in _UNITS.items():
        if number.endswith(name):
            number, unit = number.removesuffix(name), factor
            break
    try:
        num_bytes = int(float(number) * unit)
    except (ValueError, OverflowError):
        num_bytes = 0
    if num_bytes < 1:
        raise ConfigError(f"`{text}` is not a size", hint="write it as 5GB or 500MB")
    return num_bytes


def _is_size(text: str) -> bool:
    try:
        return parse_size(text) > 0
    except ConfigError:
        return False


# The type of a setting such as `shard_size`.
Size = Annotated[str, Predicate(_is_size)]


def check_room(folder: Path, num_bytes: int) -> None:
    """Raise ModelError unless the disk that is to hold `folder` has that many bytes free."""
    existing = next(path for path in [folder.absolute(), *folder.absolute().parents] if path.exists())
    free = shutil.disk_usage(existing).free
    if free < num_bytes:
        raise ModelError(
            f"{folder} needs {size(num_bytes)} and the disk has {size(free)} free",
            at=str(existing),
            hint=f"free {size(num_bytes - free)}, or --output on another disk",
        )

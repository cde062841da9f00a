"""YAML files that others have written: mappings that are of a size, however often their aliases repeat each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_MOST_VALUES, _DEEPEST = 100_000, 100


def mapping_of(path: Path) -> dict[str, Any]:
    """The mapping in a file. Raises OSError, and ValueError for one that is none, or that unfolds to too much."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8", errors="replace"))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise ValueError("no mapping")
    _counted(found, 0, 0)
    return {str(name): value for name, value in found.items()}


def _counted(value: Any, count: int, depth: int) -> int:
    """How many values there are, those that stand in several places as often. Raises ValueError for too many."""
    count += 1
    if count > _MOST_VALUES or depth > _DEEPEST:
        raise ValueError("it unfolds to too much")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
    for one in inner:
        count = _counted(one, count, depth + 1)
    return count

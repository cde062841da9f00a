"""Versions: ranks whose packages differ compute differently, and are refused before they share any work."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from whet.base.errors import RunError

# What decides numbers, or what ranks send each other.
PACKAGES = ("whet", "torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "triton")
HOST = "host"


def versions() -> dict[str, str]:
    """Those of this rank, and its host."""
    found = {HOST: os.uname().nodename, "python": ".".join(platform.python_version_tuple()[:2])}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def refuse_mixed(ranks: Sequence[Mapping[str, str]]) -> None:
    """Raise RunError, with a table, where the ranks (in order) differ in a version."""
    differing = [name for name in ranks[0] if name != HOST and len({one[name] for one in ranks}) > 1]
    if not differing:
        return
    rows = [["", *differing]]
    for (host, *told), numbers in _alike(ranks, differing).items():
        rows.append([f"{_span(numbers)} ({host})", *told])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    newest = {name: ranks[0][name] for name in differing}
    words = " ".join(
        f"{name}=={told.partition('+')[0]}" for name, told in newest.items() if told != "none" and name != "python"
    )
    hosts = sorted({one[HOST] for one in ranks if any(one[name] != newest[name] for name in differing)})
    where = f" on {', '.join(hosts)}"
    hint = f"pip install {words}{where}" if words else f"the same Python and packages{where}"
    raise RunError(f"the ranks of this run differ in {', '.join(differing)}:\n{table}", hint=hint)


def _alike(ranks: Sequence[Mapping[str, str]], differing: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
    """Ranks by host and what it has."""
    found: dict[tuple[str, ...], list[int]] = {}
    for number, one in enumerate(ranks):
        found.setdefault((one[HOST], *(one[name] for name in differing)), []).append(number)
    return found


def _span(numbers: Sequence[int]) -> str:
    """`rank 3`, `ranks 0 to 7`, `ranks 0, 2`."""
    if len(numbers) == 1:
        return f"rank {numbers[0]}"
    if list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"ranks {numbers[0]} to {numbers[-1]}"
    return f"ranks {', '.join(map(str, numbers))}"

"""Versions of what whet stands on, beside what it asks for."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from whet.doctor.check import Check

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?:>=\s*(?P<floor>[0-9][0-9.]*))?\s*(?P<rest>;.*)?")
# Optional packages that change how fast a run is, and what they are asked for.
_BESIDE = ("triton", "torchao", "flash-attn", "bitsandbytes", "deepspeed", "vllm")


def packages(asked: Sequence[str] | None = None, found: Callable[[str], str] = version) -> Iterator[Check]:
    """A check of each requirement (`torch>=2.11`), by default those of whet itself, that is missing or too old, and one
    of all that are well."""
    versions: dict[str, str] = {"python": platform.python_version()}
    for name, floor in _floors(requirements() if asked is None else asked):
        try:
            versions[name] = found(name)
        except PackageNotFoundError:
            hint = f'pip install "{name}{f">={floor}" if floor else ""}"'
            yield Check(f"package {name}", f"{name} is not installed", "bad", hint)
            continue
        if floor and numbers(versions[name]) < numbers(floor):
            told = f"{name} {versions[name]} is older than {floor}, the oldest that is tested"
            yield Check(f"package {name}", told, "bad", f'pip install -U "{name}>={floor}"')
    for name in _BESIDE:
        try:
            versions[name] = found(name)
        except PackageNotFoundError:
            continue
    shown = ", ".join(
        f"{name} {versions[name]}" for name in ("python", "torch", "transformers", "triton") if name in versions
    )
    yield Check("packages", shown, figures=versions)


def requirements() -> list[str]:
    """What whet asks for, without its extras: of the installed package, or of the source tree that is run in place."""
    try:
        return [line for line in requires("whet") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        import tomllib

        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
        return list(project["project"]["dependencies"])


def numbers(text: str) -> tuple[int, ...]:
    """A version as numbers that compare: `2.13.0+cpu` is (2, 13, 0)."""
    plain = re.match(r"[0-9]+(?:\.[0-9]+)*", text)
    return tuple(map(int, plain[0].split("."))) if plain else ()


def _floors(lines: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    for line in lines:
        if match := _REQUIREMENT.match(line):
            yield match["name"], match["floor"]

"""Two versions beside each other: facts and files that differ, figures with their difference, by pairs if they can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from whet.base.units import figure, size
from whet.track.registry.evaluations import Compared, compared
from whet.track.registry.evaluations import figures as figures_of
from whet.track.registry.registry import EVALUATIONS, Registry
from whet.track.registry.rows import row_of
from whet.track.registry.state import Version
from whet.track.terminal.progress import printable
from whet.track.terminal.terminal_page import align

_FACTS = ("kind", "base", "architecture", "licence", "package", "run", "step", "bytes")
_DIGESTS = {
    "tokenizer": ("tokenizer",),
    "template": ("template",),
    "data": ("data", "digest"),
    "code": ("code", "commit"),
}


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure of both versions, None where one has none; `paired` is the second less the first, unit by unit."""

    name: str
    first: Any
    second: Any
    paired: Compared | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions by name. `facts` are those that differ, files `alike` are the same to the byte."""

    first: str
    second: str
    facts: Mapping[str, tuple[Any, Any]]
    figures: list[ComparedFigure]
    alike: list[str]
    changed: list[str]
    only_first: list[str]
    only_second: list[str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def comparison(registry: Registry, first: str, second: str) -> Comparison:
    """Compare two versions, of one model or of two. Raises RunError for one that is not there."""
    one, other = registry.resolve(first), registry.resolve(second)
    digests = [
        {path: told["sha256"] for path, told in _contents(registry, version).items()} for version in (one, other)
    ]
    both = digests[0].keys() & digests[1].keys()
    return Comparison(
        registry.name_of(one), registry.name_of(other), _facts(registry, one, other), _figures(registry, one, other),
        sorted(path for path in both if digests[0][path] == digests[1][path]),
        sorted(path for path in both if digests[0][path] != digests[1][path]),
        sorted(digests[0].keys() - both), sorted(digests[1].keys() - both),
    )  # fmt: skip


def comparison_page(found: Comparison) -> str:
    """What differs, as text for terminals."""
    facts = [(f"  {name}", *(_told(name, value) for value in pair)) for name, pair in found.facts.items()]
    figures = [(f"  {one.name}", _number(one.first), _number(one.second), _paired(one.paired)) for one in found.figures]
    files = [f"  {len(found.alike)} alike"]
    files += [f"  {path} ({what})" for what, paths in _of_files(found).items() for path in paths]
    head = (f"{found.first} and {found.second}", "", "")
    parts = [align([head, *facts]) if facts else f"{head[0]}: what is known of them is the same"]
    parts += ["\n".join(["Figures", align(figures, right={1, 2})])] if figures else []
    return "\n\n".join([*parts, "\n".join(["Files", *files])])


def _of_files(found: Comparison) -> dict[str, list[str]]:
    return {
        "changed": found.changed, f"in {found.first} alone": found.only_first,
        f"in {found.second} alone": found.only_second,
    }  # fmt: skip


def _contents(registry: Registry, version: Version) -> Mapping[str, Any]:
    return registry.manifest(version)["contents"]


def _facts(registry: Registry, one: Version, other: Version) -> dict[str, tuple[Any, Any]]:
    """Facts of both by name, where they are not the same."""
    found = [_told_of(registry, version) for version in (one, other)]
    return {name: (found[0][name], found[1][name]) for name in found[0] if found[0][name] != found[1][name]}


def _told_of(registry: Registry, version: Version) -> dict[str, Any]:
    row = row_of(registry.state().models[version.model], version)
    return {name: row[name] for name in _FACTS} | {
        name: _within(version.about, path) for name, path in _DIGESTS.items()
    }


def _within(about: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        about = about.get(name) if isinstance(about, Mapping) else None
    return about


def _figures(registry: Registry, one: Version, other: Version) -> list[ComparedFigure]:
    """Figures by `task/name` that either has."""
    first, second = figures_of(one.evaluations), figures_of(other.evaluations)
    folders = registry.place(other) / EVALUATIONS, registry.place(one) / EVALUATIONS
    names = sorted(name for name in first.keys() | second.keys() if "/" in name)
    return [
        ComparedFigure(
            name, first.get(name), second.get(name), compared(name, other.evaluations, one.evaluations, folders)
        )
        for name in names
    ]


def _told(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "bytes":
        return size(value)
    return printable(str(value)[:12] if name in _DIGESTS else str(value))


def _number(value: Any) -> str:
    return "-" if value is None else figure(float(value))


def _paired(found: Compared | None) -> str:
    if found is None:
        return ""
    return f"by {figure(found.difference)} (95 % {figure(found.low)} to {figure(found.high)}, {found.n} pairs)"

"""The registry as text for terminals: models, one model with its versions, one version, its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from whet.base.units import figure, size
from whet.track.registry.journal import Change
from whet.track.registry.linking import Held
from whet.track.registry.registry import Registry
from whet.track.registry.rows import row_of
from whet.track.registry.state import Model, Version
from whet.track.terminal.progress import printable
from whet.track.terminal.terminal_page import align, cell

_HEAD = ("NAME", "VERSION", "ALIASES", "KIND", "SIZE", "RUN", "MADE")
_SAID = {
    "reflink": "share their blocks with the originals", "hardlink": "are the originals under a second name",
    "reference": "are links to the originals, which must stay where they are",
}  # fmt: skip
_NUM_CHANGES = 12


def table(found: Sequence[tuple[Model, Version]]) -> str:
    """A version a line, columns without blanks inside."""
    return align([_HEAD, *(_line(model, version) for model, version in found)], right={1, 4})


def model_page(registry: Registry, model: Model) -> str:
    """A model: what is said of it, its versions, the newest first, and what was done lately."""
    lines = [f"{printable(model.name)}: {len(model.versions)} version{'s' * (len(model.versions) != 1)}"]
    lines += [f"  {printable(model.description)}"] if model.description else []
    lines += [f"  tag {printable(key)} = {printable(value)}" for key, value in model.tags.items()]
    lines += [f"  @{alias} requires {printable(require)}" for alias, require in model.policies.items()]
    versions = sorted(model.versions.values(), key=lambda one: -one.number)
    rows = table([(model, version) for version in versions]) if versions else ""
    changes = registry.history(model.name)[-_NUM_CHANGES:]
    told = "\n".join(["History", *(f"  {told_of(change)}" for change in changes)])
    return "\n\n".join(part for part in ("\n".join(lines), rows, told) if part)


def version_page(registry: Registry, version: Version) -> str:
    """A version: all that its manifest says, its figures, and its files."""
    model = registry.state().models[version.model]
    row = row_of(model, version)
    about, run = version.about, version.about.get("run") or {}
    code, data = about.get("code") or {}, about.get("data") or {}
    facts = {
        "kind": version.kind, "base": about.get("base"), "architecture": about.get("architecture"),
        "run": f"{run.get('name')}, step {run.get('step')}" if run else None,
        "licence": about.get("licence"), "tokenizer": _short(about.get("tokenizer")),
        "chat template": _short(about.get("template")), "data": _short(data.get("digest")),
        "code": f"{_short(code.get('commit'))}{', changed since' if code.get('is_dirty') else ''}" if code else None,
        "made": f"{_when(version.created)} by {about.get('by')}", "package": about.get("package"),
        "from": about.get("source"), "manifest": _short(version.manifest), "description": version.description or None,
        **{f"tag {key}": value for key, value in version.tags.items()},
    }  # fmt: skip
    aliases = "".join(f" @{alias}" for alias in model.aliases_of(version.number))
    head = f"{printable(model.name)}/{version.number}{aliases}"
    told = align([(f"  {name}", printable(str(value))) for name, value in facts.items() if value])
    figures = [(f"  {name}", figure(float(value))) for name, value in row.items() if "/" in name]
    return "\n\n".join([
        f"{head}\n{told}", *(["\n".join(["Figures", align(figures)])] if figures else []),
        "\n".join([f"Files in {registry.files(version)}", align(list(_files(registry, version)), right={1})]),
    ])  # fmt: skip


def said_of_links(held: Mapping[Held, int]) -> list[str]:
    """What was done with files, in words."""
    return [f"{count} file{'s' * (count != 1)} {_SAID[how]}" for how, count in sorted(held.items())]


def told_of(change: Change, *, with_origin: bool = True) -> str:
    """A change in words, with when and by whom it was made."""
    number = change.get("version")
    version = f"version {number}" if number is not None else "the model"
    match change.get("op"):
        case "model":
            what = f"made as {change.get('name')}"
        case "rename":
            what = f"renamed to {change.get('name')}"
        case "version":
            what = f"{version} added"
        case "remove":
            what = f"{version} removed"
        case "alias":
            what = f"@{change.get('alias')} {_moved(change)}"
        case "policy":
            require = change.get("require")
            what = f"@{change.get('alias')} requires {require or 'nothing of itself any more'}"
        case "tag":
            value = change.get("value")
            what = f"tag {change.get('key')} of {version} {'taken away' if value is None else f'= {value}'}"
        case "describe":
            what = f"{version} described"
        case "stage":
            what = f"{version} is {change.get('stage')}"
        case "evaluated":
            what = f"{version} measured with {(change.get('result') or {}).get('task')}"
        case other:
            what = str(other)
    if not with_origin:
        return what
    return f"{_when(float(change.get('time') or 0))}  {printable(what)}  ({printable(str(change.get('by')))})"


def _moved(change: Change) -> str:
    number, before = change.get("version"), change.get("before")
    if number is None:
        return f"taken away from version {before}"
    gate = change.get("gate") or {}
    require = " and ".join(text for text in (gate.get("policy"), gate.get("require")) if text)
    told = f"version {number}" + (f" instead of {before}" if before not in (None, number) else "")
    told = f"{told} as before" if before == number else told
    past = f", past the policy: {gate['past_policy']}" if gate.get("past_policy") else ""
    return f"means {told}" + (f", required: {require}" if require else "") + past


def _line(model: Model, version: Version) -> tuple[str, ...]:
    run: Any = (version.about.get("run") or {}).get("name")
    aliases = ",".join(f"@{alias}" for alias in model.aliases_of(version.number))
    cells = (model.name, version.number, aliases, version.kind, size(version.num_bytes), run, _when(version.created))
    return tuple(cell(str(one)) if one else "-" for one in cells)


def _files(registry: Registry, version: Version) -> Iterator[tuple[str, str, str, str]]:
    for name, told in sorted(registry.manifest(version)["contents"].items()):
        yield f"  {printable(name)}", size(told["bytes"]), str(told["sha256"])[:12], str(told["held"])


def _short(digest: Any) -> str | None:
    return str(digest)[:12] if digest else None


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment).isoformat(timespec="minutes")

"""Promotion: an alias moves to a version whose evaluations hold what is required, and which is no step back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from whet.base.errors import RunError
from whet.track.reading.query import Query, bounds, parse, parts
from whet.track.registry.evaluations import Compared, compared
from whet.track.registry.names import alias_name
from whet.track.registry.registry import EVALUATIONS, Registry
from whet.track.registry.rows import row_of
from whet.track.registry.state import Version
from whet.track.terminal.quantities import figure


@dataclass(frozen=True, slots=True)
class Promotion:
    """What was done: the alias means `number` instead of `before`. `figures` are those that were asked for."""

    name: str
    number: int
    alias: str
    before: int | None
    require: str
    figures: Mapping[str, Any]
    compared: Sequence[Compared]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def promote(registry: Registry, reference: str, alias: str, require: str = "") -> Promotion:
    """Let `alias` mean the version, if its evaluations hold all of `require`.

    Where the version that the alias means now was measured on the same data, unit by unit, each figure that `require`
    bounds is compared with it as well: one that is worse beyond its 95 % interval refuses. Raises RunError that names
    every figure that missed.
    """
    alias_name(alias)
    query, version = parse(require), registry.resolve(reference)
    model = registry.state().models[version.model]
    row, held = row_of(model, version), model.aliases.get(alias)
    missed = list(_missed(parts(require), row))
    found: list[Compared] = []
    if held is not None and held != version.number:
        found = list(_comparisons(registry, require, version, model.versions[held]))
        missed += list(_worse(found, require, f"{model.name}/{held}", alias))
    if missed:
        raise RunError(
            f"`{model.name}/{version.number}` is not promoted to @{alias}: {'; '.join(missed)}",
            at=str(registry.folder), hint=f"whet evaluate registry:{model.name}/{version.number} --task ...",
        )  # fmt: skip
    told = {name: row.get(name) for name in query.names}
    gate = {"require": require, "figures": told, "compared": [asdict(one) for one in found]}
    registry.alias(model.name, alias, version.number, gate=gate)
    return Promotion(model.name, version.number, alias, held, require, told, found)


def _missed(conditions: Sequence[Query], row: Mapping[str, Any]) -> Iterator[str]:
    for condition in conditions:
        unknown = [name for name in condition.names if row.get(name) is None]
        if unknown:
            known = [name for name in row if "/" in name] or ["none at all"]
            yield f"`{condition.text}`: no evaluation gives `{unknown[0]}` (there is: {', '.join(known)})"
        elif not condition.takes(row):
            yield f"`{condition.text}`: {', '.join(f'{name} is {_shown(row[name])}' for name in condition.names)}"


def _shown(value: Any) -> str:
    return figure(value) if isinstance(value, float) else str(value)


def _comparisons(registry: Registry, require: str, version: Version, holder: Version) -> Iterator[Compared]:
    folders = registry.place(version) / EVALUATIONS, registry.place(holder) / EVALUATIONS
    for name in bounds(require):
        found = compared(name, version.evaluations, holder.evaluations, folders)
        if found is not None:
            yield found


def _worse(found: Sequence[Compared], require: str, holder: str, alias: str) -> Iterator[str]:
    for one in found:
        is_high = bounds(require)[one.name] == "high"
        if one.high < 0 if is_high else one.low > 0:
            way = "lower" if is_high else "higher"
            yield (
                f"{one.name} is {figure(abs(one.difference))} {way} than that of {holder}, which is @{alias} "
                f"(95 % {figure(one.low)} to {figure(one.high)}, {one.n} pairs)"
            )

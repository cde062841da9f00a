"""Promotion: an alias moves to a version whose evaluations hold what is required, and which is no step back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from whet.base.catalogue import task as tasks
from whet.base.errors import RunError
from whet.base.units import figure
from whet.track.reading.query import Query, bounds, parse, parts
from whet.track.registry.evaluations import Compared, compared
from whet.track.registry.names import alias_name
from whet.track.registry.registry import EVALUATIONS, Registry
from whet.track.registry.rows import row_of
from whet.track.registry.state import Version

# Figures that are called by another name than the task that gives them.
_TASKS = {"accuracy": "classification", "f1": "classification", "macro_f1": "classification"}


@dataclass(frozen=True, slots=True)
class Promotion:
    """What was done: the alias means `number` instead of `before`. `figures` are those that were asked for, by
    `require` and by the alias's `policy`."""

    name: str
    number: int
    alias: str
    before: int | None
    require: str
    figures: Mapping[str, Any]
    compared: Sequence[Compared]
    policy: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def promote(
    registry: Registry, reference: str, alias: str, require: str = "", *, keep: bool = False, past_policy: bool = False
) -> Promotion:
    """Let `alias` mean the version, if its evaluations hold all of `require` and of the alias's policy.

    Where the version that the alias means now was measured on the same data, unit by unit, each figure that they bound
    is compared with it as well: one that is worse beyond its 95 % interval refuses. Nobody changes the registry
    meanwhile, so of two who promote at once the second is compared with what the first has left. `keep` makes what is
    required the policy; `past_policy` leaves the policy out, and says so in the history. Raises RunError that names
    every figure that missed.
    """
    alias_name(alias)
    parse(require)
    with registry.changing():
        version = registry.resolve(reference)
        model = registry.state().models[version.model]
        policy = "" if past_policy else model.policies.get(alias, "")
        wanted = [text for text in (policy, require) if text.strip()]
        row, held = row_of(model, version), model.aliases.get(alias)
        missed = [said for text in wanted for said in _missed(parts(text), row)]
        sides = {name: side for text in wanted for name, side in bounds(text).items()}
        found: list[Compared] = []
        if held is not None and held != version.number:
            found = list(_comparisons(registry, sides, version, model.versions[held]))
            missed += list(_worse(found, sides, f"{model.name}/{held}", alias))
        if missed:
            raise RunError(
                f"`{model.name}/{version.number}` is not promoted to @{alias}: {'; '.join(missed)}",
                at=str(registry.folder),
                hint="; ".join(_ways(wanted, row, f"{model.name}/{version.number}", alias if policy else "")),
            )
        told = {name: row.get(name) for text in wanted for name in parse(text).names}
        gate = {"require": require, "policy": policy, "figures": told, "compared": [asdict(one) for one in found]}
        if past_policy and alias in model.policies:
            gate["past_policy"] = model.policies[alias]
        registry.alias(model.name, alias, version.number, past_policy=True, gate=gate)
        if keep and require.strip():
            registry.policy(model.name, alias, require)
    return Promotion(model.name, version.number, alias, held, require, told, found, policy)


def _missed(conditions: Sequence[Query], row: Mapping[str, Any]) -> Iterator[str]:
    for condition in conditions:
        unknown = [name for name in condition.names if row.get(name) is None]
        if unknown:
            known = [name for name in row if "/" in name] or ["none at all"]
            yield f"`{condition.text}`: no evaluation gives `{unknown[0]}` (there is: {', '.join(known)})"
        elif not condition.takes(row):
            yield f"`{condition.text}`: {', '.join(f'{name} is {_shown(row[name])}' for name in condition.names)}"


def _ways(wanted: Sequence[str], row: Mapping[str, Any], version: str, alias: str) -> Iterator[str]:
    """What may be typed: a figure by its whole name, the measurement that is missing, and what to do with a policy."""
    missing = [name for text in wanted for name in parse(text).names if row.get(name) is None]
    for name in missing:
        whole = [one for one in row if one.endswith(f"/{name}")]
        if whole:
            yield f"`{whole[0]}` in place of `{name}`"
    task = next((name.rpartition("/")[0] or name for name in missing), "loss")
    task = task if task in tasks.names() else _TASKS.get(task, "loss")
    yield f"whet evaluate registry:{version} --task {task} --file held_out.jsonl"
    if alias:
        name = version.rpartition("/")[0]
        yield f"whet registry policy {name} {alias} shows what @{alias} requires, and --past-policy leaves it out"


def _shown(value: Any) -> str:
    return figure(value) if isinstance(value, float) else str(value)


def _comparisons(registry: Registry, sides: Iterable[str], version: Version, holder: Version) -> Iterator[Compared]:
    folders = registry.place(version) / EVALUATIONS, registry.place(holder) / EVALUATIONS
    for name in sides:
        found = compared(name, version.evaluations, holder.evaluations, folders)
        if found is not None:
            yield found


def _worse(found: Sequence[Compared], sides: Mapping[str, str], holder: str, alias: str) -> Iterator[str]:
    for one in found:
        is_high = sides[one.name] == "high"
        if one.high < 0 if is_high else one.low > 0:
            way = "lower" if is_high else "higher"
            yield (
                f"{one.name} is {figure(abs(one.difference))} {way} than that of {holder}, which is @{alias} "
                f"(95 % {figure(one.low)} to {figure(one.high)}, {one.n} pairs)"
            )

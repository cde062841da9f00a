"""What goes together: the place that looks up a run's features in the table of those that it cannot have at once.

A feature comes of a setting, or of a kind: its facts say what it brings (`provides`) and what it cannot be with
(`refuses`), so that kinds of other packages are checked, and explained, as ours are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from whet.base.catalogue import model_source, optimizer, tuner
from whet.base.errors import ConfigError
from whet.base.facts import Facts
from whet.base.run import Run
from whet.base.slots import Kind
from whet.train.setup.chosen import Chosen
from whet.train.setup.conflicts import CONFLICTS, Conflict
from whet.train.setup.features import Feature, features, provided


def check_combinations(
    run: Run, chosen: Chosen, family: str | None = None, of_model: Mapping[str, Feature] = MappingProxyType({})
) -> None:
    """Raise ConfigError for the first two features of the run that do not go together.

    The `family` of its model is known later than all else, and features `of_model` when it is built.
    """
    found = {**dict(features(run, chosen, family)), **of_model}
    for conflict in (*CONFLICTS, *_declared(run, chosen)):
        one, other = found.get(conflict.one), found.get(conflict.other)
        if one is not None and other is not None:
            ways = dict.fromkeys(way for way in (one.without, other.without) if way)
            said = conflict.because.format(one=one.said, other=other.said)
            raise ConfigError(said, at=one.at, hint=conflict.hint or ", or ".join(ways))


def apart(kind: Kind) -> Iterator[tuple[str, str]]:
    """What a kind does not go with: each feature, and why. Third parties' kinds are explained as ours are."""
    own = dict.fromkeys(provided(kind.facts), f"`{kind.slot}: {kind.name}`")
    own |= {name: f"`{kind.slot}.{setting}`" for setting, name in kind.facts.settings.items()}
    for conflict in CONFLICTS:
        if conflict.one in own:
            yield conflict.other, conflict.because.format(one=own[conflict.one], other=f"`{conflict.other}`")
        elif conflict.other in own:
            yield conflict.one, conflict.because.format(one=f"`{conflict.one}`", other=own[conflict.other])
    yield from kind.facts.refuses.items()


def _declared(run: Run, chosen: Chosen) -> Iterator[Conflict]:
    """Conflicts that the kinds of the run declare themselves."""
    declared: tuple[tuple[str, str, Facts], ...] = (
        ("objective", chosen.name, chosen.facts),
        ("optimizer", run.optimizer.kind, optimizer.get(run.optimizer.kind).facts),
        ("tuner", run.tuner.kind, tuner.get(run.tuner.kind).facts),
        ("model", run.model.kind, model_source.get(run.model.kind).facts),
    )
    for section, name, facts in declared:
        for feature, reason in facts.refuses.items():
            yield Conflict(feature, feature, f"{{one}} does not go with `{section}: {name}`: {reason}")

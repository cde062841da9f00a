"""The door: what is known to fail, or to do nothing, is refused before any data is read."""

from __future__ import annotations

from whet.base.catalogue import objective, tuner
from whet.base.errors import ConfigError
from whet.base.run import Run
from whet.contracts.model import FAMILIES
from whet.contracts.tuner import Tuner
from whet.parallel.device import device_of
from whet.train.run.folder import RunFolder
from whet.train.setup.chosen import Chosen, chosen_of
from whet.train.setup.combinations import check_combinations
from whet.train.setup.sources import SourceKind


def enter(run: Run, kind: SourceKind, *, is_new: bool) -> tuple[Chosen, Tuner]:
    """The run's objective and tuner, once nothing speaks against the run. Raises WhetError with the setting's place."""
    if is_new:
        RunFolder.refuse_taken(run)
    device_of(run.train.device)
    chosen = chosen_of(run)
    _check_held_out(run)
    check_combinations(run, chosen)
    kind.check(run, chosen)
    return chosen, tuner.get(run.tuner.kind).build(**run.tuner.values())


def check_family(run: Run, chosen: Chosen, family: str) -> None:
    """Raise ConfigError when the objective cannot train a model of this family, or a setting does not go with it."""
    families = chosen.facts.families
    if family in families:
        check_combinations(run, chosen, family)
        return
    fitting = [n for n in objective.names() if family in objective.get(n).facts.families]
    hint = f"objective: {', '.join(fitting)}" if fitting else f"a model that is {FAMILIES[families[0]]}"
    path = run.model.values().get("path")
    name = path or run.model.values()["init"]
    name = name["model_type"] if isinstance(name, dict) else name
    raise ConfigError(
        f"`objective: {chosen.name}` trains {' or '.join(FAMILIES[one] for one in families)}, and {name} is "
        f"{FAMILIES[family]}",
        at="objective.kind",
        hint=hint,
    )


def _check_held_out(run: Run) -> None:
    for number, source in enumerate(run.data.held_out if isinstance(run.data.held_out, list) else ()):
        if source.weight != 1:
            place = f"data.held_out.{number}.weight"
            raise ConfigError(f"`{place}` does nothing: held-out samples count once each", at=place, hint=f"{place}=1")

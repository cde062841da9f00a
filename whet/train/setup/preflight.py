"""The door: what is known to fail, or to do nothing, is refused before any data is read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from whet.base.catalogue import objective, tuner
from whet.base.errors import ConfigError
from whet.base.run import Run
from whet.contracts.model import FAMILIES, Loaded
from whet.contracts.sample import Sample
from whet.contracts.tuner import Tuner
from whet.data.order.dataset import Dataset
from whet.parallel.context import least_tokens
from whet.parallel.device import device_of
from whet.parallel.sizes import mesh_sizes, num_processes
from whet.train.run.folder import RunFolder
from whet.train.setup.chosen import Chosen, chosen_of
from whet.train.setup.combinations import check_combinations
from whet.train.setup.model_features import model_features
from whet.train.setup.sources import SourceKind


def enter(run: Run, kind: SourceKind, *, is_new: bool, ranks: int | None = None) -> tuple[Chosen, Tuner]:
    """The run's objective and tuner, once nothing speaks against the run on so many ranks (those that there are).
    Raises WhetError with the setting's place."""
    if is_new:
        RunFolder.refuse_taken(run)
    device_of(run.train.device)
    chosen = chosen_of(run)
    _check_held_out(run)
    check_combinations(run, chosen)
    mesh_sizes(run.parallel, ranks or num_processes())
    _check_room(run)
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


def check_model(run: Run, chosen: Chosen, data: Mapping[str, Dataset], model: Loaded) -> None:
    """Raise ConfigError when a setting or the data do not go with the model, which is built and has no values yet."""
    check_combinations(run, chosen, model.capabilities.family, dict(model_features(run, model)))
    _check_tokens(run, data)
    for name, shape in model.capabilities.reads.items():
        for part in data.values():
            _check_field(name, shape, part[0])


def _check_room(run: Run) -> None:
    """Raise ConfigError where no sample may be as long as ranks that share its tokens need."""
    ranks, longest = run.parallel.context, run.data.max_length
    least = least_tokens(run.parallel.context_by, ranks)
    if longest is not None and longest < least:
        fitting = max(longest * ranks // least, 1)
        raise ConfigError(
            f"`parallel.context` deals the tokens of a row to {ranks} ranks, which takes {least}, and no sample has "
            f"more than {longest}",
            at="data.max_length", hint=f"data.max_length={least}, or parallel.context={fitting}",
        )  # fmt: skip


def _check_tokens(run: Run, data: Mapping[str, Dataset]) -> None:
    ranks, by = run.parallel.context, run.parallel.context_by
    least = least_tokens(by, ranks)
    for name, part in data.items() if least > 1 else ():
        if (shortest := _shortest(part)) < least:
            raise ConfigError(
                f"`parallel.context` deals the tokens of a row to {ranks} ranks, which takes {least}, and the shortest "
                f"sample of {name} has {shortest}",
                at="parallel.context", hint=f"parallel.context={max(shortest * ranks // least, 1)}, or longer samples",
            )  # fmt: skip


def _shortest(data: Dataset) -> int:
    """Tokens of the shortest sample; of samples with several rows, those of the shortest row."""
    if not data[0].streams:
        return int(data.lengths.min())
    return min(len(row.ids) for sample in map(data.__getitem__, range(len(data))) for row in _rows(sample))


def _rows(sample: Sample) -> list[Sample]:
    return [sample, *sample.streams.values()]


def _check_field(name: str, shape: tuple[int, ...], sample: Sample) -> None:
    """Of one sample: all samples of a run have fields of one shape."""
    if name not in sample.fields:
        raise ConfigError(
            f"the data has no `{name}`, which the model reads", at="data", hint="name its columns under `columns`"
        )
    found = np.shape(sample.fields[name])
    if found != shape:
        sizes = [" x ".join(map(str, one)) or "one number" for one in (found, shape)]
        raise ConfigError(
            f"the `{name}` of a row are {sizes[0]}, and the model reads {sizes[1]}", at="model",
            hint=f"model.{name}={sizes[0]}, or other columns",
        )  # fmt: skip


def _check_held_out(run: Run) -> None:
    for number, source in enumerate(run.data.held_out if isinstance(run.data.held_out, list) else ()):
        if source.weight != 1:
            place = f"data.held_out.{number}.weight"
            raise ConfigError(f"`{place}` does nothing: held-out samples count once each", at=place, hint=f"{place}=1")

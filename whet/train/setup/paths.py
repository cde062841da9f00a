"""Paths of a config made absolute, so that a run can be continued from any directory."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from whet.base.catalogue import template
from whet.base.paths import user_path
from whet.base.rewards import RewardEntry
from whet.base.run import DataSource, Run
from whet.base.schema import Settings
from whet.data.sources.files import Source
from whet.models.loading.find import find_model, find_run, is_model
from whet.track.registry.names import is_reference


def located(run: Run) -> Run:
    """The same run with every path that exists here written in full; hub ids stay as they are.

    A version of the registry becomes the folder of that version: the run goes on with it when an alias moves.
    """
    runs = Path(run.track.folder)
    sources = [_source(source) for source in run.data.train]
    held_out = run.data.held_out
    if isinstance(held_out, list):
        held_out = [_source(source) for source in held_out]
    chosen = _template(run.data.template)
    data = run.data.model_copy(update={"train": sources, "held_out": held_out, "template": chosen})
    track = run.track.model_copy(update={"folder": str(Path(run.track.folder).resolve())})
    kinds = {name: _model(one, runs) for name, one in run.objective.values().items() if isinstance(one, Settings)}
    objective = run.objective.model_copy(update=kinds)
    rollout = run.rollout.model_copy(update={"tools": [_file_of(given) for given in run.rollout.tools]})
    rewards = run.rewards.model_copy(update={"functions": [_reward(entry, runs) for entry in run.rewards.functions]})
    changes = {
        "data": data, "model": _model(run.model, runs), "tuner": _tuner(run.tuner, runs), "track": track,
        "objective": objective, "rollout": rollout, "rewards": rewards,
    }  # fmt: skip
    return run.model_copy(update=changes)


def _source(source: DataSource) -> DataSource:
    """As the data room reads it: `path#5000` taken apart. Raises DataError for a file that is not there."""
    parsed = Source.parse(source.model_dump(), Path.cwd())
    return source if parsed.is_hub else source.model_copy(update={"path": parsed.path, "samples": parsed.samples})


def _tuner(tuner: Settings, runs: Path) -> Settings:
    """An adapter in full, by whatever name: a folder, a run, a version of the registry."""
    named = {name: one for name, one in tuner.values().items() if is_reference(one) or name == "path"}
    found = {name: _here(find_model(one, runs)) for name, one in named.items() if isinstance(one, str)}
    return tuner.model_copy(update=found) if found else tuner


def _model(model: Settings, runs: Path) -> Settings:
    """A run's name or folder means its model; a name that means nothing here is left to whoever loads it."""
    given: dict[str, Any] = model.values()
    names = ("path", "init", "tokenizer", "base")
    found: dict[str, Any] = {name: _place(given[name], runs) for name in names if name in given}
    if isinstance(given.get("path"), str) and not is_model(Path(given["path"])) and find_run(given["path"]):
        found["path"] = _here(find_model(given["path"]))
    return model.model_copy(update=found)


def _reward(entry: RewardEntry, runs: Path) -> RewardEntry:
    """A function's file, a reward model, and what else is a file (a schema, a judge's rubric), in full."""
    chosen: Any = entry.reward
    places: dict[str, Any] = {"function": _file_of, "path": partial(_place, runs=runs)}
    texts = {name: value for name, value in chosen.values().items() if isinstance(value, str)}
    found = {name: places.get(name, _named)(value) for name, value in texts.items()}
    return entry.model_copy(update={"reward": chosen.model_copy(update=found)})


def _template(given: str | None) -> str | None:
    """A template's file in full; a name is one even where a file is called so, and Jinja is no path."""
    if given is None or given in template.names() or "{{" in given or "{%" in given:
        return given
    path = user_path(given, at="data.template")
    return str(path.resolve()) if path.exists() else given


def _file_of(given: str) -> str:
    """`tools.py:name` with the file in full."""
    file, colon, name = given.rpartition(":") if ":" in given else (given, "", "")
    return f"{_here(file)}{colon}{name}"


def _place(value: Any, runs: Path) -> Any:
    """A version of the registry as its folder, through no link; any other path in full."""
    return find_model(value, runs) if is_reference(value) else _here(value)


def _named(text: str) -> str:
    """A file with an ending in full, and any other text as it is."""
    return _here(text) if Path(text).suffix else text


def _here(value: Any) -> Any:
    return str(Path(value).resolve()) if isinstance(value, str) and os.path.exists(value) else value

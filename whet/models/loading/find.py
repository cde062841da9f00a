"""Which model is meant: a version of the registry, a folder, an adapter, a run, a run's name, or a hub id.

The one door: what a user types where a model is wanted comes through `find_model`, or `is_reference` is asked first.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from whet.base.errors import ModelError, RunError
from whet.base.paths import user_path
from whet.models.checkpoints.door import check_folder
from whet.models.tuning.adapter_files import CONFIG
from whet.track.reading import store
from whet.track.recorded.checkpoint_names import checkpoint_named
from whet.track.registry.names import is_reference
from whet.track.registry.registry import Registry, folder_of


def find_model(name: str, root: Path = store.ROOT) -> str:
    """The folder of a model or adapter that `name` means: itself, the `model/` of a run (its folder or its name), a
    folder in a run, or a version of the registry (`registry:name@alias`), whose folder is that version's for ever.

    What looks like a hub id (`owner/name`, not here) is returned as it is. Raises WhetError with the nearest name.
    """
    if is_reference(name):
        return _version_of(name, root)
    path = user_path(name)
    name = str(path) if name.startswith("~") else name
    for folder in (path, root / path):  # `first/exports/merged` names what a run holds
        if is_model(folder):
            check_folder(folder)
            return str(folder)
    run = find_run(name, root)
    if run is not None:
        return _model_of(run)
    if checkpoint_named(name, root) is not None:
        said = f"`{name}` is a checkpoint of a run, which chat, serve, predict, evaluate and export take as it is"
        raise ModelError(said, hint=f"whet export {name}, which writes its model into a folder")
    if path.exists():
        raise ModelError(f"{name} is not a model: it has no config.json", hint="give a model folder, or a run")
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return name
    near = near_run(path.name, root)
    hint = f"did you mean `{near}`?" if near else "give a model folder, a run, or a hub id such as Qwen/Qwen3-0.6B"
    raise RunError(f"there is no model or run `{name}`", at=str(root), hint=hint)


def near_run(name: str, root: Path = store.ROOT) -> str | None:
    """The name of the run that `name`, a run's or its folder's in `root`, is most like; None if it is like none's."""
    given = Path(name)
    if given.parent not in (Path(), root) or not root.is_dir():
        return None
    names = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
    return next(iter(difflib.get_close_matches(given.name, names, n=1)), None)


def find_run(name: str, root: Path = store.ROOT) -> Path | None:
    """The run folder that `name` means, also when it is the `model/` inside one; None if it is no run's."""
    for candidate in (name, str(Path(name).resolve().parent) if Path(name).name == "model" else name):
        try:
            return store.find(candidate, root)
        except RunError:
            continue
    return None


def _version_of(name: str, root: Path) -> str:
    """The folder of a version, which must hold a model."""
    registry = Registry(folder_of(root))
    version = registry.resolve(name)
    folder, called = registry.files(version), registry.name_of(version)
    if not folder.is_dir():
        where = version.about.get("source") or "nowhere"
        text = f"the files of `{called}` are not in the registry: they lie at {where}"
        raise RunError(text, at=str(folder), hint=f"whet registry verify {called}")
    if lost := [path.name for path in folder.iterdir() if path.is_symlink() and not path.exists()]:
        text = f"`{called}` was held in place, and {lost[0]} is gone from there"
        raise RunError(text, at=str(folder / lost[0]), hint=f"whet registry verify {called}")
    if not is_model(folder):
        text = f"`{called}` ({version.kind}) is no model that can be loaded here: it has no config.json"
        raise ModelError(text, at=str(folder), hint="another version, or the model that it was exported from")
    check_folder(folder)
    return str(folder)


def _model_of(run: Path) -> str:
    folder = run / "model"
    if not is_model(folder):
        if Path(folder, "model.safetensors").is_file():
            text = f"the model of the run `{run.name}` is weights alone, without a config"
            hint = "only language models are talked to, measured and exported; whet show has its figures"
            raise RunError(text, at=str(folder), hint=hint)
        raise RunError(f"the run `{run.name}` has no model yet", at=str(folder), hint=f"whet train {run}")
    check_folder(folder)
    return str(folder)


def is_model(folder: Path) -> bool:
    """Whether the folder holds a model, or an adapter of one."""
    return (folder / "config.json").is_file() or (folder / CONFIG).is_file()

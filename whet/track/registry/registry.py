"""The registry: a folder with a journal and, for every version, its manifest and the files that it links to.

<folder>/  journal.jsonl  lock  models/<model>/<number>/  manifest.json  <model>/ the files  package/  evaluations/

`package/` is there where a version came as a package whose files lie in another way than those of a model: it has the
same files in their first places.
"""

from __future__ import annotations

import copy
import getpass
import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from whet.base.digests import text_digest
from whet.base.documents import field
from whet.base.errors import RunError, WhetError
from whet.base.sealed import read_sealed
from whet.track.logs.claim import claimed, slug
from whet.track.registry.journal import Change, Journal
from whet.track.registry.names import PREFIX, Reference, alias_name, is_reference, model_name, parse_reference
from whet.track.registry.state import Model, State, Version

VARIABLE, FOLDER = "WHET_REGISTRY", ".registry"
MANIFEST, MODELS, EVALUATIONS, PACKAGE = "manifest.json", "models", "evaluations", "package"


def folder_of(root: Path) -> Path:
    """Where the registry beside a folder of runs lies: WHET_REGISTRY, else `.registry` in it."""
    given = os.environ.get(VARIABLE)
    return Path(given).expanduser() if given else Path(root) / FOLDER


def exact(name: str, root: Path) -> str:
    """A reference by its number, which means the same for ever; any other name as it is."""
    if not is_reference(name):
        return name
    registry = Registry(folder_of(root))
    return f"{PREFIX}{registry.name_of(registry.resolve(name))}"


# What brings versions back that lie in folders and not in the journal.
REBUILD = "whet registry verify --rebuild"


class Registry:
    """The models of a registry. Reading takes no lock and makes nothing; every change is in the journal on return."""

    def __init__(self, folder: Path, who: Callable[[], str] | None = None) -> None:
        self.folder, self._who = Path(folder), who or user_here
        self.journal = Journal(self.folder)
        self._state, self._place, self._inode, self.damaged = State(), 0, 0, 0
        self._reading = threading.Lock()

    def state(self) -> State:
        """All models as they are now, which no later change alters; only what was added since is read."""
        with self._reading:
            inode = self.journal.inode()
            if inode != self._inode:
                self._state, self._place, self._inode, self.damaged = State(), 0, inode, 0
            changes, self._place, damaged = self.journal.read(self._place)
            self.damaged += damaged
            if changes:
                self._state = _after(self._state, changes)
            return self._state

    def model(self, name: str) -> Model:
        """The model of that name. Raises RunError with the nearest one."""
        state = self.state()
        if (found := state.named(name)) is not None:
            return found
        import difflib

        names = [model.name for model in state.models.values()]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "`whet registry list` shows them, `whet registry add` adds one"
        hint = REBUILD if self.has_lost() else hint
        raise RunError(f"the registry has no model `{name}`", at=str(self.folder), hint=hint)

    def version(self, name: str, number: int) -> Version:
        """A version by its number. Raises RunError."""
        model = self.model(name)
        if number in model.versions:
            return model.versions[number]
        said = "has been removed" if 0 < number <= model.last else "has never been"
        known = ", ".join(map(str, sorted(model.versions)[-8:])) or "none"
        hint = REBUILD if self.has_lost() else f"there is: {known}"
        raise RunError(f"version {number} of `{name}` {said}", at=str(self.folder), hint=hint)

    def has_lost(self) -> bool:
        """Whether versions lie here of which the journal, which must have been damaged, does not tell."""
        models, home = self.state().models, self.folder / MODELS
        lying = [(path.parent.name, path.name) for path in home.glob("*/*") if path.name.isdigit()]
        return any(id not in models or int(number) not in models[id].versions for id, number in lying)

    def resolve(self, reference: str | Reference) -> Version:
        """The version that is meant now. Raises WhetError for none."""
        wanted = parse_reference(reference) if isinstance(reference, str) else reference
        if wanted.number is not None:
            return self.version(wanted.name, wanted.number)
        model = self.model(wanted.name)
        if wanted.alias is not None:
            if wanted.alias not in model.aliases:
                known = ", ".join(sorted(model.aliases)) or f"none: whet registry alias {wanted.name} {wanted.alias} 1"
                text = f"`{wanted.name}` has no alias `{wanted.alias}`"
                raise RunError(text, at=str(self.folder), hint=f"there is: {known}")
            return self.version(wanted.name, model.aliases[wanted.alias])
        newest = model.newest()
        if newest is None:
            raise RunError(
                f"`{wanted.name}` has no version",
                at=str(self.folder),
                hint=f"whet registry add runs/{wanted.name} --name {wanted.name}",
            )
        return newest

    def name_of(self, version: Version) -> str:
        """As `chat/3`."""
        return f"{self.state().models[version.model].name}/{version.number}"

    def place(self, version: Version) -> Path:
        """The folder of a version: its manifest, files and evaluations."""
        return self.folder.absolute() / MODELS / version.model / str(version.number)

    def files(self, version: Version) -> Path:
        """The folder with the files of a version."""
        return self.place(version) / version.model

    def package(self, version: Version) -> Path:
        """The folder with the files of a version as they came: those of a package in its own layout."""
        place = self.place(version) / PACKAGE
        return place if place.is_dir() else self.files(version)

    def manifest(self, version: Version) -> dict[str, Any]:
        """What a version consists of. Raises WhetError where it is gone or not as it was written."""
        path = self.place(version) / MANIFEST
        found = read_sealed(path)
        if text_digest(path.read_bytes()) != version.manifest:
            raise RunError("the manifest is another than the journal knows", at=str(path), hint="whet registry verify")
        return found

    def history(self, name: str) -> list[Change]:
        """All changes of a model, the oldest first."""
        id = self.model(name).id
        return [change for change in self.journal.read()[0] if change.get("model") == id]

    # What follows changes the registry.

    def create(self, name: str) -> Model:
        """A new model without versions. Raises RunError where the name is taken."""
        with self.changing():
            if self.state().named(model_name(name)) is not None:
                raise RunError(f"there is a model `{name}` already", at=str(self.folder), hint="another name")
            return self._create(name)

    def named_or_new(self, name: str) -> Model:
        """The model of that name, made where there is none. Only inside `changing`."""
        return self.state().named(name) or self._create(name)

    def alias(self, name: str, alias: str, number: int | None, *, past_policy: bool = False, **gate: Any) -> None:
        """Let an alias mean a version, or (None) nothing. `gate` is kept with it: what was required, and found.

        Raises RunError where the alias has a policy, which only a promotion looks at, unless `past_policy` says so.
        """
        with self.changing():
            model = self.model(name)
            if number is not None:
                self.version(name, number)
                self.check_alias(name, alias, str(number), past_policy=past_policy)
            elif alias not in model.aliases:
                raise RunError(
                    f"`{name}` has no alias `{alias}`", at=str(self.folder), hint=f"whet registry show {name}"
                )
            self.tell("alias", model, alias=alias, version=number, before=model.aliases.get(alias), **gate)

    def check_alias(self, name: str, alias: str, number: str = "NUMBER", *, past_policy: bool = False) -> None:
        """Raise WhetError where no alias of a model, which need not be there, can be called so, or `alias` would."""
        alias_name(alias)
        model = self.state().named(name)
        if model and (policy := model.policies.get(alias)) and not past_policy:
            raise RunError(
                f"@{alias} of `{name}` has a policy: {policy}", at=str(self.folder),
                hint=f"whet registry promote {name}/{number} --to {alias}, or --past-policy",
            )  # fmt: skip

    def policy(self, name: str, alias: str, require: str | None) -> None:
        """Let every promotion to an alias require this as well, or (None) nothing of itself."""
        with self.changing():
            model = self.model(name)
            if require is None and alias not in model.policies:
                raise RunError(f"@{alias} of `{name}` has no policy", at=str(self.folder), hint="whet registry show")
            self.tell("policy", model, alias=alias_name(alias), require=require)

    def tag(self, name: str, number: int | None, key: str, value: str | None) -> None:
        """Set a tag of a model or a version, or (None) take it away."""
        with self.changing():
            model = self.model(name)
            tags = model.tags if number is None else self.version(name, number).tags
            if value is None and key not in tags:
                raise RunError(f"there is no tag `{key}`", at=name, hint=f"there is: {', '.join(tags) or 'none'}")
            self.tell("tag", model, version=number, key=key, value=value)

    def describe(self, name: str, number: int | None, text: str) -> None:
        """Set the description of a model or a version."""
        with self.changing():
            model = self.model(name)
            if number is not None:
                self.version(name, number)
            self.tell("describe", model, version=number, text=text)

    def stage(self, name: str, number: int, stage: str) -> None:
        """Set the stage of a version, a word that MLflow's clients have for it."""
        with self.changing():
            self.version(name, number)
            self.tell("stage", self.model(name), version=number, stage=stage)

    def rename(self, name: str, new: str) -> None:
        """Call a model something else; its folder and what runs have recorded of it stay."""
        with self.changing():
            model = self.model(name)
            if (other := self.state().named(model_name(new))) is not None and other is not model:
                raise RunError(f"there is a model `{new}` already", at=str(self.folder), hint="another name")
            self.tell("rename", model, name=new)

    def evaluated(self, version: Version, result: Mapping[str, Any]) -> None:
        """Keep what an evaluation of a version has found: whole in its folder, and figures in the journal."""
        from whet.track.registry.evaluations import brief

        name = f"{slug(str(result.get('task')))}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}.json"
        path = self.place(version) / EVALUATIONS / name
        with self.changing():
            model = self.state().models[version.model]
            self.version(model.name, version.number)
            path.parent.mkdir(exist_ok=True)
            part = path.with_suffix(".part")
            from whet.track.script.plain import to_json

            part.write_bytes(to_json(result))
            os.replace(part, path)
            self.tell("evaluated", model, version=version.number, result={**brief(result), "file": name})

    def remove(self, name: str, number: int) -> None:
        """Remove a version with its links and aliases; who refers to it is for the caller to ask."""
        with self.changing():
            version = self.version(name, number)
            self.tell("remove", self.model(name), version=number, bytes=version.num_bytes)
            shutil.rmtree(self.place(version), ignore_errors=True)

    def forget(self, name: str) -> None:
        """Remove a model with all its versions."""
        with self.changing():
            model = self.model(name)
            self.tell("forget", model, name=name)
            shutil.rmtree(self.folder / MODELS / model.id, ignore_errors=True)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Inside, nobody else changes the registry, so that what was seen is still so. May stand in another."""
        with self.journal.writing():
            yield

    def tell(self, op: str, model: Model, **values: Any) -> None:
        """Write a change of a model down. Only inside `changing`."""
        told = {"op": op, "model": model.id, **values, **self.made()}
        self.journal.append([told])

    def made(self) -> dict[str, Any]:
        """When, and by whom."""
        return {"time": time.time(), "by": self._who()}

    def _create(self, name: str) -> Model:
        folder = claimed(self.folder / MODELS, name)
        model = Model(folder.name, name, time.time(), time.time())
        self.tell("model", model, name=name)
        return self.state().models[folder.name]


def user_here() -> str:
    """The user of this process, on which machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


def version_at(path: Path) -> tuple[str, str] | None:
    """Name (`chat/3`) and digest of the manifest of the version whose files lie in a folder; None of any other."""
    manifest = Path(path).parent / MANIFEST
    if Path(path).parent.parent.parent.name != MODELS or not manifest.is_file():
        return None
    try:
        told = read_sealed(manifest)
        name, number = field(told, "name", str, at=str(manifest)), field(told, "version", int, at=str(manifest))
        return f"{name}/{number}", text_digest(manifest.read_bytes())
    except (WhetError, OSError):
        return None


def _after(state: State, changes: Sequence[Change]) -> State:
    """The state behind changes; what is told of before stays as it is, for those who are reading it."""
    after, touched = State(), {change.get("model") for change in changes}
    after.models = {id: copy.deepcopy(m) if id in touched else m for id, m in state.models.items()}
    for change in changes:
        with suppress(KeyError, TypeError, ValueError):  # written by something else: it changes nothing
            after.apply(change)
    return after

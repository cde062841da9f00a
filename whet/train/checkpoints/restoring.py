"""Restoring: all parts from the newest whole checkpoint, on all ranks; what one of them cannot read is told to all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from whet.base import disks
from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError
from whet.contracts.steps import Stateful
from whet.parallel.side import RankFailed, Side
from whet.parallel.world import World
from whet.track.reading.store import free_name
from whet.train.checkpoints.blocks import Changed
from whet.train.checkpoints.manifest import MANIFEST, Identity, blocks_of, changed, large_files, small_files
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.checkpoints.places import damage_of, numbered, step_of
from whet.train.checkpoints.tensor_files import DAMAGES, TensorFiles, alone_is_fine, cause_of, reason_of
from whet.train.checkpoints.tensor_names import MODEL, OPTIMIZER, model_tensors

T = TypeVar("T")


class Restorer:
    """Loads into the parts of one run. `notices` say what was passed over.

    Every step that may fail on one rank alone is agreed upon before the next: a rank that raised by itself would leave
    the others waiting for it.
    """

    def __init__(
        self,
        folder: Path,
        module: torch.nn.Module,
        optimizer: NamedOptimizer,
        parts: Mapping[str, Stateful],
        world: World,
        untouched: frozenset[str],
        identity: Identity | None,
    ) -> None:
        self._folder, self._module, self._optimizer = folder, module, optimizer
        self._parts, self._world, self._untouched, self._identity = parts, world, untouched, identity
        self._ranks = Side(world)
        self.notices: list[str] = []

    def restore(self) -> int | None:
        """Load the newest whole checkpoint. Returns its step, or None when there is none.

        Raises RunError, on every rank, where nothing whole is left, for a checkpoint that does not fit the run, and
        where a rank cannot read what others can.
        """
        damaged: list[tuple[Path, str]] = []
        for path in self._world.agreed(numbered(self._folder)[::-1]):
            reason = self._world.agreed(self._damage(path) if self._world.is_writer else None)
            if reason is None:
                reason = self._load(path)
            if reason is None:
                self._set_aside(damaged, path)
                return step_of(path)
            damaged.append((path, reason))
        if damaged:
            told = "; ".join(f"step {step_of(path)} ({reason})" for path, reason in damaged)
            again = f"{self._folder.parent / 'config.yaml'} name={free_name(self._folder.parent)}"
            raise RunError(
                f"no checkpoint of the run is whole: {told}",
                at=str(self._folder),
                hint=f"whet train {again}, which begins anew",
            )
        return None

    def _damage(self, path: Path) -> str | None:
        try:
            return damage_of(path, self._identity)
        except OSError as error:
            return f"it cannot be looked at: {reason_of(error)}"

    def _load(self, path: Path) -> str | None:
        """All parts from one checkpoint; what is damaged in it, if anything is."""
        has_digests, names, found = self._world.agreed((path / MANIFEST).exists()), self._names(), None
        try:
            with ThreadPoolExecutor(1) as beside:  # each rank hashes some of the files while it reads what it needs
                verified = beside.submit(self._verify, path, has_digests)
                failed: RankFailed | None = None
                try:
                    found = self._together(lambda: self._open(path, has_digests, names))
                    self._together(partial(_fill, found, self._world.mesh is None))
                except RankFailed as error:
                    failed = error
            self._together(verified.result)  # it names the file, where a loader has other words
            if failed is not None or found is None:
                raise failed or AssertionError("nothing was read")
            self._together(partial(self._put_back, path, has_digests, found, names))
        except RankFailed as failed:
            if isinstance(failed.error, _DoesNotFit):
                raise failed.error from None
            if failed.rank is not None and (found is None or isinstance(failed.error, _Unreadable)):
                raise self._unreadable(path, failed) from None
            return failed.error.message
        return None

    def _together(self, work: Callable[[], T]) -> T:
        return self._ranks.together(work, self._told)

    def _told(self, error: BaseException) -> WhetError | None:
        """What this rank says of a failure; torch wraps that of any rank, in a BaseException."""
        if isinstance(error, RunError):
            return error
        if isinstance(error, WhetError):
            return _naming_its_file(error)
        if not isinstance(error, (CheckpointException, *DAMAGES)):
            raise error
        cause = cause_of(error, self._world.index("all"))
        if cause is None:
            return None
        if isinstance(cause, OSError) and not isinstance(cause, Changed):
            file = f"`{Path(os.fsdecode(cause.filename)).name}`" if isinstance(cause.filename, str | bytes) else "it"
            return _Unreadable(f"{file} cannot be read: {reason_of(cause)}", hint=disks.remedy(cause))
        return _Damage(f"it cannot be loaded: {reason_of(cause)}")

    def _verify(self, path: Path, has_digests: bool) -> None:
        own = large_files(path)[self._world.index("all") :: self._world.count("all")] if has_digests else []
        if own and (reason := changed(path, own)):
            raise _Damage(reason)

    def _open(self, path: Path, has_digests: bool, names: _Names) -> _Found:
        """What all ranks read of a checkpoint, and where the tensors go that this one reads."""
        if has_digests and (reason := changed(path, small_files(path))):
            raise _Damage(reason)
        stored = read_object(path / "state.json")
        for part in ("parts", "optimizer"):
            field(stored, part, dict, at="state.json")
        _compare(stored["parts"], self._parts, path)
        reader = TensorFiles(path, blocks_of(path) if has_digests else None)
        return _Found(stored, reader, self._targets(path, reader.read_metadata().state_dict_metadata, names))

    def _targets(self, path: Path, stored: Mapping[str, Any], names: _Names) -> dict[str, torch.Tensor]:
        """Where each stored tensor goes: the model's own, and blanks for the optimizer's state."""
        targets = model_tensors(self._module, self._untouched)
        missing = sorted(set(targets) - set(stored))
        unknown = sorted(k for k in stored if k.startswith(MODEL) and k not in names.of_all_stages)
        if missing or unknown:
            raise _DoesNotFit(
                f"the checkpoint does not fit the model: missing {missing[:3]}, unknown {unknown[:3]}",
                at=str(path),
                hint="the model's code or config has changed since",
            )
        for name, entry in stored.items():
            if name.startswith(OPTIMIZER) and isinstance(entry, TensorStorageMetadata):
                entry_name = name.removeprefix(OPTIMIZER)
                if _owner(entry_name) in names.stepped_elsewhere:
                    continue
                target = self._optimizer.blank(entry_name, entry.size, entry.properties.dtype)
                if target is not None:
                    targets[name] = target
        return targets

    def _names(self) -> _Names:
        """A collective: what other stages hold, which no checkpoint can change."""
        own, stepped = set(model_tensors(self._module, self._untouched)), self._optimizer.names()
        every, all_stepped = self._world.gathered(own, "stages"), self._world.gathered(stepped, "stages")
        return _Names(set().union(*every), set().union(*all_stepped) - stepped)

    def _put_back(self, path: Path, has_digests: bool, found: _Found, names: _Names) -> None:
        try:
            entries = found.stored["optimizer"].items()
            plain = {place: value for place, value in entries if _owner(place) not in names.stepped_elsewhere}
            self._optimizer.load_state_dict(_under(OPTIMIZER, found.tensors) | plain)
            for name, part in self._parts.items():
                part.load_state_dict(found.stored["parts"][name])
        except DAMAGES as error:
            said = f"it cannot be loaded: {type(error).__name__}: {reason_of(error)}"
            if not has_digests:
                raise _Damage(said) from None
            raise _DoesNotFit(
                f"the checkpoint of step {step_of(path)} is whole, and {said}", at=str(path),
                hint="the version of whet that wrote it",
            ) from None  # fmt: skip

    def _set_aside(self, damaged: list[tuple[Path, str]], taken: Path) -> None:
        """Say what was passed over, and give its names free for the checkpoints to come."""
        step = step_of(taken)
        for path, reason in damaged:
            aside = path.with_name(f"{path.name}.damaged")
            try:
                self._together(partial(self._move, path, aside))
            except RankFailed as failed:
                raise RunError(
                    f"the checkpoint of step {step_of(path)} is damaged ({reason}), and cannot be put aside for that "
                    f"of step {step}: {failed.error.message}",
                    at=str(path),
                    hint=f"mv {path} {aside}, then continue with `whet train {self._folder.parent}`",
                ) from None
            self.notices.append(
                f"the checkpoint of step {step_of(path)} is damaged ({reason}); going on from step {step}. "
                f"It is kept as {aside.name} until the next one is written"
            )
        if self._world.agreed(not (taken / MANIFEST).exists()):
            self.notices.append(
                f"the checkpoint of step {step} is of an earlier version and has no digests: it is taken as it is"
            )

    def _move(self, path: Path, aside: Path) -> None:
        if not self._world.is_writer:
            return
        shutil.rmtree(aside, ignore_errors=True)
        try:
            os.rename(path, aside)
        except OSError as error:
            raise _Damage(reason_of(error)) from None

    def _unreadable(self, path: Path, failed: RankFailed) -> RunError:
        """Nothing is wrong with it that another rank can see: it is kept, and no older one is taken in its place."""
        return RunError(
            f"the checkpoint of step {step_of(path)} cannot be read on every rank: {failed.message}",
            at=str(path),
            hint=f"ls -l {path} on the machine of rank {failed.rank}, then continue with "
            f"`whet train {self._folder.parent}`",
        )


@dataclass(frozen=True)
class _Names:
    """Tensors of the model on any stage, and parameters that only other stages step."""

    of_all_stages: set[str]
    stepped_elsewhere: set[str]


@dataclass(frozen=True)
class _Found:
    """What `state.json` holds, and the places of tensors, those of the model being its own."""

    stored: dict[str, Any]
    reader: TensorFiles
    tensors: dict[str, torch.Tensor]


class _DoesNotFit(RunError):
    """A whole checkpoint of another model or version, for which no older one would help."""


class _Damage(WhetError):
    """What is wrong with a checkpoint. It is caught here."""


class _Unreadable(WhetError):
    """What the system refuses to read, which says nothing of its content."""


def _naming_its_file(error: WhetError) -> WhetError:
    file = Path((error.at or "").split(": ")[0]).name
    return error if not file or f"`{file}" in error.message else _Damage(f"`{file}`: {error.message}", at=error.at)


def _fill(found: _Found, is_alone: bool) -> None:
    try:
        with alone_is_fine():
            dcp.load(found.tensors, storage_reader=found.reader, no_dist=is_alone)
    except (CheckpointException, *DAMAGES):
        if found.reader.changed:
            raise _Damage(found.reader.changed) from None
        raise


def _compare(stored: Mapping[str, Any], parts: Mapping[str, Stateful], path: Path) -> None:
    missing, unknown = sorted(set(parts) - set(stored)), sorted(set(stored) - set(parts))
    if missing or unknown:
        raise _DoesNotFit(
            f"the checkpoint's parts differ: missing {missing}, unknown {unknown}", at=str(path / "state.json"),
            hint="the version of whet that wrote it",
        )  # fmt: skip


def _owner(path: str) -> str:
    """The parameter that an entry of the optimizer's state belongs to."""
    return path.rpartition("/")[0]


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

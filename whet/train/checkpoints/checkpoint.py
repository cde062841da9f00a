"""Checkpoints: every stateful part by name, sharded, complete or not there at all.

A checkpoint is written into `step-00000500.partial/` and renamed when every rank's shards, the JSON and the manifest
are on disk; a reader looks only at renamed folders. Tensors go through torch.distributed.checkpoint, which loads them
on any number of ranks; everything else is `state.json`. The manifest has a digest of every file: what is not as it was
written is named, and the newest whole checkpoint is taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError
from whet.base.regular import odd_entries
from whet.base.sealed import sync
from whet.base.threads import Threads
from whet.contracts.steps import Stateful
from whet.parallel.side import Side
from whet.parallel.world import World
from whet.track.reading.store import free_name
from whet.train.checkpoints.manifest import (
    MANIFEST,
    Identity,
    blocks_of,
    changed,
    damage,
    described,
    large_files,
    manifest_of,
)
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.checkpoints.staging import Snapshot, Staging
from whet.train.checkpoints.tensor_files import DAMAGES, TensorFiles, TensorWriter
from whet.train.run.folder import write_atomically

FORMAT = 2
# Checkpoints of this format have no manifest.
_WITHOUT_MANIFEST = 1
# How long the end of a run that fails waits for a checkpoint under way.
_LAST_PATIENCE_S = 20.0
_NAME = re.compile(r"step-(\d{8,})")


class Checkpoints:
    """Saves and restores the named parts of one run."""

    def __init__(
        self,
        folder: Path,
        module: torch.nn.Module,
        optimizer: NamedOptimizer,
        parts: Mapping[str, Stateful],
        world: World,
        keep: int,
        untouched: frozenset[str] = frozenset(),
        identity: Identity | None = None,
        timeout_s: float = 600.0,
    ) -> None:
        """Parameters that are `untouched` come from the model's own files again and are not stored.

        Only checkpoints of the run that `identity` tells are taken, and without digests only those it allows. What is
        written beside the loop waits `timeout_s` for another rank.
        """
        self._folder, self._module, self._optimizer = folder, module, optimizer
        self._parts, self._world, self._keep = parts, world, keep
        self._untouched, self._identity = untouched, identity
        self.notices: list[str] = []
        self._timeout_s, self._staging, self._beside = timeout_s, Staging(), Threads(1, "whet-checkpoint")
        self._apart: Side | None = None
        self._under_way: Future[Path] | None = None

    def save(self, step: int) -> Path | None:
        """Write the checkpoint of `step` on all ranks, then drop the oldest beyond `keep`; None where it lies already.

        Raises RunError on every rank when one of them cannot write; what was there before stays.
        """
        self.settle()
        return None if self._place(step).exists() else self._commit(self._taken(step), Side(self._world))

    def begin(self, step: int) -> None:
        """As `save`, but return once this rank's part is copied: a thread writes it, and `settle` tells how that ended.

        One is written at a time: this waits for the one before, and raises what that has to say.
        """
        self.settle()
        if self._place(step).exists():
            return
        if self._apart is None:
            self._apart = Side.apart(self._world, self._timeout_s)
        taken = self._taken(step)
        taken = Snapshot(step, taken.state, self._staging.copied(taken.tensors))
        self._under_way = self._beside.submit(self._commit, taken, self._apart)

    @property
    def is_under_way(self) -> bool:
        """Whether a checkpoint was begun and `settle` has not told of it."""
        return self._under_way is not None

    @property
    def has_written(self) -> bool:
        """Whether this rank is done with the checkpoint that was begun."""
        return self._under_way is not None and self._under_way.done()

    def settle(self) -> Path | None:
        """Wait until what was begun is written; its folder. Raises RunError, on every rank, where it could not be."""
        under_way, self._under_way = self._under_way, None
        return under_way.result() if under_way is not None else None

    def close(self) -> None:
        """Give what was begun a while to come to its end, whatever that is: a run that fails keeps it if it can."""
        if self._under_way is not None:
            with contextlib.suppress(Exception, CheckpointException):
                self._under_way.result(_LAST_PATIENCE_S)
        self._beside.close()

    def _place(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}"

    def _commit(self, taken: Snapshot, ranks: Side) -> Path:
        """Write what was taken on all ranks, and put it in its place once all of it is on the disk."""
        final, part = self._place(taken.step), self._folder / f"step-{taken.step:08d}.partial"
        if self._world.is_writer:
            shutil.rmtree(part, ignore_errors=True)
        ranks.wait()
        files: dict[str, Any] = {}
        failure: BaseException | None = None
        try:
            files = self._write(part, taken, ranks)
        except (OSError, CheckpointException) as error:  # the latter wraps any rank's error, as a BaseException
            failure = error
        self._check(taken.step, part, failure, ranks)
        every = ranks.gathered(files)
        if self._world.is_writer:
            described_files = {k: v for files in every for k, v in files.items()}
            manifest = manifest_of(taken.step, described_files, self._identity.run if self._identity else None)
            try:
                self._finish(part, final, manifest)
            except (OSError, RunError) as error:
                failure = error
        self._check(taken.step, part, failure, ranks)
        return final

    def restore(self) -> int | None:
        """Load the newest whole checkpoint into all parts. Returns its step, or None when there is none.

        What is damaged is named in `notices`, and set aside. Raises RunError where nothing whole is left, and for a
        checkpoint that does not fit the run.
        """
        damaged: list[tuple[Path, str]] = []
        for path in self._world.agreed(_numbered(self._folder)[::-1]):
            reason = self._world.agreed(_damage(path, self._identity) if self._world.is_writer else None)
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

    def _load(self, path: Path) -> str | None:
        """All parts from one checkpoint, on every rank; what kept it from being read, if anything did."""
        with ThreadPoolExecutor(1) as beside:  # each rank hashes some of the files while it reads what it needs
            verified = beside.submit(self._verified, path)
            stored, tensors, reason = self._read(path)
        reason = self._first(verified.result()) or self._first(reason)
        if reason is None and (reason := self._first(self._put_back(stored, tensors))) and (path / MANIFEST).exists():
            raise _DoesNotFit(
                f"the checkpoint of step {step_of(path)} is whole, and {reason}", at=str(path),
                hint="the version of whet that wrote it",
            )  # fmt: skip
        return reason

    def _first(self, reason: str | None) -> str | None:
        """The first rank's reason that has one, on every rank."""
        return next((told for told in self._world.gathered(reason, "all") if told), None)

    def _verified(self, path: Path) -> str | None:
        if not (path / MANIFEST).exists():
            return None
        return changed(path, large_files(path)[self._world.index("all") :: self._world.count("all")])

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor], str | None]:
        """What `state.json` holds, and the tensors: the model's are in their places."""
        reader = TensorFiles(path, blocks_of(path) if (path / MANIFEST).exists() else None)
        try:
            stored = read_object(path / "state.json")
            for part in ("parts", "optimizer"):
                field(stored, part, dict, at="state.json")
            _compare(stored["parts"], self._parts, path)
            tensors = self._targets(path)
            with _alone_is_fine():
                dcp.load(tensors, storage_reader=reader, no_dist=self._world.mesh is None)
            return stored, tensors, None
        except _DoesNotFit:
            raise
        except WhetError as error:
            return {}, {}, error.message
        except (CheckpointException, *DAMAGES) as error:
            return {}, {}, reader.changed or f"it cannot be loaded: {_reason(error)}"

    def _put_back(self, stored: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str | None:
        try:
            elsewhere = self._elsewhere()
            plain = {path: value for path, value in stored["optimizer"].items() if _owner(path) not in elsewhere}
            self._optimizer.load_state_dict(_under("optimizer/", tensors) | plain)
            for name, part in self._parts.items():
                part.load_state_dict(stored["parts"][name])
        except DAMAGES as error:
            return f"it cannot be loaded: {type(error).__name__}: {_reason(error)}"
        return None

    def _set_aside(self, damaged: list[tuple[Path, str]], taken: Path) -> None:
        """Say what was passed over, and give its names free for the checkpoints to come."""
        step = step_of(taken)
        for path, reason in damaged:
            aside = path.with_name(f"{path.name}.damaged")
            self.notices.append(
                f"the checkpoint of step {step_of(path)} is damaged ({reason}); going on from step {step}. "
                f"It is kept as {aside.name} until the next one is written"
            )
            if self._world.is_writer:
                shutil.rmtree(aside, ignore_errors=True)
                os.rename(path, aside)
        if not (taken / MANIFEST).exists():
            self.notices.append(
                f"the checkpoint of step {step} is of an earlier version and has no digests: it is taken as it is"
            )

    def _taken(self, step: int) -> Snapshot:
        """What a checkpoint of the present holds. The tensors are the run's own, which the next step changes."""
        plain = {k: v for k, v in self._optimizer.state_dict().items() if not isinstance(v, torch.Tensor)}
        state = {
            "format": FORMAT,
            "step": step,
            "optimizer": {k: v for of_stage in self._world.gathered(plain, "stages") for k, v in of_stage.items()},
            "parts": {name: stateful.state_dict() for name, stateful in self._parts.items()},
        }
        return Snapshot(step, json.dumps(state), self._tensors())

    def _write(self, part: Path, taken: Snapshot, ranks: Side) -> dict[str, Any]:
        """This rank's files, and what the manifest says of them."""
        part.mkdir(parents=True, exist_ok=True)
        with _alone_is_fine():
            writer, alone = TensorWriter(part), self._world.mesh is None
            dcp.save(dict(taken.tensors), storage_writer=writer, process_group=ranks.group, no_dist=alone)
        own: list[Path] = []
        if self._world.is_writer:
            (part / "state.json").write_text(taken.state, encoding="utf-8")
            own = [part / "state.json", part / ".metadata"]
        files = writer.files()
        sync(part / name for name in files)
        return described(own) | files

    def _finish(self, part: Path, final: Path, manifest: str) -> None:
        write_atomically(part / MANIFEST, manifest)
        _sync_folder(part)
        os.rename(part, final)
        _sync_folder(self._folder)
        write_atomically(self._folder / "latest", final.name + "\n")
        self._prune()

    def _check(self, step: int, part: Path, failure: BaseException | None, ranks: Side) -> None:
        """Raise on every rank when one of them has failed."""
        if ranks.any(failure is not None):
            if self._world.is_writer:
                shutil.rmtree(part, ignore_errors=True)
            ranks.wait()
            raise self._cannot(step, failure)

    def _tensors(self) -> dict[str, torch.Tensor]:
        entries = self._optimizer.state_dict().items()
        return self._model_tensors() | {f"optimizer/{k}": v for k, v in entries if isinstance(v, torch.Tensor)}

    def _model_tensors(self) -> dict[str, torch.Tensor]:
        """Parameters (tied ones once) and persistent buffers, without those that training leaves as they are."""
        persistent = self._module.state_dict(keep_vars=True)
        buffers = {n: b for n, b in self._module.named_buffers() if n in persistent}
        named = [*self._module.named_parameters(), *buffers.items()]
        return {f"model/{n}": t.detach() for n, t in named if n not in self._untouched}

    def _targets(self, path: Path) -> dict[str, torch.Tensor]:
        """Where each stored tensor goes: the model's own, and blanks for the optimizer's state."""
        stored = TensorFiles(path).read_metadata().state_dict_metadata
        targets = self._model_tensors()
        of_all_stages = set().union(*self._world.gathered(set(targets), "stages"))
        missing = sorted(set(targets) - set(stored))
        unknown = sorted(k for k in stored if k.startswith("model/") and k not in of_all_stages)
        if missing or unknown:
            raise _DoesNotFit(
                f"the checkpoint does not fit the model: missing {missing[:3]}, unknown {unknown[:3]}",
                at=str(path),
                hint="the model's code or config has changed since",
            )
        elsewhere = self._elsewhere()
        for name, entry in stored.items():
            if name.startswith("optimizer/") and isinstance(entry, TensorStorageMetadata):
                entry_name = name.removeprefix("optimizer/")
                if _owner(entry_name) in elsewhere:
                    continue
                target = self._optimizer.blank(entry_name, entry.size, entry.properties.dtype)
                if target is not None:
                    targets[name] = target
        return targets

    def _elsewhere(self) -> set[str]:
        """Parameters that only other stages step."""
        own = self._optimizer.names()
        return set().union(*self._world.gathered(own, "stages")) - own

    def _prune(self) -> None:
        for path in complete(self._folder)[: -self._keep]:
            shutil.rmtree(path, ignore_errors=True)
        for left in ("*.partial", "*.damaged"):
            for path in self._folder.glob(left):
                shutil.rmtree(path, ignore_errors=True)

    def _cannot(self, step: int, failure: BaseException | None) -> RunError:
        last = latest(self._folder)
        kept = f"the last checkpoint, {last.name}, is whole" if last else "there is no earlier checkpoint"
        reason = _reason(failure) if failure else "another rank could not write"
        return RunError(
            f"cannot write the checkpoint of step {step}: {reason}; {kept}",
            at=str(self._folder),
            hint=f"free some space, then continue with `whet train {self._folder.parent}`",
        )


class _DoesNotFit(RunError):
    """A whole checkpoint of another model or version, for which no older one would help."""


def complete(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first; whether they are whole is known once they are verified."""
    return [p for p in _numbered(folder) if (p / MANIFEST).exists() or (p / "state.json").exists()]


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint. A folder scan, because a crash may fall between rename and `latest`."""
    found = complete(folder)
    return found[-1] if found else None


def lacks_manifest(path: Path) -> bool:
    """Whether a checkpoint is of before digests, or has lost them."""
    return not (path / MANIFEST).exists()


def _numbered(folder: Path) -> list[Path]:
    """What was once put in the place of a complete checkpoint, oldest first."""
    return sorted((p for p in folder.glob("step-*") if _NAME.fullmatch(p.name)), key=step_of)


def step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _damage(path: Path, identity: Identity | None) -> str | None:
    """What is wrong with a complete checkpoint, as far as its files tell without loading them."""
    for odd, kind in odd_entries(path):
        return f"`{odd.name}` is {kind}, and no file"
    if (path / MANIFEST).exists():
        return damage(path, step_of(path), identity.run if identity else None)
    if not (path / "state.json").exists() or (identity and step_of(path) > identity.digests_after):
        return f"`{MANIFEST}` is missing"
    try:
        stored = read_object(path / "state.json")
        written_as = field(stored, "format", int, at="state.json")
        step = field(stored, "step", int, at="state.json")
    except WhetError as error:
        return f"`state.json`: {error.message}"
    if written_as != _WITHOUT_MANIFEST:
        return f"`{MANIFEST}` is missing"
    return None if step == step_of(path) else f"`state.json` is that of step {step}"


@contextlib.contextmanager
def _alone_is_fine() -> Iterator[None]:
    """Torch (2.13) warns at each save and load that there is one process, even when told so by `no_dist`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


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


def _reason(error: BaseException) -> str:
    """The operating system's words, dug out of the wrapping that torch puts around them."""
    failures = getattr(error, "failures", None)
    if failures:
        error = next(iter(failures.values()))[0]
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or str(error).strip().split("\n")[0]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

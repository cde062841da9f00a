"""Checkpoints: every stateful part by name, sharded, complete or not there at all.

A checkpoint is written into `step-00000500.partial/` and renamed when every rank's shards, the JSON and the manifest
are on disk (commit.py); a reader looks only at renamed folders (places.py). Tensors go through
torch.distributed.checkpoint, which loads them on any number of ranks; everything else is `state.json`. The manifest has
a digest of every file: what is not as it was written is named, and the newest whole checkpoint is taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError
from whet.base.threads import Threads
from whet.contracts.steps import Stateful
from whet.parallel.side import Side
from whet.parallel.world import World
from whet.track.reading.store import free_name
from whet.train.checkpoints.commit import Committer
from whet.train.checkpoints.manifest import (
    MANIFEST,
    Identity,
    blocks_of,
    changed,
    large_files,
)
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.checkpoints.places import damage_of, numbered, place_of, step_of
from whet.train.checkpoints.staging import Snapshot, Staging
from whet.train.checkpoints.tensor_files import DAMAGES, TensorFiles, alone_is_fine, reason_of

FORMAT = 2
MODEL, OPTIMIZER = "model/", "optimizer/"  # before the names of tensors
# How long the end of a run that fails waits for a checkpoint under way.
_LAST_PATIENCE_S = 20.0


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
        self._parts, self._world = parts, world
        self._untouched, self._identity = untouched, identity
        self._committer = Committer(folder, world, keep, identity)
        self.notices: list[str] = []
        self._timeout_s, self._staging, self._beside = timeout_s, Staging(), Threads(1, "whet-checkpoint")
        self._apart: Side | None = None
        self._under_way: Future[Path] | None = None

    def save(self, step: int) -> Path | None:
        """Write the checkpoint of `step` on all ranks, then drop the oldest beyond `keep`; None where it lies already.

        Raises RunError on every rank when one of them cannot write; what was there before stays.
        """
        self.settle()
        return (
            None
            if place_of(self._folder, step).exists()
            else self._committer.commit(self._taken(step), Side(self._world))
        )

    def begin(self, step: int) -> None:
        """As `save`, but return once this rank's part is copied: a thread writes it, and `settle` tells how that ended.

        One is written at a time: this waits for the one before, and raises what that has to say.
        """
        self.settle()
        if place_of(self._folder, step).exists():
            return
        if self._apart is None:
            self._apart = Side.apart(self._world, self._timeout_s)
        taken = self._taken(step)
        taken = Snapshot(step, taken.state, self._staging.copied(taken.tensors))
        self._under_way = self._beside.submit(self._committer.commit, taken, self._apart)

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

    def restore(self) -> int | None:
        """Load the newest whole checkpoint into all parts. Returns its step, or None when there is none.

        What is damaged is named in `notices`, and set aside. Raises RunError where nothing whole is left, and for a
        checkpoint that does not fit the run.
        """
        damaged: list[tuple[Path, str]] = []
        for path in self._world.agreed(numbered(self._folder)[::-1]):
            reason = self._world.agreed(damage_of(path, self._identity) if self._world.is_writer else None)
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
            with alone_is_fine():
                dcp.load(tensors, storage_reader=reader, no_dist=self._world.mesh is None)
            return stored, tensors, None
        except _DoesNotFit:
            raise
        except WhetError as error:
            return {}, {}, error.message
        except (CheckpointException, *DAMAGES) as error:
            return {}, {}, reader.changed or f"it cannot be loaded: {reason_of(error)}"

    def _put_back(self, stored: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str | None:
        try:
            elsewhere = self._elsewhere()
            plain = {path: value for path, value in stored["optimizer"].items() if _owner(path) not in elsewhere}
            self._optimizer.load_state_dict(_under(OPTIMIZER, tensors) | plain)
            for name, part in self._parts.items():
                part.load_state_dict(stored["parts"][name])
        except DAMAGES as error:
            return f"it cannot be loaded: {type(error).__name__}: {reason_of(error)}"
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

    def _tensors(self) -> dict[str, torch.Tensor]:
        entries = self._optimizer.state_dict().items()
        return model_tensors(self._module, self._untouched) | {
            f"{OPTIMIZER}{k}": v for k, v in entries if isinstance(v, torch.Tensor)
        }

    def _targets(self, path: Path) -> dict[str, torch.Tensor]:
        """Where each stored tensor goes: the model's own, and blanks for the optimizer's state."""
        stored = TensorFiles(path).read_metadata().state_dict_metadata
        targets = model_tensors(self._module, self._untouched)
        of_all_stages = set().union(*self._world.gathered(set(targets), "stages"))
        missing = sorted(set(targets) - set(stored))
        unknown = sorted(k for k in stored if k.startswith(MODEL) and k not in of_all_stages)
        if missing or unknown:
            raise _DoesNotFit(
                f"the checkpoint does not fit the model: missing {missing[:3]}, unknown {unknown[:3]}",
                at=str(path),
                hint="the model's code or config has changed since",
            )
        elsewhere = self._elsewhere()
        for name, entry in stored.items():
            if name.startswith(OPTIMIZER) and isinstance(entry, TensorStorageMetadata):
                entry_name = name.removeprefix(OPTIMIZER)
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


def model_tensors(module: torch.nn.Module, untouched: frozenset[str]) -> dict[str, torch.Tensor]:
    """Parameters (tied ones once) and persistent buffers by their names in a checkpoint, without those that training
    leaves as they are."""
    persistent = module.state_dict(keep_vars=True)
    buffers = {n: b for n, b in module.named_buffers() if n in persistent}
    return {f"{MODEL}{n}": t.detach() for n, t in (*module.named_parameters(), *buffers.items()) if n not in untouched}


class _DoesNotFit(RunError):
    """A whole checkpoint of another model or version, for which no older one would help."""


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

"""Commit: a checkpoint's files written on all ranks, and put in their place once all of them are on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException

from whet.base import disks
from whet.base.errors import RunError
from whet.base.sealed import sync
from whet.parallel.side import Side
from whet.parallel.world import World
from whet.train.checkpoints.manifest import MANIFEST, Identity, described, manifest_of
from whet.train.checkpoints.places import LATEST, complete, latest, place_of
from whet.train.checkpoints.staging import Snapshot
from whet.train.checkpoints.tensor_files import TensorWriter, alone_is_fine, cause_of, reason_of
from whet.train.run.folder import write_atomically


class Committer:
    """Writes what was taken of a run into its folder, and drops the oldest beyond `keep`."""

    def __init__(self, folder: Path, world: World, keep: int, identity: Identity | None) -> None:
        self._folder, self._world, self._keep, self._identity = folder, world, keep, identity

    def commit(self, taken: Snapshot, ranks: Side) -> Path:
        """Write what was taken on all ranks, and put it in its place once all of it is on the disk."""
        final, part = place_of(self._folder, taken.step), self._folder / f"step-{taken.step:08d}.partial"
        if self._world.is_writer:
            shutil.rmtree(part, ignore_errors=True)
        ranks.wait()
        files: dict[str, Any] = {}
        failure: BaseException | None = None
        try:
            part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            failure = error
        self._check(taken.step, part, failure, ranks)  # a rank without a folder would leave the others waiting in it
        try:
            files = self.write(part, taken, ranks)
        except (OSError, CheckpointException) as error:  # the latter wraps any rank's error, as a BaseException
            failure = error
        self._check(taken.step, part, failure, ranks)
        every = ranks.gathered(files)
        if self._world.is_writer:
            described_files = {k: v for files in every for k, v in files.items()}
            manifest = manifest_of(taken.step, described_files, self._identity.run if self._identity else None)
            try:
                self.finish(part, final, manifest)
            except (OSError, RunError) as error:
                failure = error
        self._check(taken.step, part, failure, ranks)
        return final

    def write(self, part: Path, taken: Snapshot, ranks: Side) -> dict[str, Any]:
        """This rank's files, and what the manifest says of them."""
        with alone_is_fine():
            writer, alone = TensorWriter(part), self._world.mesh is None
            dcp.save(dict(taken.tensors), storage_writer=writer, process_group=ranks.group, no_dist=alone)
        own: list[Path] = []
        if self._world.is_writer:
            (part / "state.json").write_text(taken.state, encoding="utf-8")
            own = [part / "state.json", part / ".metadata"]
        files = writer.files()
        sync(part / name for name in files)
        return described(own) | files

    def finish(self, part: Path, final: Path, manifest: str) -> None:
        write_atomically(part / MANIFEST, manifest)
        _sync_folder(part)
        os.rename(part, final)
        _sync_folder(self._folder)
        write_atomically(self._folder / LATEST, final.name + "\n")
        self._prune()

    def _check(self, step: int, part: Path, failure: BaseException | None, ranks: Side) -> None:
        """Raise on every rank when one of them has failed, with the first one's reason where this one has none."""
        own = None if failure is None else (reason_of(failure), self._remedy(failure))
        told = [(f"rank {rank}: {found[0]}", found[1]) for rank, found in enumerate(ranks.gathered(own)) if found]
        if told:
            if self._world.is_writer:
                shutil.rmtree(part, ignore_errors=True)
            ranks.wait()
            raise self._cannot(step, *(own or told[0]))

    def _prune(self) -> None:
        for path in complete(self._folder)[: -self._keep]:
            shutil.rmtree(path, ignore_errors=True)
        for left in ("*.partial", "*.damaged"):
            for path in self._folder.glob(left):
                shutil.rmtree(path, ignore_errors=True)

    def _cannot(self, step: int, reason: str, remedy: str) -> RunError:
        last = latest(self._folder)
        kept = f"the last checkpoint, {last.name}, is whole" if last else "there is no earlier checkpoint"
        return RunError(
            f"cannot write the checkpoint of step {step}: {reason}; {kept}",
            at=str(self._folder),
            hint=f"{remedy}, then continue with `whet train {self._folder.parent}`",
        )

    def _remedy(self, failure: BaseException) -> str:
        return self._to_move(failure) or disks.remedy(cause_of(failure)) or "free some space"

    def _to_move(self, failure: BaseException) -> str | None:
        """What puts a folder out of the way that stands where a file is written."""
        taken = self._folder / LATEST
        is_taken = isinstance(cause_of(failure), IsADirectoryError) and taken.is_dir()
        return f"mv {taken} {taken}.old" if is_taken else None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

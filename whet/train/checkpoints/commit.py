"""Commit: a checkpoint's files written on all ranks, and put in their place once all of them are on the disk."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException

from whet.base import disks
from whet.base.errors import RunError, WhetError
from whet.base.sealed import Files, sync
from whet.parallel.side import RankFailed, Side
from whet.parallel.world import World
from whet.train.checkpoints.manifest import MANIFEST, Identity, described, manifest_of
from whet.train.checkpoints.places import LATEST, complete, latest, part_of, place_of, take_away
from whet.train.checkpoints.staging import Snapshot
from whet.train.checkpoints.tensor_files import TensorWriter, alone_is_fine, cause_of, reason_of
from whet.train.run.folder import write_atomically


class Committer:
    """Writes what was taken of a run into its folder, and drops the oldest beyond `keep`."""

    def __init__(self, folder: Path, world: World, keep: int, identity: Identity | None) -> None:
        self._folder, self._world, self._keep, self._identity = folder, world, keep, identity

    def commit(self, taken: Snapshot, ranks: Side) -> Path:
        """Write what was taken on all ranks, and put it in its place once all of it is on the disk."""
        final, part = place_of(self._folder, taken.step), part_of(self._folder, taken.step)
        if self._world.is_writer:
            shutil.rmtree(part, ignore_errors=True)
        ranks.wait()
        try:
            # A rank without a folder would leave the others waiting in it.
            ranks.together(lambda: part.mkdir(parents=True, exist_ok=True), self._told)
            every = ranks.gathered(ranks.together(lambda: self.write(part, taken, ranks), self._told))
            files = {name: entry for own in every for name, entry in own.items()}
            ranks.together(lambda: self.finish(part, final, taken.step, files), self._told)
        except RankFailed as failed:
            if self._world.is_writer:
                shutil.rmtree(part, ignore_errors=True)
            ranks.wait()
            raise self._cannot(taken.step, failed) from None
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

    def finish(self, part: Path, final: Path, step: int, files: Files) -> None:
        """Put it in its place, on the rank that writes what is written once."""
        if not self._world.is_writer:
            return
        write_atomically(part / MANIFEST, manifest_of(step, files, self._identity.run if self._identity else None))
        _sync_folder(part)
        os.rename(part, final)
        _sync_folder(self._folder)
        write_atomically(self._folder / LATEST, final.name + "\n")
        self._prune()

    def _prune(self) -> None:
        for path in complete(self._folder)[: -self._keep]:
            with suppress(OSError):
                take_away(path)
        for left in ("*.partial", "*.damaged"):
            for path in self._folder.glob(left):
                shutil.rmtree(path, ignore_errors=True)

    def _cannot(self, step: int, failed: RankFailed) -> RunError:
        last = latest(self._folder)
        if last == place_of(self._folder, step):
            said = f"the checkpoint of step {step} is whole, and `{LATEST}` cannot name it: {failed.message}"
        else:
            kept = f"the last checkpoint, {last.name}, is whole" if last else "there is no earlier checkpoint"
            said = f"cannot write the checkpoint of step {step}: {failed.message}; {kept}"
        return RunError(
            said, at=str(self._folder), hint=f"{failed.hint}, then continue with `whet train {self._folder.parent}`"
        )

    def _told(self, error: BaseException) -> WhetError | None:
        """What this rank says of a failure, and what to do about it: torch wraps that of any rank."""
        if not isinstance(error, OSError | RunError | CheckpointException):
            raise error
        cause = cause_of(error, self._world.index("all"))
        if cause is None:
            return None
        file = getattr(cause, "filename2", None) or getattr(cause, "filename", None)
        named = f"`{Path(os.fsdecode(file)).name}`: " if isinstance(file, str | bytes) else ""
        remedy = self._to_move(cause) or disks.remedy(cause) or "free some space"
        return WhetError(f"{named}{reason_of(cause)}", hint=remedy)

    def _to_move(self, failure: BaseException) -> str | None:
        """What puts a folder out of the way that stands where a file is written."""
        taken = self._folder / LATEST
        is_taken = isinstance(failure, IsADirectoryError) and taken.is_dir()
        return f"mv {taken} {taken}.old" if is_taken else None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

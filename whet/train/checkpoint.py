"""Checkpoints: every stateful part by name, sharded, complete or not there at all.

A checkpoint is written into `step-00000500.partial/` and renamed when every rank's shards and the JSON
are on disk; a reader looks only at renamed folders. Tensors go through torch.distributed.checkpoint,
which loads them on any number of ranks; everything else is `state.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from whet.base.errors import RunError
from whet.contracts.steps import Stateful
from whet.parallel.world import World
from whet.train.folder import write_atomically
from whet.train.optimizer_state import NamedOptimizer

FORMAT = 1


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
    ) -> None:
        """Parameters that are `untouched` come from the model's own files again and are not stored."""
        self._folder, self._module, self._optimizer = folder, module, optimizer
        self._parts, self._world, self._keep = parts, world, keep
        self._untouched = untouched

    def save(self, step: int) -> Path | None:
        """Write the checkpoint of `step` on all ranks, then drop the oldest beyond `keep`; None where it lies already.

        Raises RunError on every rank when one of them cannot write; what was there before stays.
        """
        final, part = self._folder / f"step-{step:08d}", self._folder / f"step-{step:08d}.partial"
        if final.exists():
            return None
        if self._world.leads:
            shutil.rmtree(part, ignore_errors=True)
        self._world.wait()
        failure = self._write(part)
        if self._world.largest([float(failure is not None)])[0]:
            if self._world.leads:
                shutil.rmtree(part, ignore_errors=True)
            raise self._cannot(step, failure)
        if self._world.leads:
            os.rename(part, final)
            _sync_folder(self._folder)
            write_atomically(self._folder / "latest", final.name + "\n")
            self._prune()
        self._world.wait()
        return final

    def restore(self) -> int | None:
        """Load the newest complete checkpoint into all parts. Returns its step, or None when there is none."""
        path = self._world.agreed(latest(self._folder))
        if path is None:
            return None
        stored = json.loads((path / "state.json").read_text())
        _compare(stored["parts"], self._parts, path)
        tensors = self._targets(path)
        with _alone_is_fine():
            dcp.load(tensors, storage_reader=FileSystemReader(path), no_dist=self._world.mesh is None)
        self._optimizer.load_state_dict(_under("optimizer/", tensors) | stored["optimizer"])
        for name, part in self._parts.items():
            part.load_state_dict(stored["parts"][name])
        return stored["step"]

    def _write(self, part: Path) -> BaseException | None:
        plain = {k: v for k, v in self._optimizer.state_dict().items() if not isinstance(v, torch.Tensor)}
        step = int(part.name.split("-")[1].split(".")[0])
        state = {
            "format": FORMAT,
            "step": step,
            "optimizer": plain,
            "parts": {name: stateful.state_dict() for name, stateful in self._parts.items()},
        }
        try:
            part.mkdir(parents=True, exist_ok=True)
            with _alone_is_fine():
                writer = FileSystemWriter(part, thread_count=1)
                dcp.save(self._tensors(), storage_writer=writer, no_dist=self._world.mesh is None)
            if self._world.leads:
                write_atomically(part / "state.json", json.dumps(state))
        except (OSError, CheckpointException) as error:  # the latter wraps any rank's error, as a BaseException
            return error
        return None

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
        stored = FileSystemReader(path).read_metadata().state_dict_metadata
        targets = self._model_tensors()
        missing = sorted(set(targets) - set(stored))
        unknown = sorted(k for k in stored if k.startswith("model/") and k not in targets)
        if missing or unknown:
            raise RunError(
                f"the checkpoint does not fit the model: missing {missing[:3]}, unknown {unknown[:3]}",
                at=str(path),
                hint="the model's code or config has changed since",
            )
        for name, entry in stored.items():
            if name.startswith("optimizer/") and isinstance(entry, TensorStorageMetadata):
                entry_name = name.removeprefix("optimizer/")
                target = self._optimizer.blank(entry_name, entry.size, entry.properties.dtype)
                if target is not None:
                    targets[name] = target
        return targets

    def _prune(self) -> None:
        for path in complete(self._folder)[: -self._keep]:
            shutil.rmtree(path, ignore_errors=True)
        for path in self._folder.glob("*.partial"):
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


def complete(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(p for p in folder.glob("step-*") if p.suffix != ".partial" and (p / "state.json").exists())


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint. A folder scan, because a crash may fall between rename and `latest`."""
    found = complete(folder)
    return found[-1] if found else None


@contextlib.contextmanager
def _alone_is_fine() -> Iterator[None]:
    """Torch (2.13) warns at each save and load that there is one process, even when told so by `no_dist`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _compare(stored: Mapping[str, Any], parts: Mapping[str, Stateful], path: Path) -> None:
    missing, unknown = sorted(set(parts) - set(stored)), sorted(set(stored) - set(parts))
    if missing or unknown:
        raise RunError(
            f"the checkpoint's parts differ: missing {missing}, unknown {unknown}", at=str(path / "state.json")
        )


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

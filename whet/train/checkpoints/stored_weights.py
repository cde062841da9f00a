"""Reading a checkpoint outside of its run: tensors by name straight into their places, verified as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError
from whet.train.checkpoints.manifest import MANIFEST, blocks_of, changed, large_files
from whet.train.checkpoints.places import damage_of
from whet.train.checkpoints.tensor_files import DAMAGES, TensorFiles, alone_is_fine, reason_of

# What makes the tensor that an entry of this size and dtype goes into, or None where it is not wanted.
Blank = Callable[[str, torch.Size, torch.dtype], Tensor | None]


class StoredWeights:
    """The checkpoint in a folder. All of it raises RunError where files are gone, or not as they were written."""

    def __init__(self, folder: Path, hint: str) -> None:
        """`hint` is what can be typed instead where it cannot be read. Tensors are verified when they are read."""
        self._folder, self._hint = folder, hint
        if not folder.is_dir():
            raise self._gone()
        if reason := damage_of(folder, None):
            raise self._damaged(reason)
        try:
            self.state = read_object(folder / "state.json")
            for part in ("parts", "optimizer"):
                field(self.state, part, dict, at="state.json")
            self._has_manifest = (folder / MANIFEST).exists()
            self._reader = TensorFiles(folder, blocks_of(folder) if self._has_manifest else None)
            self._entries: Mapping[str, Any] = self._reader.read_metadata().state_dict_metadata
        except WhetError as error:
            raise self._damaged(error.message) from None
        except DAMAGES as error:
            raise self._damaged(reason_of(error)) from None

    def blanks(self, prefix: str, blank: Blank) -> dict[str, Tensor]:
        """Places for the entries below a prefix."""
        found: dict[str, Tensor] = {}
        for name, entry in self._entries.items():
            if name.startswith(prefix) and isinstance(entry, TensorStorageMetadata):
                target = blank(name.removeprefix(prefix), entry.size, entry.properties.dtype)
                found |= {} if target is None else {name: target}
        return found

    def read_into(self, targets: dict[str, Tensor]) -> None:
        """Fill tensors with the entries of their names. Raises RunError too for those that are not there so."""
        for name, tensor in targets.items():
            entry = self._entries.get(name)
            if not isinstance(entry, TensorStorageMetadata) or entry.size != tensor.shape:
                size = "none" if entry is None else tuple(getattr(entry, "size", ()))
                said = (
                    f"the checkpoint does not fit the model of its run: `{name}` is {tuple(tensor.shape)}, not {size}"
                )
                raise RunError(said, at=str(self._folder), hint="the version of whet that wrote it")
        try:
            if self._has_manifest and (reason := changed(self._folder, large_files(self._folder))):
                raise self._damaged(reason)
            with alone_is_fine():
                dcp.load(dict(targets), storage_reader=self._reader, no_dist=True)
        except (CheckpointException, *DAMAGES) as error:
            if not self._folder.is_dir():
                raise self._gone() from None
            raise self._damaged(self._reader.changed or reason_of(error)) from None

    def _gone(self) -> RunError:
        said = f"the checkpoint `{self._folder.name}` is gone: a run keeps its newest ones (train.keep)"
        return RunError(said, at=str(self._folder), hint=self._hint)

    def _damaged(self, reason: str) -> RunError:
        if not self._folder.is_dir():
            return self._gone()
        return RunError(
            f"the checkpoint `{self._folder.name}` is damaged: {reason}", at=str(self._folder), hint=self._hint
        )

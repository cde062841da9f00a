"""Tensors of a checkpoint as torch.distributed.checkpoint keeps them, read without running anything that is in them.

Torch (2.13) reads each `.distcp` with its restricted loader, and `.metadata` with Python's pickle, which runs whatever
the file names. Here only what such metadata consists of may be named.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path, PosixPath, PurePosixPath
from typing import Any

import torch
from torch.distributed.checkpoint import FileSystemReader, filesystem, metadata
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.serialization import _get_layout

from whet.base.errors import RunError

_CLASSES = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        metadata.Metadata, metadata.MetadataIndex, metadata.StorageMeta, metadata.ChunkStorageMetadata,
        metadata.TensorStorageMetadata, metadata.BytesStorageMetadata, metadata.TensorProperties,
        metadata._MEM_FORMAT_ENCODING, filesystem._StorageInfo, filesystem._StoragePrefix,
    )
}  # fmt: skip
_PLAIN: dict[tuple[str, str], Any] = {
    ("torch", "Size"): torch.Size,
    ("torch.serialization", "_get_layout"): _get_layout,  # a name to torch.strided and its like
    ("collections", "OrderedDict"): dict,
    # Where the folder lay when it was written, under the names that several versions of Python have for it.
    **{(module, "PosixPath"): PurePosixPath for module in ("pathlib", "pathlib._local")},
    **{(module, "PurePosixPath"): PurePosixPath for module in ("pathlib", "pathlib._local")},
}
# What a file that was cut, mixed up or written by hand makes the loaders raise.
DAMAGES = (
    OSError, EOFError, pickle.UnpicklingError, RuntimeError, AssertionError, AttributeError, LookupError, TypeError,
    ValueError, MemoryError, RecursionError, ImportError,
)  # fmt: skip


class TensorFiles(FileSystemReader):
    """Reads the tensors in a folder. Raises RunError where its metadata is no plain description of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        path = self._folder / ".metadata"
        try:
            found = _Restricted(io.BytesIO(path.read_bytes())).load()
            _check(found)
        except RunError as error:
            raise RunError(error.message, at=str(path)) from None
        except DAMAGES as error:
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            raise RunError(f"`.metadata` cannot be read: {reason}", at=str(path)) from None
        if getattr(found, "storage_meta", None) is None:
            found.storage_meta = StorageMeta()
        found.storage_meta.load_id = self.load_id
        return found


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = _CLASSES.get((module, name)) or _PLAIN.get((module, name))
        if known is not None:
            return known
        if module == "torch" and isinstance(dtype := vars(torch).get(name), torch.dtype):
            return dtype
        raise RunError(f"`.metadata` asks for `{module}.{name}`, which no description of tensors needs: it was not run")


def _check(found: Any) -> None:
    """Names of entries are texts, and their files lie in the folder."""
    if not isinstance(found, Metadata) or not isinstance(found.state_dict_metadata, dict):
        raise RunError("`.metadata` describes no tensors")
    for name in found.state_dict_metadata:
        if not isinstance(name, str):
            raise RunError("`.metadata` names its tensors by something else than texts")
    for entry in (found.storage_data or {}).values():
        if PosixPath(entry.relative_path).name != entry.relative_path:
            raise RunError(f"`.metadata` names `{entry.relative_path}`, which lies outside of the checkpoint")

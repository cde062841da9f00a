"""Tensors of a checkpoint as torch.distributed.checkpoint keeps them, read without running anything that is in them.

Torch (2.13) reads each `.distcp` with its restricted loader, and `.metadata` with Python's pickle, which runs whatever
the file names. Here only what such metadata consists of may be named.
"""

from __future__ import annotations

import io
import os
import pickle
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PosixPath, PurePosixPath
from typing import IO, Any, cast

import torch
from torch.distributed.checkpoint import FileSystemReader, FileSystemWriter, filesystem, metadata
from torch.distributed.checkpoint.filesystem import FileSystem
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.planner import LoadPlan, LoadPlanner, SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future
from torch.serialization import _get_layout, get_crc32_options, set_crc32_options

from whet.base.digests import text_digest
from whet.base.errors import RunError
from whet.train.checkpoints.blocks import Changed, Checked, Hashing

_CLASSES = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        metadata.Metadata, metadata.MetadataIndex, metadata.StorageMeta, metadata.ChunkStorageMetadata,
        metadata.TensorStorageMetadata, metadata.BytesStorageMetadata, metadata.TensorProperties,
        metadata._MEM_FORMAT_ENCODING, filesystem._StorageInfo, filesystem._StoragePrefix,
    )
}  # fmt: skip


def _member(kind: Any, name: Any) -> Any:
    """What `getattr` is called for: Python 3.11.0 to 3.11.3 write a member of an Enum as an attribute of its class."""
    if kind is not metadata._MEM_FORMAT_ENCODING or name not in kind.__members__:
        raise RunError("`.metadata` asks for an attribute of something else than a memory format: it was not run")
    return kind[name]


_PLAIN: dict[tuple[str, str], Any] = {
    ("builtins", "getattr"): _member,
    ("torch", "Size"): torch.Size,
    ("torch.serialization", "_get_layout"): _get_layout,  # a name to torch.strided and its like
    ("collections", "OrderedDict"): dict,
    # Where the folder lay when it was written, under the names that several versions of Python have for it.
    **{(module, "PosixPath"): PurePosixPath for module in ("pathlib", "pathlib._local")},
    **{(module, "PurePosixPath"): PurePosixPath for module in ("pathlib", "pathlib._local")},
}
_BUFFER_BYTES = 2**16
# What a file that was cut, mixed up or written by hand makes the loaders raise.
DAMAGES = (
    OSError, EOFError, pickle.UnpicklingError, RuntimeError, AssertionError, AttributeError, LookupError, TypeError,
    ValueError, MemoryError, RecursionError, ImportError,
)  # fmt: skip


class TensorFiles(FileSystemReader):
    """Reads the tensors in a folder. Raises RunError where its metadata is no plain description of them.

    Files of which `blocks` has the digests are verified as far as they are read; `changed` says what was found.
    """

    def __init__(self, folder: Path, blocks: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self._folder, self._checked = folder, _Checked(blocks or {})
        self.fs = self._checked

    @property
    def changed(self) -> str | None:
        return self._checked.changed

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        """In the order in which they lie there."""
        places = {item.storage_index: self.storage_data[item.storage_index] for item in plan.items}
        items = sorted(
            plan.items, key=lambda item: (places[item.storage_index].relative_path, places[item.storage_index].offset)
        )
        return super().read_data(replace(plan, items=items), planner)

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


class TensorWriter(FileSystemWriter):
    """Writes tensors into a folder, one file a rank, not yet flushed to the disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, thread_count=1, sync_files=False)
        self._hashed = _Hashed()
        self.fs = self._hashed

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Without torch's own CRC32, which it never compares (2.13) and which takes longer than all else here."""
        before = get_crc32_options()
        set_crc32_options(False)
        try:
            return super().write_data(plan, planner)
        finally:
            set_crc32_options(before)

    def files(self) -> dict[str, dict[str, Any]]:
        """What a manifest says of each file that was written."""
        return {
            name: {"bytes": file.num_bytes, "digest": text_digest(file.blocks), "blocks": file.blocks}
            for name, file in self._hashed.files.items()
        }


class _Hashed(FileSystem):
    def __init__(self) -> None:
        self.files: dict[str, Hashing] = {}

    @contextmanager
    def create_stream(self, path: str | os.PathLike[str], mode: str) -> Generator[io.IOBase, None, None]:
        with super().create_stream(path, mode) as stream:
            if Path(path).suffix != ".distcp":
                yield stream
                return
            # Torch (2.13) writes an archive a tensor, in forty parts each; large parts pass the buffer by.
            with Hashing(cast(IO[bytes], stream)) as hashing, io.BufferedWriter(hashing, _BUFFER_BYTES) as buffered:
                yield buffered
            self.files[Path(path).name] = hashing


class _Checked(FileSystem):
    def __init__(self, blocks: Mapping[str, str]) -> None:
        self._blocks = blocks
        self.changed: str | None = None

    @contextmanager
    def create_stream(self, path: str | os.PathLike[str], mode: str) -> Generator[io.IOBase, None, None]:
        name = Path(path).name
        if name not in self._blocks:
            with super().create_stream(path, mode) as stream:
                yield stream
            return
        with Path(path).open("rb", buffering=0) as raw, Checked(raw, name, self._blocks[name]) as checked:
            try:
                yield checked
            except Changed as changed:
                self.changed = changed.strerror
                raise


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


@contextmanager
def alone_is_fine() -> Iterator[None]:
    """Torch (2.13) warns at each save and load that there is one process, even when told so by `no_dist`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def cause_of(error: BaseException, rank: int | None = None) -> BaseException | None:
    """What went wrong at first, dug out of the wrapping that torch puts around it; of what went wrong on several ranks
    that of one, None where nothing did there."""
    if failures := getattr(error, "failures", None):
        number = next(iter(failures)) if rank is None else rank
        if number not in failures:
            return None
        error = failures[number][0]
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def reason_of(error: BaseException) -> str:
    """The operating system's words for it."""
    error = cause_of(error) or error
    return getattr(error, "strerror", None) or str(error).strip().split("\n")[0]

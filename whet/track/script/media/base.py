"""Media: a thing that a step can hold, and the folder where its bytes lie by their digest."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

FOLDER = "media"


class MediaFolder:
    """`media/` of a run: files named by their SHA-256, so the same bytes lie there once."""

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER

    def put(self, data: bytes, suffix: str) -> dict[str, Any]:
        """Keep bytes. Returns the path relative to the run folder and the size. Raises OSError."""
        path = self._folder / f"{hashlib.sha256(data).hexdigest()}{suffix}"
        if not path.exists():
            self._folder.mkdir(exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            try:
                part.write_bytes(data)
                os.replace(part, path)
            finally:
                part.unlink(missing_ok=True)
        return {"path": f"{FOLDER}/{path.name}", "bytes": len(data)}

    def copy(self, source: Path) -> dict[str, Any]:
        """Keep a file, whatever becomes of it where it lies. Raises OSError."""
        path = self._folder / f"{digest_of(source)}{source.suffix.lower()}"
        if not path.exists():
            self._folder.mkdir(exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            try:
                shutil.copyfile(source, part)
                os.replace(part, path)
            finally:
                part.unlink(missing_ok=True)
        return {"path": f"{FOLDER}/{path.name}", "bytes": path.stat().st_size}


class Media(ABC):
    """Something to see, hear or read at a step."""

    kind: ClassVar[str]

    @abstractmethod
    def store(self, folder: MediaFolder) -> dict[str, Any]:
        """Put the bytes into the folder. Returns what the log says of it, as JSON. Raises OSError."""

    def entry(self, folder: MediaFolder) -> dict[str, Any]:
        """`store`, with the kind."""
        return {"type": self.kind, **self.store(folder)}


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_file(data: Any) -> Path | None:
    """The file that a caller named, or None where it gave the data themselves."""
    if not isinstance(data, str | os.PathLike):
        return None
    path = Path(data).expanduser()
    with suppress(OSError, ValueError):
        return path if path.is_file() else None
    return None


def as_array(data: Any) -> Any:
    """Numbers of any library as a numpy array; a tensor on a device is waited for."""
    import numpy as np

    torch = sys.modules.get("torch")
    if torch is not None and isinstance(data, torch.Tensor):
        data = data.detach().cpu()
        data = data.float() if data.dtype == torch.bfloat16 else data
        return data.numpy()
    return np.asarray(data)


def without_empty(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry without the fields that a caller left out."""
    return {name: value for name, value in entry.items() if value is not None}

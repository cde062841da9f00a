"""Teachings: what a teacher finds likeliest at every trained token, stored beside a run and found again by sample."""

# T tokens of a sample  P trained tokens of a sample  K likeliest tokens

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from whet.base.documents import field
from whet.base.errors import DataError, RunError
from whet.base.sealed import damage, described, read_perhaps_sealed, sealed
from whet.contracts.sample import Sample
from whet.data.order.dataset import Dataset

IDS, LOGPROBS = "teacher_ids", "teacher_logprobs"
_FACTS, _KEY_BYTES = "teacher.json", 16
_COLUMNS = {"keys": np.dtype((np.void, _KEY_BYTES)), "counts": np.dtype(np.int64)}


class TeachingsWriter:
    """Appends what one rank asked its teacher. Each rank has files of its own in a folder that all of them see."""

    def __init__(self, folder: Path, rank: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = ("keys", "counts", "ids", "logprobs")
        self._files: dict[str, IO[bytes]] = {name: _path(folder, rank, name).open("wb") for name in names}

    def append(self, sample: Sample, ids_PK: np.ndarray, logprobs_PK: np.ndarray) -> None:
        """The likeliest tokens at each trained token of a sample, and their log-probabilities."""
        self._files["keys"].write(key(sample))
        self._files["counts"].write(np.int64(len(ids_PK)).tobytes())
        self._files["ids"].write(np.ascontiguousarray(ids_PK, np.int32).tobytes())
        self._files["logprobs"].write(np.ascontiguousarray(logprobs_PK, np.float32).tobytes())

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def complete(part: Path, folder: Path, facts: Mapping[str, Any]) -> None:
    """Put a folder that all ranks have written in its place, with facts about it."""
    files = described(path for path in part.iterdir() if path.name != _FACTS)
    (part / _FACTS).write_text(sealed({**facts, "files": files}), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def is_stored(folder: str | Path | None) -> bool:
    """Whether complete teachings lie in the folder."""
    return folder is not None and (Path(folder) / _FACTS).is_file()


def read_facts(folder: Path) -> dict[str, Any]:
    """What is known of stored teachings. Raises RunError where they are not as they were written."""
    path, hint = folder / _FACTS, f"rm -r {folder}, and ask the teacher again"
    facts = read_perhaps_sealed(path, RunError, hint)
    for name, form in {"top": int, "parts": int, "temperature": float, "tokenizer": str}.items():
        field(facts, name, form, at=str(path), error=RunError, hint=hint)
    return facts


def _check_files(folder: Path, facts: Mapping[str, Any]) -> None:
    if found := damage(folder, facts.get("files", {})):
        hint = f"rm -r {folder}, and ask the teacher again"
        raise RunError(f"what is stored of the teacher is damaged: {found}", at=str(folder), hint=hint)


class Teachings:
    """Stored teachings, mapped into memory; `top` of them a token are used (0: all that are stored).

    Contract: `whet.data.store.annotate.Annotation`.
    """

    def __init__(self, folder: Path, top: int = 0) -> None:
        self.folder, self.facts = folder, read_facts(folder)
        self.top = top or self.facts["top"]
        if self.top > self.facts["top"]:
            raise RunError(
                f"{self.top} likeliest tokens are asked for, and {self.facts['top']} are stored",
                at=str(folder), hint=f"objective.top={self.facts['top']}, or a model as objective.teacher",
            )  # fmt: skip
        _check_files(folder, self.facts)
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self._places: dict[bytes, tuple[int, int, int]] = {}
        try:
            for number in range(self.facts["parts"]):
                self._open(number)
        except (OSError, ValueError) as error:  # what has no digests
            text = f"what is stored of the teacher cannot be read: {error}"
            raise RunError(text, at=str(folder), hint=f"rm -r {folder}, and ask the teacher again") from None

    def __call__(self, index: int, sample: Sample) -> Sample:
        """The sample with its values: ids (T, K) and log-probabilities (T, K), 0 where nothing is trained."""
        number, start, count = self._places[key(sample)]
        trained = np.flatnonzero(_trained(sample))
        found = {}
        for name, stored in zip((IDS, LOGPROBS), self._parts[number], strict=True):
            column = np.zeros((sample.num_tokens, self.top), stored.dtype)
            column[trained] = stored[start : start + count, : self.top]
            found[name] = column
        return replace(sample, values={**sample.values, **found})

    def check(self, data: Dataset) -> None:
        """Raise DataError when the teacher was not asked about some of the samples."""
        missing = [index for index in range(len(data)) if key(data[index]) not in self._places]
        if missing:
            origin = data[missing[0]].origin
            raise DataError(
                f"the stored teacher knows {len(data) - len(missing):,} of {len(data):,} samples: it was asked about "
                "other rows, or with another tokenizer, template or data.max_length",
                at=f"{self.folder}, {origin.source} row {origin.row}" if origin else str(self.folder),
                hint="give the model itself: objective.teacher=Qwen/Qwen3-8B",
            )

    def example(self, sample: Sample) -> Sample:
        """A sample that was made up, with values of the same shape."""
        return example_told(sample, self.top)

    def _open(self, number: int) -> None:
        keys, counts = (np.fromfile(_path(self.folder, number, name), kind) for name, kind in _COLUMNS.items())
        shape = (int(counts.sum()), self.facts["top"])
        kinds = {"ids": np.dtype(np.int32), "logprobs": np.dtype(np.float32)}
        columns = (_mapped(_path(self.folder, number, name), kind, shape) for name, kind in kinds.items())
        self._parts.append((next(columns), next(columns)))
        starts = np.cumsum(counts) - counts
        for name, start, count in zip(keys, starts.tolist(), counts.tolist(), strict=True):
            self._places[name.tobytes()] = (number, start, count)


def example_told(sample: Sample, top: int) -> Sample:
    """A sample with made-up values of a teacher's `top` likeliest tokens."""
    logprobs = np.full((sample.num_tokens, top), -np.log(2.0 * top), np.float32)
    values = {IDS: np.zeros((sample.num_tokens, top), np.int32), LOGPROBS: logprobs}
    return replace(sample, values={**sample.values, **values})


def key(sample: Sample) -> bytes:
    """What of a sample decides what its teacher says: its tokens, and which of them are trained."""
    ids = np.ascontiguousarray(sample.ids, np.int32).tobytes()
    return hashlib.blake2b(ids + _trained(sample).tobytes(), digest_size=_KEY_BYTES).digest()


def _trained(sample: Sample) -> np.ndarray:
    trained = np.asarray(sample.weights) > 0
    trained[:1] = False
    return trained


def _mapped(path: Path, kind: np.dtype, shape: tuple[int, int]) -> np.ndarray:
    """An empty file cannot be mapped."""
    return np.memmap(path, kind, "r", shape=shape) if shape[0] else np.empty(shape, kind)


def _path(folder: Path, rank: int, name: str) -> Path:
    return folder / f"{rank:05d}.{name}"

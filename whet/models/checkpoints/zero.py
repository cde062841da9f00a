"""Checkpoints of DeepSpeed's ZeRO: the fp32 weights put together from what each rank has stored.

The layout is the one that DeepSpeed's own `zero_to_fp32` reads: `latest` names a folder of pickles, some of the model's
states and one of the optimizer's states for each rank. They are read with torch's `weights_only`; classes of DeepSpeed
that lie in them stand for nothing here, and any other class is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from whet.base.errors import ModelError, first_line

LATEST = "latest"


def is_zero(path: str | Path) -> bool:
    """Whether a folder holds a ZeRO checkpoint: a step's folder, or one in which `latest` names it."""
    return bool(_states(Path(path), "model")) or bool(_states(_step(Path(path)), "model"))


class Zero(Mapping[str, Tensor]):
    """Names and fp32 tensors of a checkpoint of any ZeRO stage; a tensor is put together when it is asked for.

    Raises ModelError where files are missing or hold something else than a checkpoint of plain data parallelism.
    """

    def __init__(self, path: str | Path) -> None:
        folder = Path(path) if _states(Path(path), "model") else _step(Path(path))
        models = [_read(file) for file in _states(folder, "model")]
        ranks = [_read(file)["optimizer_state_dict"] for file in _states(folder, "optim")]
        _check(models, ranks, folder)
        first = models[0]
        groups = [dict(group) for group in first["param_shapes"]]
        stage = _number(ranks[0]["zero_stage"])
        paddings = ranks[0].get("param_alignment_paddings")
        self._pieces = _whole_groups(ranks, groups, paddings) if stage <= 2 else _parted(ranks, groups)
        self._loose = _buffers(first) | _frozen(models, stage)
        self._same: dict[str, str] = dict(first.get("shared_params") or {})
        self._check_lengths(folder)

    def __getitem__(self, name: str) -> Tensor:
        name = self._same.get(name, name)
        if name in self._loose:
            return self._loose[name]
        return self._pieces[name].joined()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._pieces, *self._loose, *self._same]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _check_lengths(self, folder: Path) -> None:
        short = [name for name, piece in self._pieces.items() if piece.num_found < math.prod(piece.shape)]
        if short:
            raise ModelError(
                f"the checkpoint ends before `{short[0]}`", at=str(folder), hint="copy the files of all ranks again"
            )


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Where a tensor lies: stretches of flat vectors, in order; what is beyond its size is padding."""

    shape: tuple[int, ...]
    stretches: tuple[tuple[Tensor, int, int], ...]

    @property
    def num_found(self) -> int:
        return sum(max(0, min(end, vector.numel()) - start) for vector, start, end in self.stretches)

    def joined(self) -> Tensor:
        flat = torch.cat([vector[start:end] for vector, start, end in self.stretches]).float()
        return flat[: math.prod(self.shape)].reshape(self.shape).clone()


def _whole_groups(
    ranks: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]], paddings: Sequence[Sequence[int]] | None
) -> dict[str, _Pieces]:
    """Stages 1 and 2: the parameters of a group lie behind each other in one vector, which is cut among the ranks."""
    found = {}
    for number, shapes in enumerate(groups):
        vectors = [rank["single_partition_of_fp32_groups"][number] for rank in ranks]
        start = 0
        for place, (name, shape) in enumerate(shapes.items()):
            end = start + math.prod(shape)
            found[name] = _Pieces(tuple(shape), tuple(_stretches(vectors, start, end)))
            start = end + (paddings[number][place] if paddings else 0)
    return found


def _parted(ranks: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]) -> dict[str, _Pieces]:
    """Stage 3: every parameter is cut among the ranks, and the cuts of all groups lie behind each other on each."""
    found = {}
    start = 0
    for name, shape in ((name, shape) for shapes in groups for name, shape in shapes.items()):
        end = start + math.ceil(math.prod(shape) / len(ranks))
        cuts = [cut for rank in ranks for cut in _stretches(rank["fp32_flat_groups"], start, end)]
        found[name] = _Pieces(tuple(shape), tuple(cuts))
        start = end
    return found


def _stretches(vectors: Sequence[Tensor], start: int, end: int) -> Iterator[tuple[Tensor, int, int]]:
    """The parts of vectors that lie behind each other which make up the places from `start` to `end`."""
    offset = 0
    for vector in vectors:
        low, high = max(start, offset), min(end, offset + vector.numel())
        if low < high:
            yield vector, low - offset, high - offset
        offset += vector.numel()


def _buffers(model: Mapping[str, Any]) -> dict[str, Tensor]:
    named = set(model["buffer_names"])
    return {name: t.float() if t.is_floating_point() else t for name, t in model["module"].items() if name in named}


def _frozen(models: Sequence[Mapping[str, Any]], stage: int) -> dict[str, Tensor]:
    """Parameters that were not trained: whole on rank 0, or cut among the ranks in stage 3."""
    shapes = models[0].get("frozen_param_shapes") or {}
    found = {}
    for name, shape in shapes.items():
        holders = models if stage == 3 else models[:1]
        flat = torch.cat([model["frozen_param_fragments"][name].flatten() for model in holders])
        found[name] = flat[: math.prod(shape)].reshape(tuple(shape)).float()
    return found


def _step(path: Path) -> Path:
    """The folder that `latest` names: one in this folder."""
    file = path / LATEST
    try:
        name = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return path
    return path / name if name and "\0" not in name and Path(name).name == name else path


def _states(folder: Path, kind: str) -> list[Path]:
    """The files of one kind in the order of their ranks."""
    files = folder.glob(f"*_{kind}_states.pt")
    return sorted(files, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)])


def _classes_in(file: Path) -> list[str]:
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception as error:  # of a file that is no archive of torch's
        said = first_line(error)
        raise ModelError(f"{file.name} cannot be read: {said}", at=str(file), hint="copy the file again") from None


def _read(file: Path) -> dict[str, Any]:
    import pickle

    named = _classes_in(file)
    others = [name for name in named if not name.startswith("deepspeed.")]
    if others:
        raise ModelError(
            f"{file.name} holds objects of {', '.join(others[:3])}, and unpickling runs their code",
            at=str(file),
            hint="on a machine that you trust: python zero_to_fp32.py . merged --safe_serialization",
        )
    inert = [(type("Ignored", (_Ignored,), {}), name) for name in named]
    try:
        with torch.serialization.safe_globals(inert):  # type: ignore[arg-type]
            return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError) as error:
        first = first_line(error)
        raise ModelError(f"{file.name} cannot be read: {first}", at=str(file), hint="copy the file again") from None


class _Ignored:
    """Stands for an object of DeepSpeed; it keeps the values that it was made of, and does nothing."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _number(value: Any) -> int:
    """A number, or the enumeration's member that stood for one."""
    return int(value.values[0] if isinstance(value, _Ignored) else value)


def _check(models: Sequence[Mapping[str, Any]], ranks: Sequence[Mapping[str, Any]], folder: Path) -> None:
    if not ranks or any("zero_stage" not in rank for rank in ranks):
        raise ModelError(
            f"{folder} holds no optimizer states of ZeRO", at=str(folder), hint="copy all files of the step"
        )
    counts = ranks[0]["partition_count"]
    world = max(counts) if isinstance(counts, list | tuple) else counts
    if world != len(ranks):
        raise ModelError(
            f"{folder} has the states of {len(ranks)} ranks, and {world} wrote it",
            at=str(folder),
            hint="copy the files of all ranks into one folder",
        )
    if not models or "param_shapes" not in models[0]:
        raise ModelError(f"{folder} holds no model states of ZeRO", at=str(folder), hint="copy all files of the step")
    if any(re.search(r"mp_rank_(?!00)", path.name) for path in _states(folder, "model")):
        raise ModelError(
            f"{folder} is cut by tensor parallelism too", at=str(folder), hint="ds_to_universal.py of DeepSpeed"
        )

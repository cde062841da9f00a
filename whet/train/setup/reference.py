"""The reference that preferences are measured against: a frozen copy, adapters switched off, or what was stored.

All three are the policy as the run began. `stored` is its log-probabilities of every sample, computed in one
pass before the first step and kept in the run folder: no second model in memory, and no second forward pass in
each epoch. It needs a data set that is known beforehand.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from whet.base.documents import field
from whet.base.errors import ConfigError, RunError, WhetError
from whet.base.sealed import damage, described, read_sealed, sealed
from whet.contracts.batch import Batch
from whet.contracts.executor import Asked, Executor
from whet.contracts.model import Loaded
from whet.contracts.objective import Referenced
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.data.order.dataset import Dataset
from whet.data.store.annotate import Columns
from whet.models.tuning.wrapper import wrapper_of
from whet.parallel.pipeline.staged import Staged, through
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.world import World
from whet.train.run.folder import write_atomically
from whet.train.setup.dataset_pass import batches_of
from whet.train.step.frozen import AdaptersOff, Frozen
from whet.train.step.micro_batches import Dealer

# Tokens a rank works on between two looks at the clock.
_CHUNK_MICRO_BATCHES = 16


def begins_at_base(model: Loaded, world: World) -> bool:
    """Whether an adapter that was just added changes nothing yet: only then is the model without it the beginning.
    Ranks ask together."""
    if wrapper_of(model.module) is None:
        return False
    ids = np.arange(1, 33, dtype=np.int32)
    batch = collate([Sample(ids, np.ones(len(ids), np.float32))]).to(world.device)
    ways = (Frozen(model.module, model.model), AdaptersOff(model.module, model.model))
    with_adapter, without = (_logprobs(way, batch, world) for way in ways)
    return torch.allclose(with_adapter, without, rtol=1e-5, atol=1e-5)


def _logprobs(way: Frozen, batch: Batch, world: World) -> torch.Tensor:
    """What a model says of a batch, whose layers may lie on several ranks."""

    def asked() -> torch.Tensor:
        return way.run(batch, frozenset({"logprobs"}))["logprobs"]

    return asked() if stages_of(way.module) is None else through(Staged(way.module, way), batch, world, asked)


_UNREADABLE = (WhetError, OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)


def choose(wanted: str, *, has_adapters: bool, is_stored_possible: bool, epochs: float) -> str:
    """The way that `wanted` names; of `auto`, the cheapest. Raises ConfigError for a way that is not open.

    Adapters off cost no memory and no wait. Storing costs one pass over all data, so it pays from one epoch on.
    """
    at = "objective.reference"
    if wanted == "adapters" and not has_adapters:
        raise ConfigError(
            "without its adapters the model is not what the run begins with, or it has none", at=at, hint=f"{at}=stored"
        )
    if wanted != "auto":
        return wanted
    if has_adapters:
        return "adapters"
    return "stored" if is_stored_possible and epochs >= 1 else "copy"


def remember(
    path: Path,
    data: Mapping[str, Dataset],
    objective: Referenced,
    executor: Executor,
    dealer: Dealer,
    owner: str,
    *,
    has_begun: bool,
) -> dict[str, Columns]:
    """The stored fields of every sample: read from `path`, or computed with the model as it is now and written.

    `owner` is the run's number. Raises RunError when the file is missing, damaged or another run's after the first
    step: the model has changed since.
    """
    if path.exists():
        try:
            return _read(path, data, owner)
        except _UNREADABLE as error:  # the archive has a checksum of each array
            if has_begun:
                raise RunError(
                    f"the reference's stored log-probabilities are damaged: {error}", at=str(path),
                    hint="begin again in a new run, or with objective.reference=copy",
                ) from None  # fmt: skip
    if has_begun:
        raise RunError(
            "the reference's stored log-probabilities are missing", at=str(path), hint="objective.reference=copy"
        )
    found = {name: compute(part, objective, executor, dealer, name) for name, part in data.items()}
    if dealer.world.is_writer:
        arrays = {f"{name}/{field}": values for name, fields in found.items() for field, values in fields.items()}
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **arrays)  # type: ignore[arg-type]
        partial.replace(path)
        write_atomically(path.with_suffix(".json"), sealed({"run": owner, "files": described([path])}))
    dealer.world.wait()
    return {name: Columns(fields) for name, fields in found.items()}


def _read(path: Path, data: Mapping[str, Dataset], owner: str) -> dict[str, Columns]:
    if (seal := path.with_suffix(".json")).exists():  # runs of earlier versions have none
        stored = read_sealed(seal)
        if stored.get("run", owner) != owner:
            raise ValueError("they are those of another run")
        wrong = damage(path.parent, field(stored, "files", dict, at=str(seal)))
        if wrong:
            raise ValueError(wrong)
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    columns = {}
    for name, part in data.items():
        own = {key.partition("/")[2]: values for key, values in found.items() if key.startswith(f"{name}/")}
        if not own or any(len(values) != len(part) for values in own.values()):
            raise ValueError(f"it does not hold the {len(part):,} samples of `{name}`")
        columns[name] = Columns(own)
    return columns


def compute(
    data: Dataset, objective: Referenced, executor: Executor, dealer: Dealer, name: str
) -> dict[str, np.ndarray]:
    """What the objective asks of a reference for every sample: float32 arrays (N, ...), whole on every rank."""
    reference = Asked(executor)
    found: dict[str, np.ndarray] = {}
    chunk = dealer.capacity * dealer.world.count("data") * _CHUNK_MICRO_BATCHES
    for batch, at in batches_of(data, dealer, chunk, f"reference log-probabilities ({name})"):
        values = objective.refer(reference, batch.to(dealer.world.device))
        for name, column in values.items():
            # A dummy is of one sample. It counts for nothing, but all ranks add up the same names.
            column_N = column.float().cpu().numpy().reshape(max(1, len(at)), -1)
            whole = found.setdefault(name, np.zeros((len(data), column_N.shape[1]), np.float32))
            whole[at] = column_N[: len(at)]
    has_branches = bool(data[0].cuts)  # of all samples or of none: a run's objective takes one kind
    summed = dealer.world.added(found)
    return {field: whole if has_branches else whole[:, 0] for field, whole in summed.items()}

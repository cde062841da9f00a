"""The opening of a run: it is let in, an earlier attempt is read, its data is prepared, and it gets ranks and a folder.

Data is prepared before the process group starts, so that no rank waits in a collective meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from whet.base import config
from whet.base.errors import DataError, WhetError, say_which
from whet.base.run import Run
from whet.contracts.tuner import Tuner
from whet.data.store.ledger import Ledger
from whet.parallel.sizes import mesh_sizes, num_processes
from whet.parallel.world import World
from whet.train.checkpoints.manifest import Identity
from whet.train.checkpoints.places import complete, latest, step_of
from whet.train.ranks.notes import note_folder
from whet.train.ranks.versions import refuse_mixed, versions
from whet.train.run import dependencies
from whet.train.run.controls import forget_old
from whet.train.run.folder import RunFolder
from whet.train.run.identity import identity_of, new_identity, stated
from whet.train.run.lock import RunLock
from whet.train.run.rollbacks import Rollback, rollbacks
from whet.train.run.settings import check_settings
from whet.train.setup.auto_mesh import with_mesh
from whet.train.setup.chosen import Chosen
from whet.train.setup.models import check_mesh, read_model
from whet.train.setup.notices import on_ledger
from whet.train.setup.paths import located
from whet.train.setup.preflight import enter
from whet.train.setup.rows import settled
from whet.train.setup.sources import Feed, SourceKind, Words
from whet.train.setup.teacher import check_teacher
from whet.train.step.allocator import keep_freed_memory, return_freed_memory


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that was let in. `folder` and `lock` are those of an earlier attempt, and `pinned` what that resolved."""

    loaded: config.Loaded
    kind: SourceKind
    chosen: Chosen
    tuner: Tuner
    folder: RunFolder | None
    lock: RunLock | None
    pinned: Mapping[str, Any]
    identity: Identity
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from, and the run with what its data has decided; `why`, by setting, where it was `auto`."""

    run: Run
    feed: Feed
    ledger: Ledger
    notices: tuple[str, ...]
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a run happens: on which ranks, in which folder. It `has_begun` where a step of it is stored."""

    world: World
    folder: RunFolder
    identity: Identity
    is_new: bool
    has_begun: bool
    notices: tuple[str, ...]
    rollbacks: Sequence[Rollback] = ()


def open_run(loaded: config.Loaded, kind: SourceKind, folder: RunFolder | None, held: ExitStack) -> Opened:
    """Raises WhetError for what is known to fail, or to do nothing, and RunError while another attempt is running."""
    is_first, lock = os.environ.get("RANK", "0") == "0", None
    if folder is not None and is_first:
        folder.refuse_odd_files()
        lock = held.enter_context(RunLock.take(folder.path))
    loaded = replace(loaded, run=located(loaded.run))
    (chosen, method), identity = enter(loaded.run, kind, is_new=folder is None), new_identity()
    pinned, known = folder.read_resolved() if folder else {}, list[str]()
    if folder is not None and lock is not None:
        identity = identity_of(folder, pinned)
        forgotten = forget_old(folder.path, folder.controls, touched=(lock.path.name,))
        known = [*check_settings(loaded, folder), *_dependencies(loaded.run, folder, pinned, identity)]
        known += [forgotten] if forgotten else []
    set_threads(loaded.run, pinned)
    (return_freed_memory if loaded.run.train.in_backward else keep_freed_memory)()
    return Opened(loaded, kind, chosen, method, folder, lock, pinned, identity, tuple(known))


def _dependencies(run: Run, folder: RunFolder, pinned: Mapping[str, Any], identity: Identity) -> Iterator[str]:
    """What is to be said of what a run that has checkpoints stands on."""
    if complete(folder.checkpoints):
        yield from dependencies.check(run, folder, pinned, stated(identity))
        if not pinned:
            yield f"{folder.resolved.name} is missing: what was `auto` is found out anew, equal to rounding"


def set_threads(run: Run, pinned: Mapping[str, Any]) -> None:
    """CPU threads decide the order of sums, so a run that is resumed on as many ranks takes those it began with."""
    began = pinned.get("environment", {})
    if began.get("ranks") == num_processes():
        torch.set_num_threads(began["threads"])
    elif run.train.threads != "auto":
        torch.set_num_threads(run.train.threads)


def prepare(opened: Opened) -> Material:
    """Read, render and store the data. Raises DataError where nothing can be learned from it."""
    chosen = opened.chosen
    words = Words(*read_model(opened.loaded.run, chosen))
    check_mesh(opened.loaded.run)
    run, told = settled(opened.loaded.run, words.processor if words.family == "causal" else None)
    if chosen.traits.taught is not None:
        check_teacher(chosen.traits.taught, words.processor)
    ledger = Ledger()
    try:
        feed = opened.kind.read(run, chosen, words, ledger)
    except DataError as error:
        _say_which(error, run)
        raise
    run, why = with_mesh(run, chosen, feed.longest, opened.pinned)
    return Material(run, feed, ledger, (*told, *feed.notices), why)


def _say_which(error: DataError, run: Run) -> None:
    """Name in the hint of an error of data the source that it is about, or the first, and the model."""
    said, sources = f"{error.message} {error.at}", run.data.train
    source = next((one for one in sources if (one.name or one.path) in said), next(iter(sources), None))
    model = run.model.values().get("path")
    if source is not None and isinstance(model, str):
        say_which(error, source.path, model)


def place(opened: Opened, material: Material, held: ExitStack) -> Placed:
    """Start the ranks, and make the folder of a new run, which is locked until `held` closes."""
    run, ledger, lock = material.run, material.ledger, opened.lock
    sizes = mesh_sizes(run.parallel, num_processes())
    world = World.start(run.train.device, run.parallel.timeout_s, sizes, on_host=run.train.offload.weights)
    held.callback(world.leave)
    if world.mesh is not None:
        refuse_mixed(world.gathered(versions(), "all"))
    folder, identity = opened.folder, world.agreed(opened.identity)
    if folder is None:
        if world.is_writer:
            folder, lock = RunFolder.create(run, opened.loaded.to_yaml())
            held.enter_context(lock)
        folder = world.agreed(folder)
    if world.is_writer:
        note_folder(folder.path, "")
    told = (*(lock.notices if lock else ()), *opened.notices)
    if world.is_writer:
        ledger.write(folder.ledger)
    newest = latest(folder.checkpoints)
    has_begun = world.agreed(newest is not None and step_of(newest) > 0)
    past = world.agreed(rollbacks(folder.path) if world.is_writer else None)
    told = (*told, *on_ledger(ledger, folder.ledger))
    return Placed(world, folder, identity, opened.folder is None, has_begun, told, past)


@contextmanager
def without_trace(placed: Placed) -> Iterator[None]:
    """A new run that is refused inside frees its name."""
    try:
        yield
    except WhetError:
        if placed.is_new and placed.world.is_writer:
            placed.folder.give_up()
        raise

"""Train from a config, or continue a run: the whole way from settings to a finished model folder."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from whet.base import config
from whet.base.errors import RunError, is_lost_rank
from whet.base.launcher import end_with_launcher
from whet.parallel.world import World
from whet.track.reading.store import LOGS
from whet.track.records import RunEnded
from whet.train.build import Built, assemble
from whet.train.ranks.beating import beating
from whet.train.record.build import beside
from whet.train.result import write_result
from whet.train.run.folder import RunFolder
from whet.train.run.full_disk import full_disk
from whet.train.run.rollbacks import OUTCOME as ROLLED_BACK

# What goes on while a run trains, and knows it: the console of `whet train`, say.
Beside = Callable[[Built], AbstractContextManager[object]]


def train(
    loaded: config.Loaded,
    folder: RunFolder | None = None,
    while_running: Beside = nullcontext,
    overrides: Sequence[str] = (),
) -> tuple[RunFolder, RunEnded]:
    """Run `loaded` to its end, in a new folder or, given `folder`, from its last checkpoint.

    An attempt that goes back is followed by another one; `overrides` are those that the run was continued with. Raises
    WhetError for what the user can mend; whatever was checkpointed stays.
    """
    end_with_launcher()
    while True:
        folder, world, ended = _attempt(loaded, folder, while_running)
        if ended.outcome != ROLLED_BACK:
            world.close()
            return folder, ended
        gc.collect()  # the model of the attempt before, before there is another one
        loaded = config.load(folder.config, overrides)


def resume(
    path: Path, while_running: Beside = nullcontext, overrides: Sequence[str] = ()
) -> tuple[RunFolder, RunEnded]:
    """Continue the run in `path` with the config it was started with, laid over by `parallel.setting=value`."""
    folder = RunFolder(path.resolve())
    if not folder.config.is_file():
        raise RunError(f"{path} is not a run folder: it has no config.yaml", hint="`whet runs` lists the runs")
    return train(config.load(folder.config, overrides), folder, while_running, overrides)


def _attempt(
    loaded: config.Loaded, folder: RunFolder | None, while_running: Beside
) -> tuple[RunFolder, World, RunEnded]:
    """One attempt, whose ranks stay together where it ends without an error."""
    with full_disk():
        built = assemble(loaded, folder)
    logs, track = built.folder.path / LOGS, built.trained.run.track
    at = built.loop.step
    with (
        _closing(built), while_running(built), beside(track, logs, built.world, at), full_disk(built.folder.path),
        beating(built),
    ):  # fmt: skip
        ended = built.loop.run()
        if ended.outcome in {"done", "early_stop"}:
            with built.loop.phases.at("result"), built.loop.executor.evaluation_weights():
                write_result(built.trained, built.folder)
        return built.folder, built.world, ended


@contextlib.contextmanager
def _closing(built: Built) -> Iterator[None]:
    """Tell the sinks how an attempt ended when it raised, and close everything but, where it did not, the ranks."""
    try:
        yield
        built.leave()
    except BaseException as error:
        reason = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        reason = "another rank has gone" if is_lost_rank(error) else reason
        outcome = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        built.emit(RunEnded(built.loop.progress.step, outcome, reason))
        built.close()
        raise

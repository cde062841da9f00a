"""Train from a config, or continue a run: the whole way from settings to a finished model folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from whet.base import config
from whet.base.errors import RunError
from whet.base.launcher import end_with_launcher
from whet.track.reading.store import LOGS
from whet.track.records import RunEnded
from whet.train.build import Built, assemble
from whet.train.record.build import beside
from whet.train.result import write_result
from whet.train.run.folder import RunFolder
from whet.train.run.full_disk import full_disk

# What goes on while a run trains, and knows it: the console of `whet train`, say.
Beside = Callable[[Built], AbstractContextManager[object]]


def train(
    loaded: config.Loaded, folder: RunFolder | None = None, while_running: Beside = nullcontext
) -> tuple[RunFolder, RunEnded]:
    """Run `loaded` to its end, in a new folder or, given `folder`, from its last checkpoint.

    Raises WhetError for what the user can mend; whatever was checkpointed stays.
    """
    end_with_launcher()
    with full_disk():
        built = assemble(loaded, folder)
    logs, track = built.folder.path / LOGS, built.trained.run.track
    at = built.loop.step
    with _closing(built), while_running(built), beside(track, logs, built.world, at), full_disk(built.folder.path):
        ended = built.loop.run()
        if ended.outcome in {"done", "early_stop"}:
            with built.loop.executor.evaluation_weights():
                write_result(built.trained, built.folder)
        return built.folder, ended


def resume(
    path: Path, while_running: Beside = nullcontext, overrides: Sequence[str] = ()
) -> tuple[RunFolder, RunEnded]:
    """Continue the run in `path` with the config it was started with, laid over by `parallel.setting=value`."""
    folder = RunFolder(path.resolve())
    if not folder.config.is_file():
        raise RunError(f"{path} is not a run folder: it has no config.yaml", hint="`whet runs` lists the runs")
    return train(config.load(folder.config, overrides), folder, while_running)


@contextlib.contextmanager
def _closing(built: Built) -> Iterator[None]:
    """Tell the sinks how an attempt ended when it raised, and close everything."""
    try:
        yield
    except BaseException as error:
        reason = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        outcome = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        built.emit(RunEnded(built.loop.progress.step, outcome, reason))
        raise
    finally:
        built.close()

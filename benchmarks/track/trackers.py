"""What is measured: each tracker as a way to start, to log five numbers, to finish, and to count what is left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Log = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Started:
    """A run that takes steps until `finish` is called."""

    log: Log
    finish: Callable[[], None]


@dataclass(frozen=True)
class Tracker:
    """`load` imports it, `start` begins a run in a folder, `count` says how many steps lie there."""

    packages: tuple[str, ...]
    load: Callable[[Path], object]
    start: Callable[[Path], Started]
    count: Callable[[Path], int]


def _load_ours(folder: Path) -> object:
    import whet.track

    return whet.track


def _start_ours(folder: Path) -> Started:
    import whet.track as track

    run = track.init("bench", id="run", dir=folder)
    return Started(lambda step, values: run.log(values, step), run.finish)


def _count_ours(folder: Path) -> int:
    from whet.track.reading.store import history

    return len(history(folder / "run").scalar("loss")[0])


def _count_foreign(folder: Path) -> int:
    """Of what another tracker has left, by our own importers: they leave out a torn tail, and read what is whole."""
    from whet.base.errors import RunError
    from whet.track.imports import import_runs
    from whet.track.reading.store import history

    with tempfile.TemporaryDirectory() as root:
        try:
            names = [done.name for done in import_runs(folder, root)]
        except RunError:  # not even a file that is a run
            return 0
        return sum(len(set(history(Path(root, name)).scalar("loss")[0].tolist())) for name in names)


def _load_wandb(folder: Path) -> object:
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
    import wandb

    return wandb


def _start_wandb(folder: Path) -> Started:
    import wandb

    run = wandb.init(project="bench", dir=str(folder), mode="offline")
    return Started(lambda step, values: run.log(dict(values), step=step), run.finish)


def _load_swanlab(folder: Path) -> object:
    import swanlab

    return swanlab


def _start_swanlab(folder: Path) -> Started:
    import swanlab

    swanlab.init(project="bench", logdir=str(folder), mode="offline")
    return Started(lambda step, values: swanlab.log(dict(values), step=step), swanlab.finish)


def _load_mlflow(folder: Path) -> object:
    import mlflow

    return mlflow


def _start_mlflow(folder: Path) -> Started:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.start_run()
    return Started(lambda step, values: mlflow.log_metrics(dict(values), step=step), mlflow.end_run)


def _load_tensorboard(folder: Path) -> object:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter


def _start_tensorboard(folder: Path) -> Started:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def log(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    return Started(log, writer.close)


def _load_trackio(folder: Path) -> object:
    os.environ["TRACKIO_DIR"] = str(folder)  # read once, at import
    import trackio

    return trackio


def _start_trackio(folder: Path) -> Started:
    import trackio

    trackio.init(project="bench", embed=False)
    return Started(lambda step, values: trackio.log(dict(values), step=step), trackio.finish)


TRACKERS = {
    "whet": Tracker(("whet",), _load_ours, _start_ours, _count_ours),
    "wandb offline": Tracker(("wandb",), _load_wandb, _start_wandb, _count_foreign),
    "swanlab offline": Tracker(("swanlab",), _load_swanlab, _start_swanlab, _count_foreign),
    "mlflow sqlite": Tracker(("mlflow",), _load_mlflow, _start_mlflow, _count_foreign),
    "tensorboard (torch)": Tracker(("tensorboard", "torch"), _load_tensorboard, _start_tensorboard, _count_foreign),
    "trackio": Tracker(("trackio",), _load_trackio, _start_trackio, _count_foreign),
}

"""What is measured: each tracker as a way to start, to log five numbers, to finish, and to count what is left."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
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


def _load_wandb(folder: Path) -> object:
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
    import wandb

    return wandb


def _start_wandb(folder: Path) -> Started:
    import wandb

    run = wandb.init(project="bench", dir=str(folder), mode="offline")
    return Started(lambda step, values: run.log(dict(values), step=step), run.finish)


def _count_wandb(folder: Path) -> int:
    """History records of the offline file, whose frames are those of LevelDB's logs behind a head of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    found, pieces = 0, b""
    for kind, piece in _leveldb_pieces(next(folder.rglob("*.wandb")).read_bytes(), 7):
        pieces = piece if kind in (1, 2) else pieces + piece
        if kind in (1, 4):  # whole, or its last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(pieces)
            found += record.WhichOneof("record_type") == "history"
    return found


def _leveldb_pieces(data: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """Kind and bytes of each piece: u32 sum, u16 length, u8 kind, in blocks of 32 KiB; a torn tail is left out."""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, size, kind = struct.unpack_from("<IHB", data, place)
        if not kind or place + 7 + size > len(data):
            return
        yield kind, data[place + 7 : place + 7 + size]
        place += 7 + size


def _load_swanlab(folder: Path) -> object:
    import swanlab

    return swanlab


def _start_swanlab(folder: Path) -> Started:
    import swanlab

    swanlab.init(project="bench", logdir=str(folder), mode="offline")
    return Started(lambda step, values: swanlab.log(dict(values), step=step), swanlab.finish)


def _count_swanlab(folder: Path) -> int:
    raise NotImplementedError("its file has no public reader")


def _load_mlflow(folder: Path) -> object:
    import mlflow

    return mlflow


def _start_mlflow(folder: Path) -> Started:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.start_run()
    return Started(lambda step, values: mlflow.log_metrics(dict(values), step=step), mlflow.end_run)


def _count_mlflow(folder: Path) -> int:
    with sqlite3.connect(folder / "mlflow.db") as db:
        return db.execute("select count(distinct step) from metrics").fetchone()[0]


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


def _count_tensorboard(folder: Path) -> int:
    """Whole records of the event files, less the version at the start, five a step."""
    found = 0
    for path in folder.rglob("events.out.tfevents.*"):
        data, place = path.read_bytes(), 0
        while place + 12 <= len(data):
            (size,) = struct.unpack_from("<Q", data, place)
            place += 16 + size
            found += place <= len(data)
        found -= 1
    return found // 5


def _load_trackio(folder: Path) -> object:
    os.environ["TRACKIO_DIR"] = str(folder)  # read once, at import
    import trackio

    return trackio


def _start_trackio(folder: Path) -> Started:
    import trackio

    trackio.init(project="bench", embed=False)
    return Started(lambda step, values: trackio.log(dict(values), step=step), trackio.finish)


def _count_trackio(folder: Path) -> int:
    with sqlite3.connect(next(folder.rglob("*.db"))) as db:
        return db.execute("select count(distinct step) from metrics").fetchone()[0]


TRACKERS = {
    "whet": Tracker(("whet",), _load_ours, _start_ours, _count_ours),
    "wandb offline": Tracker(("wandb",), _load_wandb, _start_wandb, _count_wandb),
    "swanlab offline": Tracker(("swanlab",), _load_swanlab, _start_swanlab, _count_swanlab),
    "mlflow sqlite": Tracker(("mlflow",), _load_mlflow, _start_mlflow, _count_mlflow),
    "tensorboard (torch)": Tracker(("tensorboard", "torch"), _load_tensorboard, _start_tensorboard, _count_tensorboard),
    "trackio": Tracker(("trackio",), _load_trackio, _start_trackio, _count_trackio),
}

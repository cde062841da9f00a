"""The same runs in another tracker's own files: `python benchmarks/page/rivals.py TOOL FOLDER RUNS METRICS STEPS LONG`.

Runs in the environment of the tracker, so it imports nothing of ours but the numbers. Prints, as one line of JSON,
what the addresses of its page need: the run to open, the runs to compare.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import curves

Rows = Iterator[Mapping[str, float]]


def write_mlflow(folder: Path, runs: list[tuple[str, str, Rows]]) -> dict[str, object]:
    """Runs by its client, the last step by `log_batch`, the steps before it as the rows that `log_batch` would write.

    `log_batch` itself takes many minutes for three million points; what the page reads is the same.
    """
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    made: dict[str, list[str]] = {}
    for project, name, rows in runs:
        experiment = client.get_experiment_by_name(project)
        experiment_id = experiment.experiment_id if experiment else client.create_experiment(project)
        run_id = client.create_run(experiment_id, run_name=name).info.run_id
        _fill_mlflow(client, folder / "mlflow.db", run_id, list(rows))
        client.set_terminated(run_id)
        made.setdefault(project, [experiment_id]).append(run_id)
    return made


def _fill_mlflow(client: object, path: Path, run_id: str, rows: list[Mapping[str, float]]) -> None:
    from mlflow.entities import Metric

    last = len(rows) - 1
    client.log_batch(
        run_id, metrics=[Metric(key, value, 1_700_000_000_000 + last, last) for key, value in rows[last].items()]
    )
    before = (
        (key, value, 1_700_000_000_000 + step, step, run_id)
        for step, values in enumerate(rows[:last])
        for key, value in values.items()
    )
    with sqlite3.connect(path) as database:
        database.executemany(
            "INSERT INTO metrics (key, value, timestamp, step, run_uuid, is_nan) VALUES (?, ?, ?, ?, ?, 0)", before
        )
    database.close()


def write_tensorboard(folder: Path, runs: list[tuple[str, str, Rows]]) -> dict[str, object]:
    """One event file a run, by TensorBoard's own writer, a step's scalars in one event."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for project, name, rows in runs:
        writer = EventFileWriter(str(folder / project / name), max_queue_size=1000)
        for step, values in enumerate(rows):
            scalars = [Summary.Value(tag=key, simple_value=value) for key, value in values.items()]
            writer.add_event(Event(wall_time=1_700_000_000 + step, step=step, summary=Summary(value=scalars)))
        writer.close()
    return {}


def write_trackio(folder: Path, runs: list[tuple[str, str, Rows]]) -> dict[str, object]:
    """Its own storage, in calls of ten thousand steps."""
    os.environ["TRACKIO_DIR"] = str(folder)
    from trackio.sqlite_storage import SQLiteStorage

    for project, name, rows in runs:
        start = 0
        while part := [dict(values) for values in islice(rows, 10_000)]:
            SQLiteStorage.bulk_log(project, name, part, steps=list(range(start, start + len(part))))
            start += len(part)
    return {}


WRITERS = {"mlflow": write_mlflow, "tensorboard": write_tensorboard, "trackio": write_trackio}


def main(tool: str, folder: Path, num_runs: int, num_metrics: int, num_steps: int, long: int) -> None:
    runs = [("compared", name, rows) for name, rows in curves.compared(num_runs, num_metrics, num_steps)]
    print(json.dumps(WRITERS[tool](folder, [*runs, ("long", "long", curves.long(long))])))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))

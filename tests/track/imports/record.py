"""Runs that other trackers have written, and what their own readers say: `python record.py FOLDER [TRACKER ...]`.

Run by a Python that has the trackers, and needs nothing of ours but the source beside it. For each tracker it leaves
FOLDER/<tracker>/ as the tracker makes it, and FOLDER/<tracker>.json: by run its name, metrics as lists of [step, value,
time or null], config.
"""

import json
import math
import os
import re
import sqlite3
import struct
import sys
import zlib
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from whet.track.imports.leveldb import records

STEPS = 12
KEPT = re.compile(r'(?:CREATE TABLE|INSERT INTO) "?(?:runs|experiments?|metrics|params|tags?|configs|project)"?[ (]')


def values(step):
    """What is logged at a step."""
    odd = {3: math.nan, 4: math.inf, 5: -math.inf}.get(step, float(step))
    return {"loss": 1 / (step + 1), "val/acc": step / STEPS, "odd ü": odd}


def told(name, metrics, config, **more):
    rows = {key: [[step, str(value), time] for step, value, time in points] for key, points in metrics.items()}
    return {"name": name, "metrics": rows, "config": config, **more}


def picture():
    import numpy as np

    return np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def wandb(folder):
    """There is no reader of offline runs in Python: what was logged is what is to be read."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB__DISABLE_STATS="true")
    import wandb

    config = {"lr": 0.1, "opt": {"kind": "adam", "betas": [0.9, 0.99]}}
    about = {"tags": ["a", "b"], "notes": "a note", "group": "g", "job_type": "train"}
    run = wandb.init(project="proj", name="run one", config=config, dir=str(folder), **about)
    points = {}
    for step in range(STEPS):
        row = {**values(step), "nested": {"x": step}}
        run.log(row)
        for key, value in {**values(step), "nested.x": step}.items():
            points.setdefault(key, []).append((step, float(value), None))
    run.log({"words": "w" * 40_000, "image": wandb.Image(picture(), caption="cap")})
    run.config.update({"later": 3})
    run.finish()
    wandb.teardown()  # its other process may still write
    return [told("run one", points, {**config, "later": 3}, **about, media=["image"])]


def logged_by_swanlab(folder, **more):
    """Log to a package of any version; its config."""
    import swanlab

    config = {"lr": 0.1, "opt": {"kind": "adam"}}
    about = {"project": "proj", "experiment_name": "run one", "description": "a note", "config": config}
    swanlab.init(**about, logdir=str(folder), **more)
    for step in range(STEPS):
        swanlab.log(values(step))
    swanlab.log({"image": swanlab.Image(picture(), caption="cap"), "text": swanlab.Text("hello")})
    swanlab.finish()
    return config


def swanlab(folder):
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    config = logged_by_swanlab(folder, tags=["a", "b"], mode="offline")
    (path,) = folder.rglob("*.swanlab")
    reader, points = DataStoreReader(), {}
    reader.open(str(path))
    for data in reader:
        record = Record()
        record.ParseFromString(data)
        if record.HasField("scalar"):
            one = record.scalar
            moment = one.timestamp.seconds + one.timestamp.nanos / 1e9
            points.setdefault(one.key, []).append((one.step, one.value.number, moment))
    return [told("run one", points, config, tags=["a", "b"], notes="a note", media=["image", "text"])]


def swanlab_backup(folder):
    """Of 0.6 or 0.7."""
    from swanlab.data.porter.datastore import DataStore

    config = logged_by_swanlab(folder, tags=["a", "b"], mode="offline")
    (path,) = folder.rglob("backup.swanlab")
    reader, points = DataStore(), {}
    reader.open_for_scan(str(path))
    for one in map(json.loads, reader):
        if one["model_type"] == "Scalar" and "__swanlab__" not in one["data"]["key"]:
            points.setdefault(one["data"]["key"], []).append(point(one["data"]["metric"]))
    return [told("run one", points, config, tags=["a", "b"], notes="a note", media=["image", "text"])]


def swanlab_database(folder):
    """Of 0.4 or 0.5, with the package of its board."""
    config = logged_by_swanlab(folder, mode="local")
    from swanboard.controller.utils.tag import read_tag_data

    with sqlite3.connect(folder / "runs.swanlab") as db:
        tags = db.execute("select name, folder from tag where type = 'line'").fetchall()
    (logs,) = folder.glob("run-*/logs")
    points = {
        name: [point(one) for path in (logs / place).glob("*.log") for one in read_tag_data(path)]
        for name, place in tags
    }
    return [told("run one", points, config, notes="a note", media=["image", "text"])]


def point(metric):
    """What was logged at a step, of SwanLab's before 0.8, which keeps infinity without its sign."""
    value = {"NaN": math.nan, "INF": math.inf}.get(metric["data"], metric["data"])
    return metric["index"], float(value), datetime.fromisoformat(metric["create_time"]).timestamp()


def tensorboard(folder):
    import tensorboard.summary as summary
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    one = EventFileWriter(str(folder / "one"))
    for step in range(STEPS):
        found = [Summary.Value(tag=key, simple_value=value) for key, value in values(step).items()]
        one.add_event(Event(wall_time=1.7e9 + step / 8, step=step, summary=Summary(value=found)))
    one.add_event(Event(wall_time=1.7e9, step=0, summary=hparams.hparams_pb({"lr": 0.1, "kind": "adam", "flag": True})))
    one.close()
    two = summary.Writer(str(folder / "deep" / "two"))
    for step in range(STEPS):
        two.add_scalar("loss", 1 / (step + 1), step)
    two.close()
    runs = []
    for name, config in (("one", {"lr": 0.1, "kind": "adam", "flag": True}), ("deep-two", {})):
        reader = EventAccumulator(str(folder / name.replace("-", "/")), size_guidance={"scalars": 0, "tensors": 0})
        reader.Reload()
        points = {t: [(e.step, e.value, e.wall_time) for e in reader.Scalars(t)] for t in reader.Tags()["scalars"]}
        for tag in reader.Tags()["tensors"]:
            from tensorboard.util.tensor_util import make_ndarray

            if not tag.startswith("_hparams_"):
                events = reader.Tensors(tag)
                points[tag] = [(e.step, float(make_ndarray(e.tensor_proto)), e.wall_time) for e in events]
        runs.append(told(name, points, config))
    return runs


def trackio(folder):
    os.environ.update(TRACKIO_DIR=str(folder), HF_HUB_OFFLINE="1")
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    config = {"lr": 0.1, "opt": {"kind": "adam"}}
    trackio.init(project="proj", name="run one", config=config, group="g", auto_log_cpu=False)
    for step in range(STEPS):
        trackio.log(values(step))
    trackio.log({"image": trackio.Image(picture(), caption="cap")})
    trackio.finish()
    points = {}
    for row in SQLiteStorage.get_logs("proj", "run one"):
        for key in values(0):
            if key in row:
                points.setdefault(key, []).append((row["step"], float(row[key]), None))
    return [told("run one", points, config, group="g", media=["image"])]


def _mlflow(uri):
    os.environ.update(MLFLOW_ALLOW_FILE_STORE="true")
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("proj")
    with mlflow.start_run(run_name="run one", description="a note") as run:
        mlflow.log_params({"lr": 0.1, "kind": "adam", "exact": "1e-4"})
        for step in range(STEPS):
            mlflow.log_metrics({key.replace("ü", "u"): value for key, value in values(step).items()}, step=step)
        mlflow.set_tag("stage", "dev")
    client = mlflow.MlflowClient()
    found = client.get_run(run.info.run_id)
    points = {
        key: [(m.step, m.value, m.timestamp / 1000) for m in client.get_metric_history(run.info.run_id, key)]
        for key in found.data.metrics
    }
    config = {"lr": 0.1, "kind": "adam", "exact": "1e-4"}
    return [told("run one", points, config, notes="a note", labels={"stage": "dev"})]


def mlflow_database(folder):
    return _mlflow(f"sqlite:///{folder}/mlflow.db")


def mlflow_files(folder):
    return _mlflow((folder / "mlruns").as_uri())


def framed(head, records):
    """LevelDB's framing of records, as both trackers write it."""
    data = bytearray(head)
    for record in records:
        kind, rest = 1, record
        while True:
            left = 32768 - len(data) % 32768
            if left < 7:
                data += b"\0" * left
                left = 32768
            piece, rest = rest[: left - 7], rest[left - 7 :]
            is_first, is_last = kind == 1, not rest
            kind = 1 if is_first and is_last else 2 if is_first else 4 if is_last else 3
            data += struct.pack("<IHB", zlib.crc32(piece, zlib.crc32(bytes([kind]))), len(piece), kind) + piece
            kind = 3
            if is_last:
                break
    return bytes(data)


def trimmed(folder):
    """Without what tells of the machine, and databases as SQL, of which only the tables that hold runs."""
    framed_files = [*folder.rglob("*.wandb"), *folder.rglob("run-*.swanlab"), *folder.rglob("backup.swanlab")]
    for path in framed_files:
        data = path.read_bytes()
        places = [os.fsencode(place) for place in (folder, sys.prefix, Path.home(), Path(__file__).parent)]
        notes = []
        kept = [
            record for record in records(data, notes) if not any(place in record for place in [*places, b"__swanlab__"])
        ]
        assert not notes, notes
        path.write_bytes(framed(data[:7], kept))
    for path in [*folder.rglob("*.db"), *folder.rglob("runs.swanlab")]:
        with sqlite3.connect(path) as db:
            lines = [line for line in db.iterdump() if KEPT.match(line)]
        lines = [re.sub(r"'[^']*/[^']*(?:artifacts|mlruns)[^']*'", "''", line) for line in lines]
        path.with_suffix(f"{'' if path.suffix == '.db' else path.suffix}.sql").write_text("\n".join(lines) + "\n")
        path.unlink()
    for path in folder.rglob("meta.yaml"):
        path.write_text(re.sub(r"(?m)^(artifact_uri|artifact_location): .*\n", "", path.read_text()))
    for path in sorted(folder.rglob("*"), reverse=True):
        is_kept = (
            path.suffix in (".wandb", ".swanlab", ".sql", ".png", ".txt", ".yaml")
            or path.parent.parent.name == "logs"
            or "tfevents" in path.name
        )
        is_kept = (is_kept or "mlruns" in path.parts) and path.name != "requirements.txt" and "debug" not in path.parts
        if path.is_symlink() or (path.is_file() and not is_kept):
            path.unlink()
        elif path.is_dir() and not list(path.iterdir()):
            path.rmdir()


TRACKERS = {f.__name__: f for f in (
    wandb, swanlab, swanlab_backup, swanlab_database, tensorboard, trackio, mlflow_database, mlflow_files
)}  # fmt: skip


def main(folder, names):
    for name in names or TRACKERS:
        place = Path(folder, name)
        place.mkdir(parents=True)
        found = TRACKERS[name](place.resolve())
        trimmed(place)
        Path(folder, f"{name}.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
        print("recorded", name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

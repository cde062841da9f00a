"""Tees: what a run logged, read back by the trackers themselves; WHET_TRACKERS_PYTHON names a Python that has them."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import whet.track as track
from tests.track.follow.servers import hooks, until
from tests.track.logs.test_log import REPOSITORY
from whet.base.catalogue import follower
from whet.base.crc32c import checksum
from whet.base.errors import ConfigError, WhetError
from whet.track.follow.delivery import Delivery, Memory, hand_over
from whet.track.follow.event_files import EventFile
from whet.track.imports.importing import import_runs
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import history

TRACKERS = os.environ.get("WHET_TRACKERS_PYTHON", "")
needs_trackers = pytest.mark.skipif(
    not TRACKERS, reason="WHET_TRACKERS_PYTHON names no Python that has wandb, swanlab, tensorboard and mlflow"
)
NUM_STEPS = 40


@pytest.fixture
def run(tmp_path) -> Path:
    """A script's run with some of everything."""
    with track.init(id="run", project="digits", dir=tmp_path, config={"lr": 0.1, "opt": {"kind": "adam"}}) as found:
        for step in range(NUM_STEPS):
            found.log({"loss": 2.0 / (step + 1), "train/acc": step / 8}, step=step)
        found.log({"odd": float("nan"), "large": 1e300}, step=NUM_STEPS)
        found.log({"picture": track.Image(np.zeros((4, 6, 3)), caption="dark"), "words": track.Text("häuser")}, step=3)
        found.log({"spread": track.Histogram(np_histogram=([1, 2], [0.0, 1.0, 2.0]))}, step=3)
        found.log({"tone": track.Audio(np.zeros(80), sample_rate=8000)}, step=3)
        table = track.Table(columns=["q", "a"])
        table.add_data("who | what", track.Text("me"))
        found.log({"answers": table}, step=3)
        found.alert("careful", "it is warm", level="WARN")
    return tmp_path / "run"


def handed(run: Path, kind: str, memory: Path, **settings) -> None:
    hand_over(run, follower.get(kind).build(**settings), print, Memory(memory))


def records(path: Path) -> Iterator[bytes]:
    """The bytes of a TFRecord file; the lengths are those that its frames say."""
    data, place = path.read_bytes(), 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        yield data[place + 12 : place + 12 + length]
        place += 16 + length
    assert place == len(data)


def test_the_checksum_is_that_of_the_standard():
    assert checksum(b"123456789") == 0xE3069283  # RFC 3720, B.4
    assert checksum(bytes(32)) == 0x8A9136AA


def test_an_event_file_is_cut_where_the_state_says_and_gone_on_with(tmp_path):
    file = EventFile(tmp_path / "events", 1.0)
    file.write(1.0, 1, b"")
    file.flush()
    size = file.size
    file.write(1.0, 2, b"")  # what a killed process had not told of
    file.close()
    again = EventFile(tmp_path / "events", 1.0, size)
    again.write(1.0, 3, b"")
    again.close()
    assert [record[10] for record in list(records(tmp_path / "events"))[1:]] == [1, 3]


def test_what_went_to_tensorboard_comes_back_by_an_import(run, tmp_path):
    """The reader of imports is another's work, and knows nothing of this writer."""
    handed(run, "tensorboard", run / "state", folder=str(tmp_path / "tb"))
    (found,) = import_runs(tmp_path / "tb", tmp_path / "back")
    theirs, ours = history(tmp_path / "back" / found.name), history(run)
    assert found.is_whole
    for name in ("loss", "train/acc", "odd"):
        (steps, values), (known_steps, known) = theirs.scalar(name), ours.scalar(name)
        assert steps.tolist() == known_steps.tolist()
        np.testing.assert_array_equal(values, known.astype(np.float32).astype(float))


@pytest.mark.parametrize("path", ["../secret.wav", "{outside}", "media/link.wav"])
def test_no_log_leads_a_tee_to_files_outside_its_run(tmp_path, path):
    """As a stranger's run could, which somebody looks at in another tracker."""
    outside, run = tmp_path / "secret.wav", tmp_path / "run"
    with track.init(id="run", dir=tmp_path) as found:
        found.log({"tone": track.Audio(np.zeros(80), sample_rate=8000)})
    (media,) = (run / "media").iterdir()
    shutil.copy(media, outside)
    (run / "media" / "link.wav").symlink_to(outside)
    log = EventLog(run / "track")
    for number, one in enumerate((f"media/{media.name}", path.format(outside=outside))):
        log.event("media", 0, {"name": f"tone-{number}", "entries": [{"type": "audio", "path": one}]})
    log.close("done", "")
    handed(run, "tensorboard", tmp_path / "state", folder="tb")
    (written,) = (run / "tb").iterdir()
    assert b"tone-0" in written.read_bytes() and b"tone-1" not in written.read_bytes()


class Killed(BaseException):
    pass


def test_nothing_stands_twice_in_an_event_file_after_a_kill(tmp_path):
    log, memory = EventLog(tmp_path / "track"), Memory(tmp_path / "state")
    log.scalars(0, {"loss": 1.0})
    dying = follower.get("tensorboard").build(folder="tb")
    delivery = Delivery(tmp_path, dying, memory, print)
    delivery.pump()
    log.scalars(1, {"loss": 1.0})
    delivery.store = lambda: (_ for _ in ()).throw(Killed)  # between the writing and the cursor
    with pytest.raises(Killed):
        delivery.pump()
    log.scalars(2, {"loss": 1.0})
    log.close("done", "")
    handed(tmp_path, "tensorboard", memory.path, folder="tb")
    (path,) = (tmp_path / "tb").iterdir()
    assert sum(b"loss" in record for record in records(path)) == 3


def by_trackers(code: str, *arguments: object) -> dict:
    """What a script of their environment prints as its last line, as JSON."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "WANDB_SILENT": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    done = subprocess.run(
        [TRACKERS, "-c", code, *map(str, arguments)], capture_output=True, text=True, env=environ, cwd=arguments[0]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


EXPORT = """
import sys, json
from pathlib import Path
from whet.base.catalogue import follower
from whet.track.follow.delivery import Memory, hand_over
def export(kind, **settings):
    run = Path(sys.argv[1])
    hand_over(run, follower.get(kind).build(**settings), lambda *said: None, Memory(run / f"{kind}.state"))
"""

READ_TENSORBOARD = """
import json, sys, math
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
found = EventAccumulator(sys.argv[2], size_guidance={"scalars": 0})
found.Reload()
read = lambda tag: tensor_util.make_ndarray(found.Tensors(tag)[0].tensor_proto).item().decode()
text = {tag: read(tag) for tag in found.Tags()["tensors"]}
image, audio = found.Images("picture")[0], found.Audio("tone")[0]
histogram = found.Histograms("spread")[0].histogram_value
print(json.dumps({
    "loss": [(one.step, one.value) for one in found.Scalars("loss")], "scalars": sorted(found.Tags()["scalars"]),
    "odd": math.isnan(found.Scalars("odd")[0].value), "large": math.isinf(found.Scalars("large")[0].value),
    "text": text, "image": [image.width, image.height, image.step], "audio": audio.sample_rate,
    "histogram": [histogram.bucket_limit, histogram.bucket, histogram.num],
}))
"""


@needs_trackers
def test_tensorboard_reads_what_we_write(run):
    handed(run, "tensorboard", run / "state", folder="tb")
    found = by_trackers(READ_TENSORBOARD, run, run / "tb")
    assert found["loss"] == [[step, float(np.float32(2.0 / (step + 1)))] for step in range(NUM_STEPS)]
    assert found["scalars"] == ["large", "loss", "odd", "train/acc"] and found["odd"] and found["large"]
    assert found["image"] == [6, 4, 3] and found["audio"] == 8000
    assert found["histogram"] == [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], 3.0]
    assert found["text"]["words"] == "häuser" and "who \\| what|me" in found["text"]["answers"]
    assert '"lr": 0.1' in found["text"]["config"] and "it is warm" in found["text"]["alert"]


@needs_trackers
def test_tensorboard_forgets_what_a_later_attempt_went_over_again(tmp_path):
    for first, last, value in ((0, 10, 1.0), (5, 12, 2.0)):
        log = EventLog(tmp_path / "track")
        for step in range(first, last):
            log.scalars(step, {"loss": value})
        log.close("done", "")
    handed(tmp_path, "tensorboard", tmp_path / "state", folder="tb")
    code = (
        READ_TENSORBOARD.split("read =")[0]
        + 'print(json.dumps([(one.step, one.value) for one in found.Scalars("loss")]))'
    )
    assert by_trackers(code, tmp_path, tmp_path / "tb") == [[s, 1.0 if s < 5 else 2.0] for s in range(12)]


READ_WANDB = (
    EXPORT
    + """
import struct
from wandb.proto import wandb_internal_pb2 as pb
export("wandb", mode="offline")
(path,) = Path(sys.argv[1]).glob("wandb/offline*/*.wandb")
data, place, parts, found = path.read_bytes(), 7, b"", {"history": [], "config": {}, "alerts": []}
while place + 7 <= len(data):  # LevelDB's log: blocks of 32 KiB, in them records that may be cut
    if 32768 - place % 32768 < 7:
        place += 32768 - place % 32768
        continue
    check, length, kind = struct.unpack_from("<IHB", data, place)
    parts += data[place + 7 : place + 7 + length]
    place += 7 + length
    if kind not in (1, 4):
        continue
    record, parts = pb.Record.FromString(parts), b""
    match record.WhichOneof("record_type"):
        case "history":
            items = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
            found["history"].append(items)
        case "run":
            found["project"], found["name"] = record.run.project, record.run.display_name
            found["config"] |= {item.key: item.value_json for item in record.run.config.update}
        case "exit":
            found["exit"] = record.exit.exit_code
print(json.dumps(found))
"""
)


@needs_trackers
def test_wandb_has_the_run_in_its_own_files(run):
    found = by_trackers(READ_WANDB, run)
    losses = [one for one in found["history"] if "loss" in one]
    assert [(int(one["trainer/global_step"]), float(one["loss"])) for one in losses] == [
        (step, 2.0 / (step + 1)) for step in range(NUM_STEPS)
    ]
    assert (found["project"], found["name"], found["exit"]) == ("digits", "run", 0)
    names = {name.partition("/")[0] for one in found["history"] for name in one if name.endswith("/_type")}
    assert {"picture", "words", "spread", "tone", "answers"} <= names


@needs_trackers
@pytest.mark.parametrize(("kind", "folder"), [("swanlab", "swanlog"), ("wandb", "wandb")])
def test_what_went_to_another_tracker_comes_back_by_an_import(run, tmp_path, kind, folder):
    by_trackers(EXPORT + f"export({kind!r}, mode='offline'); print('null')", run)
    (found,) = import_runs(run / folder, tmp_path / "back")
    back = history(tmp_path / "back" / found.name)
    for name in ("loss", "train/acc"):
        np.testing.assert_array_equal(back.scalar(name)[1], history(run).scalar(name)[1])
    media = {event.payload["name"] for event in back.events("media")}
    assert back.status == "done" and {"picture", "words"} <= media


READ_MLFLOW = (
    EXPORT
    + """
uri = f"sqlite:///{sys.argv[1]}/mlflow.db"
export("mlflow", uri=uri)
from mlflow.tracking import MlflowClient
client = MlflowClient(uri)
(run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
history = [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "loss")]
media = [one.path for one in client.list_artifacts(run.info.run_id, "media")]
print(json.dumps({"loss": sorted(history), "status": run.info.status, "params": run.data.params, "media": media}))
"""
)


@needs_trackers
def test_mlflow_has_the_run_in_its_own_store(run):
    found = by_trackers(READ_MLFLOW, run)
    assert found["loss"] == [[step, 2.0 / (step + 1)] for step in range(NUM_STEPS)]
    assert found["status"] == "FINISHED" and found["params"] == {"lr": "0.1", "opt.kind": "adam"}
    assert {"media/picture", "media/tone"} <= set(found["media"])


@needs_trackers
def test_a_mlflow_server_that_answers_500_or_hangs_neither_slows_nor_stops_a_script(tmp_path):
    code = """
import json, sys, time
import whet.track as track
run = track.init(id="run", dir=sys.argv[1], tee=[{"kind": "mlflow", "uri": sys.argv[2]}])
for step in range(200):
    track.log({"loss": 1.0})
track.finish()
print(json.dumps(run.dropped))
"""
    with hooks(*[500, "hang"] * 50) as server:
        assert by_trackers(code, tmp_path, server.url.rpartition("/hook")[0]) == 0
        logs = history(tmp_path / "run")
        assert logs.status == "done" and len(logs.scalar("loss")[0]) == 200
        lock = tmp_path / "run" / "follow" / "lock"
        until(lock.exists)
        for path in Path("/proc").iterdir():  # its follower would try for minutes
            if path.name.isdecimal() and f"{tmp_path}/run" in _command(path):
                os.kill(int(path.name), 9)


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("kind", ["wandb", "swanlab", "mlflow"])
def test_a_package_that_is_missing_is_said_with_the_line_that_installs_it(kind, monkeypatch):
    found = follower.get(kind)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WhetError) as caught:
        found.build()
    assert caught.value.hint == f'pip install "whet[{kind}]"'


def test_a_password_in_an_address_is_refused_without_being_shown(monkeypatch):
    kind = follower.get("mlflow")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(ConfigError) as caught:
        kind.build(uri="https://me:T0PSECRET@host")
    assert "T0PSECRET" not in str(caught.value) and "MLFLOW_TRACKING_PASSWORD" in caught.value.hint

"""Patches: what scripts report to another tracker is in our log, and in that tracker's own where it is called."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import whet.track as track
from tests.track.integrations.conftest import curve
from whet.base.errors import ConfigError
from whet.track.integrations.patched import names
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history
from whet.track.script.described import described

REPOSITORY = Path(__file__).resolve().parents[3]
RUN_OF_WANDB = """
import wandb
run = wandb.init(project="digits", name="first", config={"lr": 0.1}, mode="offline", tags=["a"])
for step in range(5):
    wandb.log({"loss": 1 / (step + 1), "nested": {"a": step}})
wandb.config.update({"depth": 2})
wandb.log({"accuracy": 0.5}, step=9)
wandb.finish()
"""
RUN_OF_SWANLAB = """
import swanlab
run = swanlab.init(project="digits", experiment_name="first", config={"lr": 0.1, "depth": 2}, mode="offline")
for step in range(5):
    swanlab.log({"loss": 1 / (step + 1), "nested.a": step})
swanlab.log({"accuracy": 0.5}, step=9)
swanlab.finish()
"""
RUN_OF_TRACKIO = """
import trackio
trackio.init(project="digits", name="first", config={"lr": 0.1, "depth": 2}, embed=False)
for step in range(5):
    trackio.log({"loss": 1 / (step + 1), "nested.a": step})
trackio.log({"accuracy": 0.5}, step=9)
trackio.finish()
"""
RUN_OF_MLFLOW = """
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("digits")
with mlflow.start_run(run_name="first"):
    mlflow.log_params({"lr": 0.1, "depth": 2})
    for step in range(5):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"nested.a": 4.0}, step=4)
    mlflow.log_metric("accuracy", 0.5, step=9)
    mlflow.set_tag("kind", "test")
    open("notes.txt", "w").write("hello")
    mlflow.log_artifact("notes.txt")
"""
RUN_OF_TENSORBOARD = """
from {library} import SummaryWriter
with SummaryWriter("logs/first") as writer:
    for step in range(5):
        writer.add_scalar("loss", 1 / (step + 1), step)
        writer.add_scalars("nested", {{"a": step}}, global_step=step)
    writer.add_scalar("accuracy", 0.5, global_step=9)
    writer.add_text("words", "hello", 3)
    writer.add_hparams({{"lr": 0.1, "depth": 2}}, {{"best": 0.5}})
"""
SCRIPTS = {
    "wandb": RUN_OF_WANDB, "swanlab": RUN_OF_SWANLAB, "trackio": RUN_OF_TRACKIO, "mlflow": RUN_OF_MLFLOW,
    "tensorboard": RUN_OF_TENSORBOARD.format(library="torch.utils.tensorboard"),
    "tensorboardX": RUN_OF_TENSORBOARD.format(library="tensorboardX"),
}  # fmt: skip
LIBRARIES = {"tensorboard": "torch.utils.tensorboard"}
ENVIRONMENT = {"WANDB_SILENT": "true", "WANDB_MODE": "offline", "MLFLOW_DISABLE_TELEMETRY": "true"}


HIDDEN = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {!r}:
            raise ImportError(name)

sys.meta_path.insert(0, Hide())
"""


def run_script(folder: Path, text: str, hidden: str = "") -> str:
    """Run a script in a process of its own; `hidden` is a package that it cannot import."""
    block = HIDDEN.format(hidden) if hidden else ""
    own = {"PYTHONPATH": str(REPOSITORY), "HOME": str(folder), "TRACKIO_DIR": str(folder / "trackio")}
    command, environment = [sys.executable, "-c", block + text], {**os.environ, **ENVIRONMENT, **own}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def check(root: Path, library: str) -> None:
    """The script's numbers, settings and end are in the one run there is."""
    (run,) = runs(root)
    logs = history(run.folder)
    assert run.status == "done" and run.name == "first"
    assert curve(logs, "loss") == {step: 1 / (step + 1) for step in range(5)}
    nested = next(name for name in logs.names() if name.startswith("nested"))
    assert curve(logs, nested)[4] == 4.0 and curve(logs, "accuracy") == {9: 0.5}
    config = described(logs).config
    assert {name: float(config[name]) for name in ("lr", "depth")} == {"lr": 0.1, "depth": 2.0}
    assert logs.dropped == 0
    if library not in ("tensorboard", "tensorboardX"):
        assert run.project == "digits"


def is_here(name: str) -> bool:
    return all(importlib.util.find_spec(package) for package in (LIBRARIES.get(name, name).partition(".")[0], name))


MARKS = [
    pytest.param(name, marks=[
        pytest.mark.integration(f"{name} (patched)", packages=(name,), through=f'track.patch("{name}")'),
        pytest.mark.skipif(not is_here(name), reason=f"{name} is not installed; `make test-integrations` has it"),
    ])
    for name in SCRIPTS
]  # fmt: skip


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", MARKS)
def test_calls_pass_on_to_the_library_and_are_recorded(root, tmp_path, name, moment):
    patch = f'import whet.track as track\ntrack.patch("{name}")\n'
    first = f"import {LIBRARIES.get(name, name)}\n" if moment == "after" else ""
    run_script(tmp_path, first + patch + SCRIPTS[name])
    check(root, name)
    theirs = {"wandb": "wandb/offline-run-*/*.wandb", "swanlab": "swanlog/run-*", "trackio": "trackio/*.db",
              "mlflow": "mlflow.db"}.get(name, "logs/first/events*")  # fmt: skip
    assert list(tmp_path.glob(theirs)), sorted(map(str, tmp_path.rglob("*")))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", MARKS)
def test_with_only_the_library_is_not_called(root, tmp_path, name, moment):
    patch = f'import whet.track as track\ntrack.patch("{name}", only=True)\n'
    first = f"import {LIBRARIES.get(name, name)}\n" if moment == "after" else ""
    run_script(tmp_path, first + patch + SCRIPTS[name])
    check(root, name)
    left = {path.name for path in tmp_path.iterdir()} - {"runs", "notes.txt"}
    assert not left & {"wandb", "swanlog", "trackio", "mlflow.db", "logs"}


@pytest.mark.parametrize("name", ["wandb", "swanlab", "trackio", "mlflow", "tensorboardX"])
def test_a_library_that_is_not_there_has_a_stand_in(root, tmp_path, name):
    patch = f'import whet.track as track\ntrack.patch("{name}")\n'
    run_script(tmp_path, patch + SCRIPTS[name], hidden=name)
    check(root, name)


def test_an_undone_patch_leaves_no_trace(root, tmp_path):
    text = """
import json, sys
import whet.track as track
with track.patch("wandb"), track.patch("mlflow"), track.patch("tensorboardX"):
    import mlflow, tensorboardX, wandb
    assert wandb.init(project="p").project == "p"
    mlflow.log_metric("x", 1.0)
    writer = tensorboardX.SummaryWriter("logs")
print(json.dumps([name in sys.modules for name in ("wandb", "mlflow", "tensorboardX")]), track.get_run())
"""
    said = ""
    for hidden in ("wandb", "mlflow", "tensorboardX"):
        if importlib.util.find_spec(hidden):
            return
    said = run_script(tmp_path, text)
    assert said.split("\n")[0] == "[false, false, false] None"
    assert {run.status for run in runs(root)} == {"done"}


def test_an_unknown_tracker_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match="wandbb") as refused:
        track.patch("wandbb")
    assert all(name in str(refused.value) for name in SCRIPTS) and set(names()) == set(SCRIPTS)


def test_a_script_that_has_a_run_open_records_into_it(root, tmp_path):
    text = """
import whet.track as track
run = track.init(name="mine")
with track.patch("tensorboardX", only=True):
    from tensorboardX import SummaryWriter
    SummaryWriter("logs").add_scalar("loss", 0.5, 3)
    assert track.get_run() is run
"""
    run_script(tmp_path, text)
    assert [run.name for run in runs(root)] == ["mine"]
    assert curve(history(root / "mine"), "loss") == {3: 0.5}


@pytest.mark.integration("wandb (patched)", packages=("wandb",), through='track.patch("wandb")')
def test_media_of_wandb_become_ours(root, tmp_path):
    text = """
import numpy as np, wandb, whet.track as track
track.patch("wandb")
with wandb.init(project="p", name="first", mode="offline") as run:
    table = wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])
    run.log({"picture": wandb.Image(np.zeros((4, 4, 3), np.uint8), caption="dark"), "table": table,
             "several": [wandb.Image(np.ones((2, 2))) for _ in range(3)], "spread": wandb.Histogram([1.0, 2.0, 2.0])})
"""
    run_script(tmp_path, text)
    media = {event.payload["name"]: event.payload["entries"] for event in history(root / "first").events("media")}
    assert [len(media[name]) for name in ("picture", "table", "several", "spread")] == [1, 1, 3, 1]
    assert media["picture"][0]["caption"] == "dark" and sum(media["spread"][0]["counts"]) == 3
    kept = json.loads((root / "first" / media["table"][0]["path"]).read_text())
    assert kept == {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}


@pytest.mark.integration("tensorboard (patched)", packages=("tensorboard",), through='track.patch("tensorboard")')
def test_every_kind_of_a_writers_records_is_known(root, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    rng = np.random.default_rng(0)
    with track.patch("tensorboard"), SummaryWriter("logs/kinds") as writer:
        writer.add_image("picture", rng.random((3, 4, 6)), 1)
        writer.add_images("pictures", rng.random((2, 4, 6, 3)), 1, dataformats="NHWC")
        writer.add_histogram("weights", rng.normal(size=50), 2)
        writer.add_text("words", "hello", 3)
        writer.add_audio("tone", rng.random((1, 100)) - 0.5, 4, sample_rate=8000)
        writer.add_pr_curve("pr", rng.integers(0, 2, 20), rng.random(20), 5)
        writer.add_scalar("loss", 1.0)
        writer.add_scalar("loss", 0.5)
    logs = history(root / "kinds")
    media = {event.payload["name"]: (event.step, event.payload["entries"]) for event in logs.events("media")}
    assert {name: (step, len(entries)) for name, (step, entries) in media.items()} == {
        "picture": (1, 1), "pictures": (1, 2), "weights": (2, 1), "words": (3, 1), "tone": (4, 1), "pr": (5, 1),
    }  # fmt: skip
    assert sum(media["weights"][1][0]["counts"]) == 50 and curve(logs, "loss") == {0: 1.0, 1: 0.5}
    read = _events(tmp_path / "logs" / "kinds")
    assert read.Tags()["scalars"] == ["loss"] and [one.value for one in read.Scalars("loss")] == [1.0, 0.5]


def _events(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return read

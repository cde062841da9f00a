"""Scripts as people write them for wandb and swanlab run with nothing but the import changed, and lose nothing."""

import json
import multiprocessing
import re
from pathlib import Path

import pytest

from tests.track.script.scripts.run_all import run_all
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history, summarize
from whet.track.terminal.terminal_page import contents, show

SCRIPTS = Path(__file__).parent / "scripts"
NAMES = [f"{folder}/{path.stem}" for folder in ("wandb", "swanlab") for path in sorted((SCRIPTS / folder).glob("*.py"))]
# A few curves of each script, with how many points they have, as the script's own loop says.
POINTS = {
    "wandb/quickstart": {"acc": 8, "loss": 8},
    "wandb/context_manager": {"train/loss": 5},
    "wandb/argparse_config": {"loss": 3, "lr": 3},
    "wandb/torch_loop": {"loss": 4, "grad_norm": 4},
    "wandb/media": {"loss": 1},
    "wandb/tables": {},
    "wandb/metrics_and_alerts": {"train/loss": 6, "val/acc": 2},
    "wandb/resume": {"loss": 12},
    "wandb/artifacts_pipeline": {"rows": 1},
    "wandb/sweep_of_runs": {"val_loss": 3, "nested.a.b": 3},
    "swanlab/quickstart": {"acc": 8},
    "swanlab/experiment_fields": {"train/loss": 3},
    "swanlab/mnist": {"train/loss": 2, "val/accuracy": 1},
    "swanlab/images": {},
    "swanlab/audio_video": {},
    "swanlab/text": {},
    "swanlab/points": {},
    "swanlab/config_file": {"loss": 3},
    "swanlab/resume": {"loss": 8},
    "swanlab/trainer_callback": {"train/loss": 4, "eval/loss": 1, "train/global_step": 5},
}
MEDIA = {
    "wandb/torch_loop": {"weights": 4},
    "wandb/media": {
        "examples": 3,
        "audio": 1,
        "video": 1,
        "points": 1,
        "page": 1,
        "gradients": 1,
        "counts": 1,
        "mask": 1,
    },
    "wandb/tables": dict.fromkeys(("predictions", "line", "scatter", "bar", "hist", "confusion", "roc", "pr"), 1),
    "swanlab/mnist": {"examples": 3},
    "swanlab/images": {"noise": 2, "gray": 2},
    "swanlab/audio_video": {"tone": 1, "stereo": 1, "film": 1},
    "swanlab/text": {"prediction": 3, "all": 3},
    "swanlab/points": {"plain": 1, "coloured": 1},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """All scripts in one process, a fork of this one, which has torch: where their runs lie, and how each went."""
    folder = tmp_path_factory.mktemp("scripts")
    process = multiprocessing.get_context("fork").Process(target=run_all, args=(folder, "wandb", "swanlab"))
    process.start()
    process.join()
    return folder, json.loads((folder / "went.json").read_text())


def test_there_are_ten_of_each_and_all_are_expected_something_of():
    assert sorted(NAMES) == sorted(POINTS)
    assert min(sum(name.startswith(folder) for name in NAMES) for folder in ("wandb", "swanlab")) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_the_import_is_ours(name):
    text = (SCRIPTS / f"{name}.py").read_text()
    rival = name.partition("/")[0]
    assert re.findall(r"whet[\w.]*(?: as \w+)?", text) == [f"whet.track as {rival}"]


@pytest.mark.parametrize("name", NAMES)
def test_a_script_runs_and_what_it_logged_is_there(root, name):
    folder, went = root
    assert went[name] == ""
    found = runs(folder / name)
    assert found and all(run.status == "done" and run.reason == "" for run in found)
    logs = [history(run.folder) for run in found]
    assert [(log.dropped, log.damaged) for log in logs] == [(0, 0)] * len(logs)
    for curve, count in POINTS[name].items():
        lengths = [len(log.scalar(curve)[0]) for log in logs if curve in log.names()]
        assert lengths and set(lengths) == {count}, curve
    media: dict[str, int] = {}
    for run, log in zip(found, logs, strict=True):
        for event in log.events("media"):
            for entry in event.payload["entries"]:
                media[event.payload["name"]] = media.get(event.payload["name"], 0) + 1
                assert "path" not in entry or (run.folder / entry["path"]).stat().st_size == entry["bytes"]
    assert {key: media.get(key) for key in MEDIA.get(name, {})} == MEDIA.get(name, {})
    for run in found:
        assert summarize(run.folder).name in show(run.folder)
        json.dumps(contents(run.folder), default=str)

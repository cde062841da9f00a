"""Training frameworks over torch: recorded values are those that each keeps or writes itself."""

import csv
import json

import numpy as np
import pytest

import whet.track as track
from tests.track.integrations.conftest import curve, same
from whet.track.script.described import described


def rows(path) -> list[dict[str, str]]:
    with open(path) as file:
        return list(csv.DictReader(file))


def lightning_run(package, recorded):
    """Train a line with one of the two packages of Lightning, beside its own CSV logger."""
    import importlib

    import torch

    lightning = importlib.import_module(package)
    csv_logger = importlib.import_module(f"{package}.loggers").CSVLogger("csv")
    from whet.track.integrations.lightning import WhetLogger

    class Line(lightning.LightningModule):
        def __init__(self, lr=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, place):
            loss = self.layer(batch).pow(2).mean()
            self.log("train/loss", loss)
            return loss

        def validation_step(self, batch, place):
            self.log("val/loss", self.layer(batch).pow(2).mean())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(torch.randn(24, 2), batch_size=4)
    trainer = lightning.Trainer(
        max_epochs=2, log_every_n_steps=2, logger=[WhetLogger(project="line", name="line"), csv_logger],
        accelerator="cpu", enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(Line(), loader, loader)
    logs = recorded("line")
    written = rows(f"{csv_logger.log_dir}/metrics.csv")
    for name in ("train/loss", "val/loss"):
        expected = {int(row["step"]): float(row[name]) for row in written if row[name]}
        assert curve(logs, name).keys() == expected.keys() and same(curve(logs, name).values(), expected.values())
    assert described(logs).config["lr"] == 0.1


@pytest.mark.integration("Lightning", packages=("lightning",), through="WhetLogger")
def test_lightning(torchvision, recorded):
    lightning_run("lightning.pytorch", recorded)


@pytest.mark.integration("PyTorch-Ignite", packages=("pytorch-ignite",), through="WhetLogger")
def test_ignite(root, recorded):
    import torch
    from ignite.engine import Engine, Events
    from ignite.handlers import global_step_from_engine
    from ignite.metrics import Average

    from whet.track.integrations.ignite import WhetLogger

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    said, means = {}, {}

    def work(engine, batch):
        said[engine.state.iteration] = batch / (engine.state.iteration + 1)
        return said[engine.state.iteration]

    trainer = Engine(work)
    Average().attach(trainer, "mean")
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda e: means.update({e.state.epoch: e.state.metrics["mean"]}))
    with WhetLogger(project="ignite") as logger:
        logger.attach_output_handler(
            trainer, Events.ITERATION_COMPLETED, tag="train", output_transform=lambda value: {"loss": value}
        )
        logger.attach_output_handler(
            trainer, Events.EPOCH_COMPLETED, tag="epoch", metric_names="all",
            global_step_transform=global_step_from_engine(trainer),
        )  # fmt: skip
        logger.attach_opt_params_handler(trainer, Events.ITERATION_STARTED, optimizer=optimizer, param_name="lr")
        trainer.run([1.0, 2.0, 3.0], max_epochs=2)
    logs = recorded()
    assert curve(logs, "train/loss") == said and curve(logs, "epoch/mean") == means
    assert curve(logs, "lr/group_0") == dict.fromkeys(range(1, 7), 0.1) and logs.status == "done"


@pytest.mark.integration("skorch", packages=("skorch",), through="WhetCallback")
def test_skorch(recorded):
    import torch
    from skorch import NeuralNetClassifier

    from whet.track.integrations.skorch import WhetCallback

    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)

        def forward(self, X):
            return self.layer(X).softmax(dim=-1)

    net = NeuralNetClassifier(Net, max_epochs=3, callbacks=[WhetCallback(project="skorch")], verbose=0)
    net.fit(X, y)
    logs = recorded()
    for name in ("train_loss", "valid_loss", "valid_acc"):
        assert curve(logs, name) == dict(zip((1, 2, 3), net.history[:, name], strict=True))


@pytest.mark.integration("fastai", packages=("fastai",), through="WhetCallback")
def test_fastai(torchvision, recorded):
    import torch
    from fastai.callback.progress import ProgressCallback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner

    from whet.track.integrations.fastai import WhetCallback

    torch.manual_seed(0)
    data = [(torch.randn(3), torch.randn(1)) for _ in range(16)]
    loaders = DataLoaders.from_dsets(data, data[:8], bs=4, device="cpu")
    learner = Learner(loaders, torch.nn.Linear(3, 1), loss_func=torch.nn.functional.mse_loss)
    learner.remove_cb(ProgressCallback)
    learner.fit(2, lr=0.01, cbs=WhetCallback(project="fastai"))
    logs = recorded()
    kept = learner.recorder
    for place, name in enumerate(("train_loss", "valid_loss")):
        assert same(curve(logs, name).values(), [values[place] for values in kept.values])
    assert same(curve(logs, "train/smooth_loss").values(), [float(value) for value in kept.losses])
    assert same(curve(logs, "train/lr_0").values(), kept.lrs)


@pytest.mark.integration("MMEngine", packages=("mmengine",), through="WhetVisBackend")
def test_mmengine(torchvision, recorded, tmp_path):
    import torch
    from mmengine.config import Config
    from mmengine.model import BaseModel
    from mmengine.runner import Runner

    import whet.track.integrations.mmengine  # noqa: F401

    class Line(BaseModel):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, inputs, mode="loss"):
            return {"loss": self.layer(inputs).pow(2).mean()}

    runner = Runner(
        Line(), cfg=Config({"of_the_test": {"depth": 2}}), work_dir=str(tmp_path / "work"), train_dataloader={
            "dataset": [torch.randn(2) for _ in range(8)], "batch_size": 2,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            "collate_fn": lambda batch: {"inputs": torch.stack(batch)},
        },
        train_cfg={"by_epoch": True, "max_epochs": 2}, optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        default_hooks={"logger": {"type": "LoggerHook", "interval": 2}, "checkpoint": None},
        visualizer={"type": "Visualizer", "vis_backends": [
            {"type": "LocalVisBackend"}, {"type": "WhetVisBackend", "project": "mm"}
        ]},
    )  # fmt: skip
    runner.train()
    runner.visualizer.close()
    (path,) = (tmp_path / "work").rglob("scalars.json")
    written = [json.loads(line) for line in path.read_text().splitlines()]
    logs = recorded()
    expected = {row["step"]: row["loss"] for row in written if "loss" in row}
    assert len(expected) == 4 and curve(logs, "loss") == expected
    assert described(logs).config["of_the_test"] == {"depth": 2}


@pytest.mark.integration("Ultralytics", packages=("ultralytics",), through="attach")
def test_ultralytics(torchvision, recorded, tmp_path, monkeypatch):
    from PIL import Image
    from ultralytics import YOLO

    from whet.track.integrations.ultralytics import attach

    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for number in range(4):
            folder = tmp_path / "data" / part / ("light" if number % 2 else "dark")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 100, (32, 32, 3)) + 100 * (number % 2)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    model = YOLO("yolo11n-cls.yaml")
    attach(model, project="yolo", name="yolo")
    model.train(
        data=str(tmp_path / "data"), epochs=2, imgsz=32, batch=4, device="cpu", workers=0, plots=False, verbose=False,
        project=str(tmp_path / "out"), amp=False,
    )  # fmt: skip
    (path,) = (tmp_path / "out").rglob("results.csv")
    written = rows(path)
    logs = recorded("yolo")
    for name in ("train/loss", "val/loss", "metrics/accuracy_top1"):
        found = curve(logs, name)
        assert np.allclose(
            [found[int(row["epoch"])] for row in written], [float(row[name]) for row in written], rtol=1e-3
        )
    assert described(logs).config["imgsz"] == 32


@pytest.mark.integration("Stable-Baselines3", packages=("stable-baselines3",), through="WhetCallback")
def test_stable_baselines3(recorded, tmp_path):
    from stable_baselines3 import PPO
    from stable_baselines3.common.logger import configure

    from whet.track.integrations.stable_baselines3 import WhetCallback

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=16, n_epochs=1, device="cpu", seed=0)
    model.set_logger(configure(str(tmp_path / "sb3"), ["csv"]))
    model.learn(96, callback=WhetCallback(project="rl"))
    logs = recorded()
    written = rows(tmp_path / "sb3" / "progress.csv")
    for name in ("train/loss", "rollout/ep_len_mean", "train/value_loss"):
        expected = {int(row["time/total_timesteps"]): float(row[name]) for row in written if row.get(name)}
        assert (
            expected
            and same(curve(logs, name).values(), expected.values())
            and curve(logs, name).keys() == expected.keys()
        )
    assert described(logs).config["algorithm"] == "PPO"


@pytest.mark.integration(
    "Stable-Baselines3, tensorboard_log (patched)", packages=("stable-baselines3", "tensorboard"),
    through='track.patch("tensorboard", only=True)',
)  # fmt: skip
def test_stable_baselines3_tensorboard(root, tmp_path):
    from stable_baselines3 import PPO

    from whet.track.reading.store import history

    with track.patch("tensorboard", only=True):
        model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=16, n_epochs=1, seed=0, device="cpu",
                    tensorboard_log="logs")  # fmt: skip
        model.learn(64)
    logs = history(root / "PPO_1")
    assert list(curve(logs, "rollout/ep_len_mean")) == [32, 64]
    assert not list(tmp_path.glob("logs/**/events*"))

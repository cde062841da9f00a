"""Keras 3 on each backend, in a process of its own, as a process has one backend: what `fit` returns is recorded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.track.integrations.conftest import curve, same

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPT = """
import json
import keras, numpy as np
from whet.track.integrations.keras import WhetCallback

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
X = np.random.default_rng(0).normal(size=(32, 3))
kept = model.fit(X, X[:, :1], epochs=3, batch_size=8, verbose=0, validation_split=0.25,
                 callbacks=[WhetCallback(batches=2, project="keras")])
print(json.dumps(kept.history))
"""


def _on(backend: str, package: str):
    mark = pytest.mark.integration(f"Keras 3 ({backend})", packages=("keras", package), through="WhetCallback")
    return pytest.param(backend, marks=mark, id=backend)


@pytest.mark.parametrize("backend", [_on("torch", "torch"), _on("jax", "jax"), _on("tensorflow", "tensorflow-cpu")])
def test_keras(recorded, tmp_path, backend):
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads(done.stdout.splitlines()[-1])
    logs = recorded()
    for name in ("loss", "mae", "val_loss", "val_mae"):
        assert curve(logs, name) == dict(enumerate(kept[name]))
    assert same(curve(logs, "learning_rate").values(), [0.05] * 3)
    assert list(curve(logs, "batch/loss")) == [2, 4, 6, 8]

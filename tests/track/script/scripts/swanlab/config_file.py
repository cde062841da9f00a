"""A config from a file, with entries added afterwards."""

import tempfile
from pathlib import Path

import whet.track as swanlab

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "config.yaml")
    path.write_text("lr: 0.1\nmodel: {layers: 2}\n")
    swanlab.init(project="config", config=str(path))
swanlab.config.update({"epochs": 3})
swanlab.config.batch_size = 8
assert swanlab.config["model"]["layers"] == 2 and swanlab.config.get("epochs") == 3
for step in range(swanlab.config.epochs):
    swanlab.log({"loss": 1 / (step + 1)}, print_to_console=False)
swanlab.finish()

"""Images of arrays in several forms, one by one and as a list."""

import numpy as np

import whet.track as swanlab

swanlab.init(project="images")
rng = np.random.default_rng(0)
for step in range(2):
    swanlab.log({"noise": swanlab.Image(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), caption=f"step {step}")})
swanlab.log({"gray": [swanlab.Image(rng.random((6, 6)), mode="L", file_type="png", size=256) for _ in range(2)]})
swanlab.finish()

"""Points in space, with and without colours."""

import numpy as np

import whet.track as swanlab

swanlab.init(project="points")
rng = np.random.default_rng(0)
swanlab.log({"plain": swanlab.Object3D(rng.random((20, 3)), caption="a cloud")})
colours = np.concatenate([rng.random((20, 3)), rng.integers(0, 255, (20, 3))], axis=1)
swanlab.log({"coloured": swanlab.Object3D(colours)})
swanlab.finish()

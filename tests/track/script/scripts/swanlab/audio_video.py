"""Sound and film."""

import numpy as np

import whet.track as swanlab

swanlab.init(project="sound", experiment_name="waves")
wave = np.sin(2 * np.pi * 440 * np.linspace(0, 0.1, 800, endpoint=False))
swanlab.log({"tone": swanlab.Audio(wave, sample_rate=8000, caption="a4")})
swanlab.log({"stereo": [swanlab.Audio(np.stack([wave, wave], axis=1), sample_rate=8000)]}, step=1)
swanlab.log({"film": swanlab.Video(np.zeros((2, 3, 4, 4), np.uint8), caption="black", fps=2)}, step=2)
swanlab.finish()

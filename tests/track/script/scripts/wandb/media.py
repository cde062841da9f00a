"""Pictures, sound, film, points, HTML and histograms in one call and in lists."""

import numpy as np

import whet.track as wandb

rng = np.random.default_rng(0)
wandb.init(project="media")
images = [wandb.Image(rng.random((8, 8, 3)), caption=f"image {n}") for n in range(3)]
wandb.log({"examples": images})
wandb.log(
    {
        "audio": wandb.Audio(np.sin(np.linspace(0, 9, 800)), sample_rate=8000, caption="tone"),
        "video": wandb.Video(rng.integers(0, 255, (4, 3, 8, 8), dtype=np.uint8), fps=4, format="gif"),
        "points": wandb.Object3D(rng.random((10, 3))),
        "page": wandb.Html("<h1>hello</h1>"),
        "gradients": wandb.Histogram(rng.normal(size=100)),
        "counts": wandb.Histogram(np_histogram=np.histogram([1, 2, 2, 3])),
        "mask": wandb.Image(
            rng.random((4, 4)), masks={"predictions": {"mask_data": [[0, 1], [1, 0]], "class_labels": {0: "a", 1: "b"}}}
        ),
        "loss": 0.5,
    }
)
wandb.finish()

"""Steps of a tiny model on ranks of a mesh, for tests that compare what they give."""

from __future__ import annotations

from collections.abc import Sequence

from tests.models.batches import packed, random_samples
from whet.parallel.world import World


def two_steps(train, world: World, lengths: Sequence[int]) -> list[tuple[float, float]]:
    """Loss and gradient norm of two steps of four micro-batches, of which each data rank has its own."""
    figures = []
    for step in range(2):
        samples = random_samples(lengths, 100, seed=step)
        batches = [packed([samples[i] for i in row]) for row in ([0, 1], [2, 3], [4], [5, 6])]
        mine = batches[world.index("data") :: world.count("data")]
        weights, _ = train.weigh(mine, {})
        told = train.step(step, mine, weights, 1.0)
        figures.append((told["loss"], told["grad_norm"]))
    return figures

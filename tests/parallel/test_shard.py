"""Sharded training is the training of one process (law 6), dummies included."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from tests.exact import LIMIT, exact
from tests.models.batches import packed, random_samples
from tests.ranks import on_ranks
from tests.sweeps import some
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.base.parallel import Parallel
from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.models.loading.context import BuildContext
from whet.models.probing.probes import Verdict
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.fill import fill
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.train.step.executor import DataParallel

# What finds out that a llama packs is tested elsewhere.
PROBED = Verdict(True, "chunked", (), True)
LENGTHS = [9, 17, 4, 23, 11, 6, 14]


def executor(world: World, parallel: Parallel, tied: bool = True, is_exact: bool = True) -> DataParallel:
    full = tuner.get("full").build()
    init = {**LLAMA, "vocab_size": 100, "tie_word_embeddings": tied}
    context = BuildContext(seed=3, tuner=full, verdict=PROBED)
    loaded = model_source.get("hf").build(context, init=init)
    if world.mesh is None:
        loaded = fill(loaded, world)
    if is_exact:
        exact(loaded)
    shard(loaded, world, parallel, ("whet_run",))
    loaded = fill(loaded, world)
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles), lr=1e-2))
    return DataParallel(world, Models(loaded.model), objective.get("sft").build(), update, loaded.module, 0, 0.5, None)


def dummy(batch: Batch) -> Batch:
    stream = batch.text
    still = type(stream)(stream.ids, stream.positions, stream.segments, stream.targets, stream.weights * 0)
    return Batch({"text": still}, batch.num_samples, {"weight": batch.fields["weight"] * 0})


def steps(rows: list[list[int]], parallel: Parallel, tied: bool = True) -> list[tuple[float, float]]:
    """Loss and gradient norm of four steps; `rows` are lists of samples, dealt in turn, idle ranks run a dummy."""
    world = World.start("cpu", 60)
    train = executor(world, parallel, tied)
    figures = []
    for step in range(4):
        samples = random_samples(LENGTHS, 100, seed=step)
        batches = [packed([samples[i] for i in row]) for row in rows]
        while len(batches) % world.count("data"):
            batches.append(dummy(batches[0]))
        mine = batches[world.index("data") :: world.count("data")]
        weights, _ = train.weigh(mine, {})
        result = train.step(step, mine, weights, 1.0)
        figures.append((result["loss"], result["grad_norm"]))
    world.close()
    return figures


def close(figures: list[tuple[float, float]], expected: list[tuple[float, float]]) -> bool:
    one, other = (torch.tensor(numbers, dtype=torch.float64) for numbers in (figures, expected))
    return torch.allclose(one, other, rtol=LIMIT, atol=0)


ALONE = [[0, 1, 2, 3, 4, 5, 6]]


@pytest.mark.ranks
@pytest.mark.parametrize(
    ("size", "zero", "tied"),
    some(product((2, 4), (3, 2), (True, False)), [(4, 3, True), (2, 2, False)]),
)
def test_sharded_loss_and_gradient_norm_equal_one_process(size, zero, tied):
    rows = {2: [[0, 1], [2, 3, 4], [5, 6]], 4: [[0, 1, 2], [3, 4, 5, 6]]}[size]
    expected = steps(ALONE, Parallel(), tied)
    for figures in on_ranks(size, steps, rows, Parallel(zero=zero), tied):
        assert close(figures, expected)


def test_any_split_into_micro_batches_gives_the_same_steps():
    expected = steps(ALONE, Parallel())
    for rows in ([[i] for i in range(7)], [[6, 0], [1, 5], [2], [3, 4]]):
        assert close(steps(rows, Parallel()), expected)


def test_a_dummy_changes_nothing():
    world = World(torch.device("cpu"))
    plain, padded = executor(world, Parallel()), executor(world, Parallel())
    batch = packed(random_samples(LENGTHS, 100))
    for train, batches in ((plain, [batch]), (padded, [batch, dummy(batch)])):
        train.step(0, batches, train.weigh(batches, {})[0], 1.0)
    for a, b in zip(plain.module.parameters(), padded.module.parameters(), strict=True):
        assert torch.equal(a, b)


def collectives() -> tuple:
    world = World.start("cpu", 60)
    own = world.index("all")
    found = (
        world.sums({"a": own + 0.5, "b": 1.0}), world.largest([own, -own]), world.agreed({"from": own}),
        world.is_writer, world.count("data"),
    )  # fmt: skip
    world.close()
    return found


@pytest.mark.ranks
def test_collectives_agree_on_all_ranks():
    first, second = on_ranks(2, collectives)
    assert first[:3] == second[:3] == ({"a": 2.0, "b": 2.0}, [1.0, 0.0], {"from": 0})
    assert (first[3:], second[3:]) == ((True, 2), (False, 2))

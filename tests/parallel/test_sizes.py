"""The sizes of a mesh: what multiplies to the number of processes, and the arithmetic where it does not."""

from __future__ import annotations

import pytest

from whet.base.errors import ConfigError
from whet.base.parallel import Parallel
from whet.parallel.sizes import mesh_sizes


@pytest.mark.parametrize(
    ("asked", "ranks", "sizes"),
    [
        ({}, 1, {}),
        ({}, 4, {"shard": 4}),
        ({"tensor": 2}, 2, {"tensor": 2}),
        ({"tensor": 2}, 8, {"shard": 4, "tensor": 2}),
        ({"replicate": 2}, 2, {"replicate": 2, "shard": 1}),
        ({"context": 2}, 2, {"shard": 1, "context": 2}),
        ({"tensor": 2, "context": 2, "replicate": 3}, 24, {"replicate": 3, "shard": 2, "context": 2, "tensor": 2}),
    ],
)
def test_what_the_config_leaves_is_sharded(asked, ranks, sizes):
    found = mesh_sizes(Parallel(**asked), ranks)
    assert found == sizes and list(found) == list(sizes)


@pytest.mark.parametrize(
    ("asked", "ranks", "says"),
    [
        ({"tensor": 3}, 4, "asks for tensor 3, and 4 processes run: 4 / 3 leaves a rest of 1"),
        (
            {"shard": 2, "tensor": 2},
            6,
            "asks for shard 2 x tensor 2 = 4, and 6 processes run: 6 / 4 leaves a rest of 2",
        ),
        ({"shard": 2}, 4, "asks for shard 2, and 4 processes run"),
        ({"tensor": 2}, 1, "asks for tensor 2, and 1 process runs: 1 / 2 leaves a rest of 1"),
    ],
)
def test_ranks_that_do_not_factor_are_refused_with_the_arithmetic(asked, ranks, says):
    with pytest.raises(ConfigError, match="^`parallel` " + says.replace("/", r"/")) as raised:
        mesh_sizes(Parallel(**asked), ranks)
    begins = "parallel.tensor=1, or --ranks " if ranks == 1 else "torchrun --nproc_per_node "
    assert raised.value.hint and raised.value.hint.startswith(begins)

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
        ({"tensor": 4, "context": 2}, 6, "asks for context 2 x tensor 4 = 8, and 6 processes run: 6 / 8 leaves a rest"),
        ({"tensor": 4, "context": 4}, 5, "asks for context 4 x tensor 4 = 16, and 5 processes run: 5 / 16 leaves"),
        ({"shard": 3, "tensor": 2}, 5, "asks for shard 3 x tensor 2 = 6, and 5 processes run: 5 / 6 leaves a rest"),
        ({"tensor": 2}, 1, "asks for tensor 2, and 1 process runs: 1 / 2 leaves a rest of 1"),
    ],
)
def test_ranks_that_do_not_factor_are_refused_with_the_arithmetic(asked, ranks, says):
    with pytest.raises(ConfigError, match="^`parallel` " + says.replace("/", r"/")) as raised:
        mesh_sizes(Parallel(**asked), ranks)
    least, _, change = str(raised.value.hint).rpartition(", or ")
    if ranks == 1:
        least, change = change, least
    changes = dict(word.removeprefix("parallel.").split("=") for word in change.split())
    sizes = {**asked, **{name: size if size == "auto" else int(size) for name, size in changes.items()}}
    assert mesh_sizes(Parallel(**sizes), ranks) or ranks == 1, "what the hint says does"
    assert mesh_sizes(Parallel(**asked), int(least.split()[1])), "and so do as many ranks"

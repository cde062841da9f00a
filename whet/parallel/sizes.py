"""How many ranks each axis of the mesh has, by the config and the number of processes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from whet.base.errors import ConfigError
from whet.base.launcher import world_size
from whet.base.mesh import ORDER
from whet.base.parallel import Parallel

SHARING = ("replicate", "shard", "context", "expert")  # whose ranks have samples or tokens of their own


def num_processes() -> int:
    """Processes that torchrun, or its like, has started for this run."""
    return world_size()


def asked_ranks(settings: Parallel) -> int:
    """The product of the sizes that the config names."""
    return math.prod(size for _, size in _named(settings))


def mesh_sizes(settings: Parallel, ranks: int) -> dict[str, int]:
    """The axes of a mesh of so many ranks, outermost first: those with several ranks, and `shard` wherever samples or
    tokens are shared. Raises ConfigError, with the arithmetic, where the sizes do not multiply to `ranks`."""
    sizes = dict(_named(settings))
    asked = math.prod(sizes.values())
    product = " x ".join(f"{name} {size}" for name, size in sizes.items() if size > 1) or "1"
    if ranks % asked or (settings.shard != "auto" and ranks != asked):
        sum_of_it = f"{product} = {asked}" if " x " in product else product
        rest = f": {ranks} / {asked} leaves a rest of {ranks % asked}" if ranks % asked else ""
        raise ConfigError(
            f"`parallel` asks for {sum_of_it}, and {ranks} process{'es run' if ranks > 1 else ' runs'}{rest}",
            at="parallel", hint=_hint(asked, sizes, ranks),
        )  # fmt: skip
    sizes["shard"] = ranks // asked * sizes.get("shard", 1)
    sharing = {"shard"} if any(sizes.get(name, 1) > 1 for name in SHARING) else set()
    return {name: sizes.get(name, 1) for name in ORDER if sizes.get(name, 1) > 1 or name in sharing}


def _hint(asked: int, sizes: Mapping[str, int], ranks: int) -> str:
    """So many ranks as would do, or sizes that these have."""
    if ranks == 1:
        alone = " ".join(f"parallel.{name}=1" for name, size in sizes.items() if size > 1)
        return f"{alone}, or --ranks {asked}"
    return f"--ranks {asked} (torchrun --nproc_per_node {asked}), or {_fitting(sizes, ranks)}"


def _fitting(sizes: Mapping[str, int], ranks: int) -> str:
    """The least change of the sizes that so many ranks have: another `shard`, or one axis that is smaller, or all."""
    others = {name: size for name, size in sizes.items() if name != "shard"}
    product, free = math.prod(others.values()), " parallel.shard=auto" if "shard" in sizes else ""
    if ranks % product == 0:
        return f"parallel.shard={ranks // product}"
    for name, size in others.items():
        for smaller in range(size - 1, 0, -1):
            if ranks % (product // size * smaller) == 0:
                return f"parallel.{name}={smaller}{free}"
    return " ".join(f"parallel.{name}=1" for name, size in others.items() if size > 1) + free


def shown(sizes: Mapping[str, int]) -> str:
    """The mesh in words."""
    return " x ".join(f"{name} {size}" for name, size in sizes.items()) or "one process"


def _named(settings: Parallel) -> list[tuple[str, int]]:
    return [(name, size) for name in ORDER if (size := getattr(settings, name)) != "auto"]

"""Side: the ranks of a world in a group of their own, for a thread that talks to them while the loop does too."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch.distributed as dist

from whet.parallel.world import World

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


@dataclass(frozen=True)
class Side:
    """The few agreements that work beside the loop needs, over all ranks. `group` is None where it is the loop itself
    that works, in the world's own group, or alone."""

    world: World
    group: ProcessGroup | None = None

    @classmethod
    def apart(cls, world: World, timeout_s: float) -> Side:
        """In a new group, over gloo: all ranks call it, in the same order."""
        if world.mesh is None:
            return cls(world)
        return cls(world, dist.new_group(backend="gloo", timeout=datetime.timedelta(seconds=timeout_s)))

    def gathered(self, value: Any) -> list[Any]:
        """The value of every rank, in order, on each of them. Values are pickled."""
        if self.group is None:
            return self.world.gathered(value, "all")
        box: list[Any] = [None] * self.group.size()
        dist.all_gather_object(box, value, group=self.group)
        return box

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.group is None:
            self.world.wait()
        else:
            dist.barrier(group=self.group)

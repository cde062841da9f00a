"""Side: the ranks of a world in a group of their own, for a thread that talks to them while the loop does too; and what
one of them cannot do, told to all."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch.distributed as dist

from whet.base.errors import WhetError
from whet.parallel.world import World

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup
T = TypeVar("T")
# What is to be said of an exception; None where it is of what other ranks say. Raises again what nobody foresaw.
Told = Callable[[BaseException], WhetError | None]


class RankFailed(WhetError):
    """What the first rank that failed said, on every rank. `rank` is None where all of them failed alike."""

    def __init__(self, error: WhetError, rank: int | None) -> None:
        where = "" if rank is None else f"rank {rank}: "
        super().__init__(f"{where}{error.message}", at=error.at, hint=error.hint)
        self.error, self.rank = error, rank

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.error, self.rank)


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

    def together(self, work: Callable[[], T], told: Told) -> T:
        """What `work` gives on this rank, once it has failed on none. Raises RankFailed on every rank where it has: one
        that alone raised would leave the others waiting for it."""
        own: WhetError | None = None
        try:
            done = work()
        except BaseException as error:
            own = told(error)
        every = self.gathered(own)
        failed = [(rank, one) for rank, one in enumerate(every) if one is not None]
        if failed:
            rank, first = failed[0]
            is_alike = len(failed) == len(every) and all(one.message == first.message for _, one in failed)
            raise RankFailed(first, None if is_alike else rank)
        return done

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.group is None:
            self.world.wait()
        else:
            dist.barrier(group=self.group)

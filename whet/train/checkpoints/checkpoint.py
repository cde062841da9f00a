"""Checkpoints: every stateful part by name, sharded, complete or not there at all.

A checkpoint is written into `step-00000500.partial/` and renamed when every rank's shards, the JSON and the manifest
are on disk (commit.py); a reader looks only at renamed folders (places.py, restoring.py). Tensors go through
torch.distributed.checkpoint, which loads them on any number of ranks; everything else is `state.json`. The manifest has
a digest of every file: what is not as it was written is named, and the newest whole checkpoint is taken.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import torch
from torch.distributed.checkpoint.api import CheckpointException

from whet.base.threads import Threads
from whet.contracts.steps import Stateful
from whet.parallel.side import Side
from whet.parallel.world import World
from whet.train.checkpoints.commit import Committer
from whet.train.checkpoints.manifest import Identity
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.checkpoints.places import place_of
from whet.train.checkpoints.restoring import Restorer
from whet.train.checkpoints.staging import Snapshot, Staging
from whet.train.checkpoints.tensor_names import OPTIMIZER, model_tensors

FORMAT = 2
# How long the end of a run that fails waits for a checkpoint under way.
_LAST_PATIENCE_S = 20.0


class Checkpoints:
    """Saves and restores the named parts of one run."""

    def __init__(
        self,
        folder: Path,
        module: torch.nn.Module,
        optimizer: NamedOptimizer,
        parts: Mapping[str, Stateful],
        world: World,
        keep: int,
        untouched: frozenset[str] = frozenset(),
        identity: Identity | None = None,
        timeout_s: float = 600.0,
    ) -> None:
        """Parameters that are `untouched` come from the model's own files again and are not stored.

        Only checkpoints of the run that `identity` tells are taken, and without digests only those it allows. What is
        written beside the loop waits `timeout_s` for another rank.
        """
        self._folder, self._module, self._optimizer = folder, module, optimizer
        self._parts, self._world = parts, world
        self._untouched, self._identity = untouched, identity
        self._committer = Committer(folder, world, keep, identity)
        self.notices: list[str] = []
        self._timeout_s, self._staging, self._beside = timeout_s, Staging(), Threads(1, "whet-checkpoint")
        self._apart: Side | None = None
        self._under_way: Future[Path] | None = None

    def save(self, step: int) -> Path | None:
        """Write the checkpoint of `step` on all ranks, then drop the oldest beyond `keep`; None where it lies already.

        Raises RunError on every rank when one of them cannot write; what was there before stays.
        """
        self.settle()
        return (
            None
            if place_of(self._folder, step).exists()
            else self._committer.commit(self._taken(step), Side(self._world))
        )

    def begin(self, step: int) -> None:
        """As `save`, but return once this rank's part is copied: a thread writes it, and `settle` tells how that ended.

        One is written at a time: this waits for the one before, and raises what that has to say.
        """
        self.settle()
        if place_of(self._folder, step).exists():
            return
        if self._apart is None:
            self._apart = Side.apart(self._world, self._timeout_s)
        taken = self._taken(step)
        taken = Snapshot(step, taken.state, self._staging.copied(taken.tensors))
        self._under_way = self._beside.submit(self._committer.commit, taken, self._apart)

    @property
    def is_under_way(self) -> bool:
        """Whether a checkpoint was begun and `settle` has not told of it."""
        return self._under_way is not None

    @property
    def has_written(self) -> bool:
        """Whether this rank is done with the checkpoint that was begun."""
        return self._under_way is not None and self._under_way.done()

    def settle(self) -> Path | None:
        """Wait until what was begun is written; its folder. Raises RunError, on every rank, where it could not be."""
        under_way, self._under_way = self._under_way, None
        return under_way.result() if under_way is not None else None

    def close(self) -> None:
        """Give what was begun a while to come to its end, whatever that is: a run that fails keeps it if it can."""
        if self._under_way is not None:
            with contextlib.suppress(Exception, CheckpointException):
                self._under_way.result(_LAST_PATIENCE_S)
        self._beside.close()

    def restore(self) -> int | None:
        """Load the newest whole checkpoint into all parts. Returns its step, or None when there is none.

        What is damaged is named in `notices`, and set aside. Raises RunError where nothing whole is left, for a
        checkpoint that does not fit the run, and where a rank cannot read what others can.
        """
        restorer = Restorer(
            self._folder, self._module, self._optimizer, self._parts, self._world, self._untouched, self._identity
        )
        step = restorer.restore()
        self.notices += restorer.notices
        return step

    def _taken(self, step: int) -> Snapshot:
        """What a checkpoint of the present holds. The tensors are the run's own, which the next step changes."""
        plain = {k: v for k, v in self._optimizer.state_dict().items() if not isinstance(v, torch.Tensor)}
        state = {
            "format": FORMAT,
            "step": step,
            "optimizer": {k: v for of_stage in self._world.gathered(plain, "stages") for k, v in of_stage.items()},
            "parts": {name: stateful.state_dict() for name, stateful in self._parts.items()},
        }
        return Snapshot(step, json.dumps(state), self._tensors())

    def _tensors(self) -> dict[str, torch.Tensor]:
        entries = self._optimizer.state_dict().items()
        return model_tensors(self._module, self._untouched) | {
            f"{OPTIMIZER}{k}": v for k, v in entries if isinstance(v, torch.Tensor)
        }

"""Blame: which rank's rows made a step's loss something else than a number, and which gradient was none."""

# N sequences

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch

from whet.contracts.batch import Batch
from whet.contracts.objective import LossParts
from whet.kernels.layout import local
from whet.parallel.world import World
from whet.train.record.batch_rows import rows_of_batch
from whet.train.step.inquiry import Seen, where_it_begins
from whet.train.step.losses import PartsRead

_SHOWN = 3


class Blame:
    """What each rank finds out about itself once the norm of all gradients is no number: it costs nothing before."""

    def __init__(self) -> None:
        self._own: list[str] = []
        self._gradients: list[str] = []
        self._again: Callable[[], Seen | None] | None = None

    def look(
        self,
        batches: Sequence[Batch],
        sums: Sequence[Mapping[str, torch.Tensor]],
        parts: Sequence[LossParts | None],
        module: torch.nn.Module,
        again: Callable[[], Seen | None] | None = None,
    ) -> None:
        """Look through this rank's micro-batches, with each one's terms and their parts, and through its gradients.

        `again` makes the passes of the step once more, watched (inquiry.py): all ranks do, or none.
        """
        self._again = again
        told = zip(batches, sums, parts, strict=True)
        self._own = [text for number, one in enumerate(told) for text in _told(number, len(batches), *one)]
        self._gradients = [
            name for name, p in module.named_parameters() if p.grad is not None and not _is_finite(p.grad)
        ]

    def told(self, world: World) -> str | None:
        """The ranks whose losses are no numbers, with the rows; where all losses are, the gradients that are not.
        There, and where ranks share the layers, the rank on which it begins. All ranks ask at once; it is said once."""
        found = world.gathered((self._own, self._gradients), "all")
        again, self._own, self._gradients, self._again = self._again, [], [], None
        ranks: dict[str, list[int]] = {}
        for rank, (own, _) in enumerate(found):
            if own:
                ranks.setdefault(_listed(own), []).append(rank)
        where = [
            f"on rank{'s' if len(who) > 1 else ''} {', '.join(map(str, who))} {told}" for told, who in ranks.items()
        ]
        if len(found) == 1:
            where = list(ranks)
        if where and not (again and world.shares_layers):
            return "; ".join(where)
        names = sorted({name for _, gradients in found for name in gradients})
        if not where and not names:
            return None
        if not where:
            where = [f"every loss is a number, and the gradient of {_listed([f'`{n}`' for n in names])} is not"]
        return "; ".join([*where, *([where_it_begins(world, again())] if again else [])])


def _told(
    number: int, num_batches: int, batch: Batch, sums: Mapping[str, torch.Tensor], parts: LossParts | None
) -> Iterator[str]:
    """What of a micro-batch is no number: the term, and the rows where it is known which they are."""
    broken = [name for name, value in sums.items() if not bool(value.isfinite().all())]
    if not broken:
        return
    rows = list(_rows(batch, parts))
    of = f" of {_listed(rows)}" if rows else ""
    which = f" (micro-batch {number + 1} of {num_batches})" if num_batches > 1 else ""
    yield f"`{broken[0]}`{of} is {float(sums[broken[0]].double().sum()):g}{which}"


def _rows(batch: Batch, parts: LossParts | None) -> Iterator[str]:
    """The rows whose own part of the loss is no number, by source and row; all of them where no parts are told."""
    if parts is None:
        found, is_broken_N = rows_of_batch(batch, 0, 0, None), np.ones(batch.num_samples, bool)
    else:  # what of each row is no number, in place of its loss: sums over tokens would carry one into the next row
        are_broken = (~parts.values.detach().reshape(-1).isfinite()).float().cpu().numpy()
        found = rows_of_batch(batch, 0, 0, PartsRead(parts.of, are_broken))
        is_broken_N = found.columns["loss"] > 0
    for index in np.flatnonzero(is_broken_N).tolist():
        if (source := found.sources[index]) is not None:
            yield f"{source} row {found.columns['row'][index]}"


def _is_finite(gradient: torch.Tensor) -> bool:
    return bool(local(gradient).isfinite().all())


def _listed(texts: Sequence[str]) -> str:
    once = list(dict.fromkeys(texts))
    more = f" and {len(once) - _SHOWN} more" if len(once) > _SHOWN else ""
    return f"{', '.join(once[:_SHOWN])}{more}"

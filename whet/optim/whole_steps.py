"""Steps of whole tensors: a whole rule gives each a direction, on the rank that owns it where it is sharded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from whet.base.at_once import at_once
from whet.kernels.layout import gradient, local
from whet.kernels.wide import wide
from whet.optim.direction import Direction, assembled
from whet.optim.owners import Owners
from whet.optim.row_steps import RowSteps
from whet.optim.rules import At, Descend, Whole, WholeRule


class WholeSteps:
    """Steps the parameters of `rows` by a rule. All ranks that share tensors make one together: it deals owners."""

    def __init__(self, rows: RowSteps, rule: WholeRule) -> None:
        self._rows, self._rule, self._descend = rows, rule, Descend(rule.decay_form)
        # Of tensors that are sharded, by the ranks on which their shards lie.
        alike: dict[Any, list[Any]] = defaultdict(list)
        for place in rows.places.values():
            if not place.own.is_whole:
                alike[place.own.spread].append(place.named.parameter)
        self._owners = {spread: Owners(parameters) for spread, parameters in alike.items()}

    def move(self, parameters: Sequence[Any], at: At) -> None:
        """Step the parameters by their gradients."""
        dealt: dict[Owners | None, list[Any]] = defaultdict(list)
        for parameter in parameters:
            dealt[self._owners_of(parameter)].append(parameter)
        for owners, members in dealt.items():
            squares = self._squares(members, owners) if self._rule.needs_weights else {}
            if owners is None:
                self._move_here(members, squares, at)
            else:
                self._move_at_owners(members, owners, squares, at)

    def is_here(self, parameter: Tensor) -> bool:
        """Whether this rank has the rule's state of the tensor."""
        owners = self._owners_of(parameter)
        return owners is None or owners.owns(parameter)

    def _owners_of(self, parameter: Tensor) -> Owners | None:
        return self._owners.get(self._rows.places[id(parameter)].own.spread)

    def _move_here(self, parameters: Sequence[Any], squares: Mapping[int, Tensor], at: At) -> None:
        """Step what lies whole on this rank."""
        for batch in _alike(parameters):
            directions = self._directions(batch, [gradient(p) for p in batch], squares, at)
            for parameter, direction in zip(batch, directions, strict=True):
                self._descend_one(parameter, direction, at)

    def _move_at_owners(self, parameters: Sequence[Any], owners: Owners, squares: Mapping[int, Tensor], at: At) -> None:
        for taken in owners.rounds(parameters):
            grads = owners.gather(taken)
            found: dict[int, Tensor] = {}
            for batch in _alike([p for p in taken if id(p) in grads]):
                directions = self._directions(batch, [grads.pop(id(p)) for p in batch], squares, at)
                found.update((id(p), assembled(d, p)) for p, d in zip(batch, directions, strict=True))
            self._rows.descend(self._descend, taken, owners.scatter(taken, found), at)

    def _directions(
        self, batch: Sequence[Tensor], grads: Sequence[Tensor], squares: Mapping[int, Tensor], at: At
    ) -> Iterator[Direction]:
        rows = self._rows
        wholes = [
            Whole(rows.places[id(p)].named, g.to(wide(p.dtype)), rows.state[p], rows.seed, squares.get(id(p)))
            for p, g in zip(batch, grads, strict=True)
        ]
        return self._rule.directions(wholes, at)

    def _descend_one(self, parameter: Tensor, direction: Direction, at: At) -> None:
        weight = local(parameter.detach())
        if weight.dtype == wide(weight.dtype):
            self._descend.descend(weight, direction, at)
        else:
            self._rows.descend(self._descend, [parameter], [assembled(direction, weight)], at)

    def _squares(self, parameters: Sequence[Tensor], owners: Owners | None) -> dict[int, Tensor]:
        """The sum of squares of each weight, over the ranks that hold its shards, in one collective."""
        norms = torch._foreach_norm([local(p.detach()) for p in parameters], 2.0, dtype=wide(parameters[0].dtype))
        sums = torch.stack(norms).square()
        if owners is not None:
            owners.layout.combine(sums)
        return dict(zip(map(id, parameters), sums.unbind(), strict=True))


def _alike(parameters: Sequence[Any]) -> Iterator[list[Any]]:
    """Parameters of one shape and dtype, in lists of as many elements as are taken at once (or of one)."""
    kinds: dict[Any, list[Any]] = defaultdict(list)
    for parameter in parameters:
        kinds[parameter.shape, parameter.dtype].append(parameter)
    for members in kinds.values():
        limit = at_once(members[0].device.type).matrix_numbers
        step = max(1, limit // max(1, members[0].numel()))
        for first in range(0, len(members), step):
            yield members[first : first + step]

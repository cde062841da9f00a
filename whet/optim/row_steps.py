"""Steps by rows: a row rule over chunks of parameters, whose state is decoded, moved and stored again chunk by chunk.

A step's temporaries do not grow with the model, and what ranks hold of a tensor is stepped where it lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from whet.kernels.layout import Layout, gradient, local
from whet.kernels.wide import wide
from whet.optim import codecs
from whet.optim.codecs import Entry, Format
from whet.optim.groups import NamedParameter
from whet.optim.rounding import key_of, round_stochastically, round_with_residual
from whet.optim.row_chunks import RESIDUAL, RowChunk, RowShard, buckets, chunk_limit, row_shard
from whet.optim.rules import At, Tensors

PORTION = 4  # chunks that a rule prepares together


@dataclass(frozen=True, slots=True)
class Placement:
    """A parameter with its name, the layout in which it lies (`own`), and that in which its state lies and steps are
    made (`stepped`)."""

    named: NamedParameter
    own: Layout
    stepped: Layout


@dataclass(frozen=True, slots=True)
class RowSteps:
    """Steps rows of the parameters at `places` (by identity), whose moments lie in `state` in a `format`.

    `rule` is the optimizer's: it says of what shape moments are. Others may step beside it: one whose gradients are the
    directions of a whole rule, one that gives weights to evaluate with.
    """

    places: Mapping[int, Placement]
    state: Mapping[Tensor, dict[str, Any]]
    rule: Any
    format: Format
    seed: int

    def move(self, rule: Any, parameters: Sequence[Tensor], at: At) -> None:
        """Step the parameters by their gradients."""
        for portion in self._portions(rule, parameters):
            shards = [self.shard(rule, parameter, gradient(parameter)) for parameter in portion]
            ready = rule.prepare(shards)
            for bucket in buckets(ready, portion[0].device):
                self._advance(rule, bucket, at)
            rule.finish(shards, ready)
            self._settle(shards)

    def descend(self, rule: Any, parameters: Sequence[Tensor], directions: Sequence[Tensor], at: At) -> None:
        """Step parameters that lie where they are stepped by `directions`, of their local shapes."""
        shards = [self.shard(rule, p, direction) for p, direction in zip(parameters, directions, strict=True)]
        for bucket in buckets(shards, parameters[0].device):
            self._advance(rule, bucket, at)

    def evaluate(self, rule: Any, parameters: Iterable[Tensor]) -> None:
        """Have the rule move weights that nothing is remembered of."""
        for parameter in parameters:
            shards = [self.shard(rule, parameter, local(parameter.detach()))]
            for bucket in buckets(shards, parameter.device):
                weights = [_weights(chunk) for chunk in bucket]
                rule.advance(weights, [], self.read(rule, bucket), At(0.0, 0.0, 0))
                for chunk, value in zip(bucket, weights, strict=True):
                    chunk.shard.weight[chunk.at].copy_(value)
            self._settle(shards)

    def shard(self, rule: Any, parameter: Tensor, grad: Any) -> RowShard:
        """What this rank holds of a parameter, with the moments that the rule knows."""
        place, names = self.places[id(parameter)], {RESIDUAL, *(entry.name for entry in rule.entries)}
        return row_shard(place.named, place.own, place.stepped, self.state[parameter], grad, names)

    def read(self, rule: Any, bucket: Sequence[RowChunk]) -> dict[str, Tensors]:
        """Each moment's rows, and what the rule prepared, in lists parallel to the bucket."""
        state = {
            entry.name: [codecs.read(c.shard.kept, entry, self._stored(c, entry), c.at) for c in bucket]
            for entry in rule.entries
        }
        return state | {name: [c.shard.rows[name][c.at] for c in bucket] for name in bucket[0].shard.rows}

    def write(self, rule: Any, bucket: Sequence[RowChunk], state: Mapping[str, Tensors], step: int) -> None:
        """Store those that `read` gave and the rule changed; numbers of 32 bits are the stored ones already."""
        if self.format == "fp32":
            return
        for entry in (entry for entry in rule.entries if entry.name in state):
            for chunk, value in zip(bucket, state[entry.name], strict=True):
                key = key_of(self.seed, entry.name, chunk.shard.named.name, step) if self.format == "bf16" else 0
                codecs.write(chunk.shard.kept, entry, self._stored(chunk, entry), value, chunk.at, chunk.start, key)

    def _portions(self, rule: Any, parameters: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
        """What is prepared together: of what is sharded everything, in one collective; else, and where weights are
        stepped in another layout, a few chunks' worth, so that what is copied is a small part of the model."""
        here: list[Tensor] = []
        moved: list[Tensor] = []
        for parameter in parameters:
            place = self.places[id(parameter)]
            (here if place.stepped is place.own else moved).append(parameter)
        if here and (not rule.has_prepare or isinstance(here[0], DTensor)):
            yield here
        else:
            yield from _few(here)
        yield from _few(moved)

    def _settle(self, shards: Sequence[RowShard]) -> None:
        """Bring weights that were stepped in another layout back to where they lie."""
        for stepped in shards:
            parameter = stepped.named.parameter
            own = self.places[id(parameter)].own
            if stepped.layout is not own:
                local(parameter.detach()).copy_(stepped.layout.moved(stepped.weight, own))

    def _advance(self, rule: Any, bucket: Sequence[RowChunk], at: At) -> None:
        """Decode the rows' weights and state, let the rule move them, and write back what is not stored as computed."""
        weights, state = [_weights(chunk) for chunk in bucket], self.read(rule, bucket)
        grads = [c.shard.grad[c.at].to(w.dtype) for c, w in zip(bucket, weights, strict=True)]
        rule.advance(weights, grads, state, at)
        self.write(rule, bucket, state, at.step)
        for chunk, value in zip(bucket, weights, strict=True):
            if chunk.shard.weight.dtype != value.dtype:
                self._put(chunk, value, at)

    def _stored(self, chunk: RowChunk, entry: Entry) -> codecs.Stored:
        return codecs.stored_as(self.rule.kept_shape(chunk.shard.named.parameter.shape), self.format, entry)

    def _put(self, chunk: RowChunk, value: Tensor, at: At) -> None:
        rows = chunk.shard.weight[chunk.at]
        if RESIDUAL in chunk.shard.kept:
            round_with_residual(rows, chunk.shard.kept[RESIDUAL][chunk.at], value)
        elif rows.dtype == torch.bfloat16:
            key = key_of(self.seed, "weight", chunk.shard.named.name, at.step)
            round_stochastically(rows, value, chunk.start, key)
        else:
            rows.copy_(value)


def _few(parameters: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    if not parameters:
        return
    limit = PORTION * chunk_limit(parameters[0].device)
    taken: list[Tensor] = []
    for parameter in parameters:
        if taken and sum(p.numel() for p in taken) + parameter.numel() > limit:
            yield taken
            taken = []
        taken.append(parameter)
    yield taken


def _weights(chunk: RowChunk) -> Tensor:
    """The rows as numbers to compute with: themselves where they are wide enough."""
    rows = chunk.shard.weight[chunk.at]
    if RESIDUAL in chunk.shard.kept:
        return rows.float() + chunk.shard.kept[RESIDUAL][chunk.at].float()
    return rows.to(wide(rows.dtype))

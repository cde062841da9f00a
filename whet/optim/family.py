"""The optimizer that every kind of the family is: groups of parameters, one rule, a state format, and a turn.

A step visits rows in small pieces, so its temporaries do not grow with the model. State is plain tensors under the
parameter: they load with `weights_only=True`, shard with their parameter or lie with its owner, and resume bit for bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from whet.contracts.optimizer import Optimizer
from whet.kernels.layout import Layout, gradient, local
from whet.kernels.wide import wide
from whet.optim import codecs
from whet.optim.blocks import Turns
from whet.optim.codecs import Entry, Format
from whet.optim.direction import Direction, assembled
from whet.optim.groups import NamedParameter, ParamGroups
from whet.optim.owners import Owners
from whet.optim.rounding import key_of, round_stochastically, round_with_residual
from whet.optim.row_chunks import RESIDUAL, Leaf, Piece, buckets, check_layout, leaf, piece_limit
from whet.optim.rules import At, Descend, Rule, Whole, WholeRule

# Elements of matrices of one shape that a whole rule takes at once. A CPU gains where they are tiny; larger ones it
# multiplies as fast singly, without a stack of copies.
WHOLE = {"cpu": 1 << 16, "cuda": 1 << 24}
PORTION = 4  # pieces that a rule prepares together


class Family(Optimizer):
    """Steps `groups` by `rule`. `parameter_groups` are torch groups over the same parameters.

    `clock` counts steps; with `turns` only the parameters whose turn it is are trained.
    """

    clock: int

    def __init__(
        self,
        groups: ParamGroups,
        parameter_groups: list[dict[str, Any]],
        rule: Rule,
        *,
        lr: float,
        state: Format = "fp32",
        turns: Turns | None = None,
    ) -> None:
        layouts = {id(m.parameter): Layout.of(m.parameter) for m in groups.members}
        for member in groups.members:
            check_layout(member, layouts[id(member.parameter)])
        super().__init__(parameter_groups, {"lr": lr})
        self.rule: Any = rule
        self.format, self.turns, self.clock = state, turns, 0
        self._seed, self._rounding = groups.seed, groups.rounding
        self._named = {id(m.parameter): m for m in groups.members}
        self._is_whole = isinstance(rule, WholeRule)
        self._layouts = layouts
        # Where state lies, and steps are made.
        self._stepped = {
            key: layout.by_rows() if self._needs_rows(layout) else layout for key, layout in layouts.items()
        }
        self._owners = self._dealt() if self._is_whole else {}

    def begin_step(self) -> None:
        """Freeze what is not trained in this step, and forget the state of what was."""
        if self.turns is None:
            return
        for member in self._named.values():
            is_active = self.turns.is_active(member, self.clock)
            if not isinstance(member.parameter, DTensor):  # FSDP2 reads requires_grad once, when it shards
                member.parameter.requires_grad_(is_active)
            if not is_active:
                member.parameter.grad = None
                self.state.pop(member.parameter, None)

    def after_backward(self) -> None:
        """Remove gradients of parameters that are not trained in this step."""
        if self.turns is None:
            return
        for member in self._named.values():
            if not self.turns.is_active(member, self.clock):
                member.parameter.grad = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        self.begin_step()
        for group in self.param_groups:
            self.update(group, [p for p in group["params"] if p.grad is not None])
        self.clock += 1

    @torch.no_grad()
    def update(self, group: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
        """Step these parameters of `group`, whatever the others do."""
        alike: dict[tuple[Any, ...], list[Tensor]] = defaultdict(list)
        for parameter in parameters:
            state = self._state(parameter)
            state["step"] += 1
            alike[tuple(v for v in state.values() if not isinstance(v, Tensor))].append(parameter)
        for members in alike.values():
            at = At(group["lr"], group.get("weight_decay", 0.0), self.state[members[0]]["step"])
            at = self.rule.account([self.state[p] for p in members], at)
            move = self._move_whole if self._is_whole else self._move_rows
            move(members, at)

    def _needs_rows(self, layout: Layout) -> bool:
        """Whether rows must be whole to be stepped: the rule says so, or blocks of 8 bits run along them."""
        if self._is_whole:
            return False
        shape = self.rule.kept_shape(layout.shape)
        stored = [codecs.stored_as(shape, self.format, entry) for entry in self.rule.entries]
        return self.rule.needs_rows or any(kind.format == "8bit" for kind in stored)

    def _dealt(self) -> dict[Any, Owners]:
        """Owners for the tensors that lie in pieces, by the ranks on which the pieces lie."""
        alike: dict[Any, list[Any]] = defaultdict(list)
        for member in self._named.values():
            layout = self._layouts[id(member.parameter)]
            if not layout.is_whole:
                alike[layout.spread].append(member.parameter)
        return {spread: Owners(parameters) for spread, parameters in alike.items()}

    def _owners_of(self, parameter: Tensor) -> Owners | None:
        return self._owners.get(self._layouts[id(parameter)].spread)

    def _move_rows(self, parameters: Sequence[Tensor], at: At) -> None:
        for portion in self._portions(parameters):
            leaves = [self._leaf(self.rule, p, gradient(p)) for p in portion]
            ready = self.rule.prepare(leaves)
            for bucket in buckets(ready, portion[0].device):
                self._advance(self.rule, bucket, at)
            self.rule.finish(leaves, ready)
            self._settle(leaves)

    def _settle(self, leaves: Sequence[Leaf]) -> None:
        """Bring weights that were stepped in another layout back to where they lie."""
        for stepped in leaves:
            parameter = stepped.named.parameter
            own = self._layouts[id(parameter)]
            if stepped.layout is not own:
                local(parameter.detach()).copy_(stepped.layout.moved(stepped.weight, own))

    def _portions(self, parameters: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
        """What is prepared together: of what lies in pieces everything, in one collective; else, and where weights are
        stepped in another layout, a few pieces' worth, so that what is copied is a small part of the model."""
        here: list[Tensor] = []
        moved: list[Tensor] = []
        for parameter in parameters:
            key = id(parameter)
            (here if self._stepped[key] is self._layouts[key] else moved).append(parameter)
        if here and (not self.rule.has_prepare or isinstance(here[0], DTensor)):
            yield here
        else:
            yield from self._few(here)
        yield from self._few(moved)

    def _few(self, parameters: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
        if not parameters:
            return
        limit = PORTION * piece_limit(parameters[0].device)
        taken: list[Tensor] = []
        for parameter in parameters:
            if taken and sum(p.numel() for p in taken) + parameter.numel() > limit:
                yield taken
                taken = []
            taken.append(parameter)
        yield taken

    def _leaf(self, rule: Any, parameter: Tensor, grad: Any) -> Leaf:
        names, key = {RESIDUAL, *(entry.name for entry in rule.entries)}, id(parameter)
        return leaf(self._named[key], self._layouts[key], self._stepped[key], self.state[parameter], grad, names)

    def _move_whole(self, parameters: Sequence[Any], at: At) -> None:
        dealt: dict[Owners | None, list[Any]] = defaultdict(list)
        for parameter in parameters:
            dealt[self._owners_of(parameter)].append(parameter)
        for owners, members in dealt.items():
            squares = self._squares(members, owners) if self.rule.needs_weights else {}
            if owners is None:
                self._move_here(members, squares, at)
            else:
                self._move_at_owners(members, owners, squares, at)

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
            self._descend(taken, owners.scatter(taken, found), at)

    def _directions(
        self, batch: Sequence[Tensor], grads: Sequence[Tensor], squares: Mapping[int, Tensor], at: At
    ) -> Iterator[Direction]:
        wholes = [
            Whole(self._named[id(p)], g.to(wide(p.dtype)), self.state[p], self._seed, squares.get(id(p)))
            for p, g in zip(batch, grads, strict=True)
        ]
        return self.rule.directions(wholes, at)

    def _descend_one(self, parameter: Tensor, direction: Direction, at: At) -> None:
        weight = local(parameter.detach())
        if weight.dtype == wide(weight.dtype):
            Descend(self.rule.decay_form).descend(weight, direction, at)
        else:
            self._descend([parameter], [assembled(direction, weight)], at)

    def _descend(self, parameters: Sequence[Tensor], directions: Sequence[Tensor], at: At) -> None:
        descend = Descend(self.rule.decay_form)
        leaves = [self._leaf(descend, p, d) for p, d in zip(parameters, directions, strict=True)]
        for bucket in buckets(leaves, parameters[0].device):
            self._advance(descend, bucket, at)

    def _advance(self, rule: Any, bucket: Sequence[Piece], at: At) -> None:
        """Decode the rows' weights and state, let the rule move them, and write back what is not stored as computed."""
        weights, state = [_weights(piece) for piece in bucket], self._read(rule, bucket)
        grads = [p.leaf.grad[p.at].to(w.dtype) for p, w in zip(bucket, weights, strict=True)]
        rule.advance(weights, grads, state, at)
        self._write(rule, bucket, state, at.step)
        for piece, value in zip(bucket, weights, strict=True):
            if not _is_wide(value, piece):
                self._put(piece, value, at)

    def _read(self, rule: Any, bucket: Sequence[Piece]) -> dict[str, list[Tensor]]:
        """Each moment's rows, and what the rule prepared, in lists parallel to the bucket."""
        state = {
            entry.name: [codecs.read(p.leaf.kept, entry, self._stored(p, entry), p.at) for p in bucket]
            for entry in rule.entries
        }
        return state | {name: [p.leaf.rows[name][p.at] for p in bucket] for name in bucket[0].leaf.rows}

    def _write(self, rule: Any, bucket: Sequence[Piece], state: Mapping[str, list[Tensor]], step: int) -> None:
        """Store those that `_read` gave and the rule changed; numbers of 32 bits are the stored ones already."""
        if self.format == "fp32":
            return
        for entry in (entry for entry in rule.entries if entry.name in state):
            for piece, value in zip(bucket, state[entry.name], strict=True):
                key = key_of(self._seed, entry.name, piece.leaf.named.name, step) if self.format == "bf16" else 0
                codecs.write(piece.leaf.kept, entry, self._stored(piece, entry), value, piece.at, piece.start, key)

    def _stored(self, piece: Piece, entry: Entry) -> codecs.Stored:
        return codecs.stored_as(self.rule.kept_shape(piece.leaf.named.parameter.shape), self.format, entry)

    def _put(self, piece: Piece, value: Tensor, at: At) -> None:
        rows = piece.leaf.weight[piece.at]
        if RESIDUAL in piece.leaf.kept:
            round_with_residual(rows, piece.leaf.kept[RESIDUAL][piece.at], value)
        elif rows.dtype == torch.bfloat16:
            key = key_of(self._seed, "weight", piece.leaf.named.name, at.step)
            round_stochastically(rows, value, piece.start, key)
        else:
            rows.copy_(value)

    def _squares(self, parameters: Sequence[Tensor], owners: Owners | None) -> dict[int, Tensor]:
        """The sum of squares of each weight, over the ranks that hold its pieces, in one collective."""
        norms = torch._foreach_norm([local(p.detach()) for p in parameters], 2.0, dtype=wide(parameters[0].dtype))
        sums = torch.stack(norms).square()
        if owners is not None:
            owners.layout.combine(sums)
        return dict(zip(map(id, parameters), sums.unbind(), strict=True))

    def _state(self, parameter: Tensor) -> dict[str, Any]:
        state = self.state[parameter]
        if "step" not in state:
            state["step"] = 0
            state.update(self._begin(self._named[id(parameter)]))
        return state

    def _begin(self, named: NamedParameter) -> dict[str, Any]:
        parameter, layout = named.parameter, self._stepped[id(named.parameter)]
        device, shape = local(parameter.detach()).device, layout.local_shape
        state: dict[str, Any] = {}
        if parameter.dtype == torch.bfloat16 and self._rounding == "kahan":
            state[RESIDUAL] = layout.whole(torch.zeros(shape, dtype=parameter.dtype, device=device))
        if self._is_whole:
            if self._is_here(parameter):
                state.update(self.rule.begin(named, device))
            return state
        kept = self.rule.kept_shape(layout.shape)
        for entry in self.rule.entries:
            stored = codecs.stored_as(kept, self.format, entry)
            made = codecs.begin(entry, self.rule.kept_shape(shape), stored, wide(parameter.dtype), device)
            state.update({name: layout.whole(piece, self._size(layout, piece)) for name, piece in made.items()})
        return state | self.rule.begin_rows(named, device)

    def _size(self, layout: Layout, piece: Tensor) -> Sequence[int]:
        """The global size of a state tensor of which this is the piece: where it has not the parameter's shape, its
        rows are the parameter's, and whole."""
        if layout.is_whole:
            return piece.shape
        return layout.shape if piece.shape == layout.local_shape else (layout.shape[0], *piece.shape[1:])

    def _is_here(self, parameter: Tensor) -> bool:
        """Whether this rank has the state of a tensor that is stepped whole."""
        owners = self._owners_of(parameter)
        return owners is None or owners.owns(parameter)

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        """A tensor to load the state entry `key` into: in pieces, with the owner, or nothing on another rank."""
        device = local(parameter.detach()).device
        if key in self.rule.replicated or (self._is_whole and key != RESIDUAL):
            return torch.empty(size, dtype=dtype, device=device) if self._is_here(parameter) else None
        return self._stepped[id(parameter)].blank(size, dtype, device)

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, parameters hold the weights that the rule evaluates with; afterwards their own bits again."""
        evaluate = self.rule.evaluate
        if evaluate is None:
            yield
            return
        kept = {p: local(p.detach()).clone() for p in self.state}
        try:
            self._evaluate(evaluate, kept)
            yield
        finally:
            for parameter, bits in kept.items():
                local(parameter.detach()).copy_(bits)

    @torch.no_grad()
    def _evaluate(self, rule: Any, parameters: Iterable[Tensor]) -> None:
        for parameter in parameters:
            leaves = [self._leaf(rule, parameter, local(parameter.detach()))]
            for bucket in buckets(leaves, parameter.device):
                weights = [_weights(piece) for piece in bucket]
                rule.advance(weights, [], self._read(rule, bucket), At(0.0, 0.0, 0))
                for piece, value in zip(bucket, weights, strict=True):
                    piece.leaf.weight[piece.at].copy_(value)
            self._settle(leaves)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "clock": self.clock}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state as it is: torch's own loader would turn it into the parameters' dtype."""
        self.clock = state_dict["clock"]
        parameters = [p for group in self.param_groups for p in group["params"]]
        numbers = [n for group in state_dict["param_groups"] for n in group["params"]]
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({k: v for k, v in saved.items() if k != "params"})
        for parameter, number in zip(parameters, numbers, strict=True):
            stored = state_dict["state"].get(number)
            if stored is not None:
                self.state[parameter] = {k: v.clone() if isinstance(v, Tensor) else v for k, v in stored.items()}


def _weights(piece: Piece) -> Tensor:
    """The rows as numbers to compute with: themselves where they are wide enough."""
    rows = piece.leaf.weight[piece.at]
    if RESIDUAL in piece.leaf.kept:
        return rows.float() + piece.leaf.kept[RESIDUAL][piece.at].float()
    return rows.to(wide(rows.dtype))


def _is_wide(value: Tensor, piece: Piece) -> bool:
    return piece.leaf.weight.dtype == value.dtype


def _alike(parameters: Sequence[Any]) -> Iterator[list[Any]]:
    """Parameters of one shape and dtype, in lists of at most `WHOLE` elements (or of one)."""
    kinds: dict[Any, list[Any]] = defaultdict(list)
    for parameter in parameters:
        kinds[parameter.shape, parameter.dtype].append(parameter)
    for members in kinds.values():
        limit = WHOLE.get(members[0].device.type, WHOLE["cuda"])
        step = max(1, limit // max(1, members[0].numel()))
        for first in range(0, len(members), step):
            yield members[first : first + step]

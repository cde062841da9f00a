"""The optimizer that every kind of the family is: groups of parameters, one rule, a state format, and a turn.

Steps are made by rows (`whet.optim.row_steps`) or of whole tensors (`whet.optim.whole_steps`). State is plain tensors
under the parameter: they load with `weights_only=True`, shard with their parameter or lie with its owner, and resume
bit for bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from whet.contracts.optimizer import Optimizer
from whet.kernels.layout import Layout, local
from whet.kernels.wide import wide
from whet.optim import codecs
from whet.optim.blocks import Turns
from whet.optim.codecs import Format
from whet.optim.groups import NamedParameter, ParamGroups
from whet.optim.row_chunks import RESIDUAL, check_layout
from whet.optim.row_steps import Placement, RowSteps
from whet.optim.rules import At, RowRule, Rule, WholeRule
from whet.optim.whole_steps import WholeSteps


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
        layouts = [Layout.of(member.parameter) for member in groups.members]
        for member, layout in zip(groups.members, layouts, strict=True):
            check_layout(member, layout)
        super().__init__(parameter_groups, {"lr": lr})
        self.rule: Any = rule
        self.format, self.turns, self.clock = state, turns, 0
        self._rounding = groups.rounding
        places = {
            id(member.parameter): Placement(member, layout, _stepped(rule, state, layout))
            for member, layout in zip(groups.members, layouts, strict=True)
        }
        self._rows = RowSteps(places, self.state, rule, state, groups.seed)
        self._wholes = WholeSteps(self._rows, rule) if isinstance(rule, WholeRule) else None

    def begin_step(self) -> None:
        """Freeze what is not trained in this step, and forget the state of what was."""
        if self.turns is None:
            return
        for member in self._members():
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
        for member in self._members():
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
            if self._wholes is not None:
                self._wholes.move(members, at)
            else:
                self._rows.move(self.rule, members, at)

    def _members(self) -> Iterator[NamedParameter]:
        return (place.named for place in self._rows.places.values())

    def _state(self, parameter: Tensor) -> dict[str, Any]:
        state = self.state[parameter]
        if "step" not in state:
            state["step"] = 0
            state.update(self._begin(self._rows.places[id(parameter)]))
        return state

    def _begin(self, place: Placement) -> dict[str, Any]:
        parameter, layout = place.named.parameter, place.stepped
        device, shape = local(parameter.detach()).device, layout.local_shape
        state: dict[str, Any] = {}
        if parameter.dtype == torch.bfloat16 and self._rounding == "kahan":
            state[RESIDUAL] = layout.whole(torch.zeros(shape, dtype=parameter.dtype, device=device))
        if self._wholes is not None:
            if self._wholes.is_here(parameter):
                state.update(self.rule.begin(place.named, device))
            return state
        kept = self.rule.kept_shape(layout.shape)
        for entry in self.rule.entries:
            stored = codecs.stored_as(kept, self.format, entry)
            made = codecs.begin(entry, self.rule.kept_shape(shape), stored, wide(parameter.dtype), device)
            state.update({name: layout.whole(shard, _size(layout, shard)) for name, shard in made.items()})
        return state | self.rule.begin_rows(place.named, device)

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        """A tensor to load the state entry `key` into: sharded, with the owner, or nothing on another rank."""
        device = local(parameter.detach()).device
        if self._wholes is not None and key != RESIDUAL:
            return torch.empty(size, dtype=dtype, device=device) if self._wholes.is_here(parameter) else None
        if key in self.rule.replicated:
            return torch.empty(size, dtype=dtype, device=device)
        return self._rows.places[id(parameter)].stepped.blank(size, dtype, device)

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, parameters hold the weights that the rule evaluates with; afterwards their own bits again."""
        if self.rule.evaluate is None:
            yield
            return
        kept = {p: local(p.detach()).clone() for p in self.state}
        try:
            with torch.no_grad():
                self._rows.evaluate(self.rule.evaluate, kept)
            yield
        finally:
            for parameter, bits in kept.items():
                local(parameter.detach()).copy_(bits)

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


def _stepped(rule: Rule, state: Format, layout: Layout) -> Layout:
    """Where state lies, and steps are made: by rows where the rule says so, or blocks of 8 bits run along them."""
    if not isinstance(rule, RowRule):
        return layout
    shape = rule.kept_shape(layout.shape)
    stored = [codecs.stored_as(shape, state, entry) for entry in rule.entries]
    needs_rows = rule.needs_rows or any(kind.format == "8bit" for kind in stored)
    return layout.by_rows() if needs_rows else layout


def _size(layout: Layout, shard: Tensor) -> Sequence[int]:
    """The global size of a state tensor of which this is the shard: where it has not the parameter's shape, its rows
    are the parameter's, and whole."""
    if layout.is_whole:
        return shard.shape
    return layout.shape if shard.shape == layout.local_shape else (layout.shape[0], *shard.shape[1:])

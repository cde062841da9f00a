"""Several optimizers that the loop sees as one, each with parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from whet.contracts.optimizer import Optimizer, Watched


class Composite(Optimizer):
    """Steps each part. Groups and state are those of the parts, in their order; the first part's rate is shown."""

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        groups = [group for part in parts for group in part.param_groups]
        super().__init__(groups, {})
        self._parts = list(parts)
        self._part = {id(p): part for part in parts for g in part.param_groups for p in g["params"]}
        self.param_groups = groups  # the very dicts that the parts read their rates from
        self.state = _Joined(self)  # type: ignore[assignment]

    @property
    def parts(self) -> Sequence[Optimizer]:
        return self._parts

    @property
    def clock(self) -> int:  # type: ignore[override]
        return max(part.clock or 0 for part in self.parts)

    @clock.setter
    def clock(self, steps: int) -> None:
        for part in self.parts:
            if part.clock is not None:
                part.clock = steps

    def attach(self, watched: Sequence[Watched]) -> None:
        for part in self.parts:
            part.attach(watched)

    def begin_step(self) -> None:
        for part in self.parts:
            part.begin_step()

    def before_last_backward(self) -> None:
        for part in self.parts:
            part.before_last_backward()

    def after_backward(self) -> Tensor | None:
        taken = [found for part in self.parts if (found := part.after_backward()) is not None]
        return torch.stack(taken).sum() if taken else None

    def clip(self, factor: float) -> None:
        for part in self.parts:
            part.clip(factor)

    def abort(self) -> None:
        for part in self.parts:
            part.abort()

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for part in self.parts:
            part.step()

    @property
    def wants_curvature(self) -> bool:
        return any(part.wants_curvature for part in self.parts)

    def curve(self, scale: float) -> None:
        for part in self.parts:
            if part.wants_curvature:
                part.curve(scale)

    def part_of(self, parameter: Tensor) -> Optimizer:
        """The part that steps `parameter`."""
        return self._part[id(parameter)]

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        return self.part_of(parameter).blank(parameter, key, size, dtype)

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        with ExitStack() as stack:
            for part in self.parts:
                stack.enter_context(part.evaluation_weights())
            yield

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, stored in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(stored)


class _Joined(MutableMapping[Tensor, dict[str, Any]]):
    """The states of all parts under one roof; what is looked up is made, as torch's own state does."""

    def __init__(self, composite: Composite) -> None:
        self._composite = composite

    def __getitem__(self, parameter: Tensor) -> dict[str, Any]:
        return self._composite.part_of(parameter).state[parameter]

    def __setitem__(self, parameter: Tensor, state: dict[str, Any]) -> None:
        self._composite.part_of(parameter).state[parameter] = state

    def __delitem__(self, parameter: Tensor) -> None:
        del self._composite.part_of(parameter).state[parameter]

    def __iter__(self) -> Iterator[Tensor]:
        return (parameter for part in self._composite.parts for parameter in part.state)

    def __len__(self) -> int:
        return sum(len(part.state) for part in self._composite.parts)

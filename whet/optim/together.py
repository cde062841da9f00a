"""Several optimizers that the loop sees as one, each with parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from whet.optim.pieces import blank


class Together(Optimizer):
    """Steps each part. Groups and state are those of the parts, in their order; the first part's rate is shown."""

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        groups = [group for part in parts for group in part.param_groups]
        super().__init__(groups, {})
        self.parts = list(parts)
        self._part = {id(p): part for part in parts for g in part.param_groups for p in g["params"]}
        self.param_groups = groups  # the very dicts that the parts read their rates from
        self.state = _Joined(self)  # type: ignore[assignment]

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for part in self.parts:
            part.step()

    def prepare_step(self) -> None:
        self._each("prepare_step")

    def drop_idle(self) -> None:
        self._each("drop_idle")

    @property
    def clock(self) -> int:
        return max(getattr(part, "clock", 0) for part in self.parts)

    @clock.setter
    def clock(self, steps: int) -> None:
        for part in self.parts:
            if hasattr(part, "clock"):
                part.clock = steps

    def part_of(self, parameter: Tensor) -> Optimizer:
        """The part that steps `parameter`."""
        return self._part[id(parameter)]

    def blank(self, parameter: Tensor, key: str, size: Any, dtype: Any) -> Tensor | None:
        part: Any = self.part_of(parameter)
        return part.blank(parameter, key, size, dtype) if hasattr(part, "blank") else blank(parameter, size, dtype)

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        with ExitStack() as stack:
            for part in self.parts:
                if hasattr(part, "evaluation_weights"):
                    stack.enter_context(part.evaluation_weights())
            yield

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, stored in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(stored)

    def _each(self, name: str) -> None:
        for part in self.parts:
            if hasattr(part, name):
                getattr(part, name)()


class _Joined(MutableMapping[Tensor, dict[str, Any]]):
    """The states of all parts under one roof; what is looked up is made, as torch's own state does."""

    def __init__(self, together: Together) -> None:
        self._together = together

    def __getitem__(self, parameter: Tensor) -> dict[str, Any]:
        return self._together.part_of(parameter).state[parameter]

    def __setitem__(self, parameter: Tensor, state: dict[str, Any]) -> None:
        self._together.part_of(parameter).state[parameter] = state

    def __delitem__(self, parameter: Tensor) -> None:
        del self._together.part_of(parameter).state[parameter]

    def __iter__(self) -> Iterator[Tensor]:
        return (parameter for part in self._together.parts for parameter in part.state)

    def __len__(self) -> int:
        return sum(len(part.state) for part in self._together.parts)

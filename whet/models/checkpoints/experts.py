"""Mixtures of experts: transformers computes with one tensor for all of them, and files hold a matrix of each."""

# E experts  O rows (outputs)  I inputs

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.model import ParamRole
from whet.models.roles import roles


@dataclass(frozen=True, slots=True)
class Piece:
    """What files hold under `name`: a whole parameter of the model, or a run of `rows` of one of its experts (O, I)."""

    name: str
    parameter: str
    expert: int | None = None
    rows: tuple[int, int] = (0, 0)

    @property
    def owner(self) -> str:
        """The layer that the files say it is the weight of."""
        return self.name.removesuffix(".weight")

    def of(self, value: Tensor) -> Tensor:
        """Its part of the parameter's value, a view."""
        return value if self.expert is None else value[self.expert, slice(*self.rows)]


def experts(model: nn.Module) -> dict[str, Any]:
    """The parameters (E, O, I) that hold all experts of a layer."""
    parameters: Mapping[str, Any] = dict(model.named_parameters())
    return {name: parameters[name] for name, role in roles(model).items() if role is ParamRole.EXPERT}


def pieces(model: nn.Module) -> dict[str, list[Piece]]:
    """How files hold each parameter and buffer of an architecture; a parameter that is stored whole has one piece.

    Transformers' own conversion is run over row numbers in place of weights. Raises UnknownPieces where it does more
    than to cut experts apart and to give names.
    """
    state, fused = model.state_dict(), experts(model)
    if not fused:
        return {name: [Piece(name, name)] for name in state}
    from transformers.core_model_loading import revert_weight_conversion

    names, numbers, starts = list(state), {}, [0]
    for name in names:  # two columns, so that a turned matrix shows
        shape = torch.Size((*fused[name].shape[:2], 2) if name in fused else (1,))
        numbers[name] = torch.arange(starts[-1], starts[-1] + shape.numel()).view(shape)
        starts.append(starts[-1] + shape.numel())
    try:
        stored = revert_weight_conversion(model, numbers)  # type: ignore[arg-type]
    except Exception as error:  # what a conversion raises that does arithmetic
        raise _unknown(model, str(error)) from error
    found: dict[str, list[Piece]] = {name: [] for name in state}
    for name, rows in stored.items():
        first = int(rows.flatten()[0])
        place = bisect_right(starts, first) - 1
        parameter = names[place]
        if torch.equal(rows, numbers[parameter]):
            found[parameter].append(Piece(name, parameter))
            continue
        expert, row = divmod((first - starts[place]) // 2, fused[parameter].shape[1])
        piece = Piece(name, parameter, expert, (row, row + len(rows)))
        if not torch.equal(piece.of(numbers[parameter]), rows):
            raise _unknown(model, f"`{name}` is no matrix of `{parameter}`")
        found[parameter].append(piece)
    return found


class UnknownPieces(ModelError):
    """Files hold the experts of an architecture in a way that is not known here."""


def _unknown(model: nn.Module, why: str) -> UnknownPieces:
    return UnknownPieces(
        f"how files hold the experts of {type(model).__name__} is not known here: {why.strip().split(chr(10))[0]}",
        hint="`whet export` writes them whole: --to hf dtype=bf16",
    )


class Fused(Mapping[str, Tensor]):
    """The weights of `stored` by the names of the architecture `model`, read and put together when asked for."""

    def __init__(self, stored: Mapping[str, Tensor], model: nn.Module) -> None:
        self._stored, self._pieces = stored, pieces(model)
        ties: Mapping[str, str] = getattr(model, "all_tied_weights_keys", {})
        self._shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        self._names = dict.fromkeys(
            name for name, held in self._pieces.items() if name not in ties or all(one.name in stored for one in held)
        )

    @property
    def is_whole(self) -> bool:
        """Whether the files hold every piece."""
        return all(piece.name in self._stored for name in self._names for piece in self._pieces[name])

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        held = self._pieces[name]
        if held[0].expert is None:
            return self._stored[held[0].name]
        return joined(held, self._shapes[name], (self._stored[piece.name] for piece in held))

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def joined(held: list[Piece], shape: torch.Size, values: Iterator[Tensor]) -> Tensor:
    """One tensor of the pieces' values, each let go of before the next is asked for."""
    whole = None
    for piece, value in zip(held, values, strict=True):
        if whole is None:
            whole = torch.empty(shape, dtype=value.dtype)
        piece.of(whole).copy_(value)
    assert whole is not None
    return whole

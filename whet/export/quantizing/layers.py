"""Which matrices of a model are quantized: linear layers of its blocks, and its experts, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.export.quantizing.method import Method
from whet.models.blocks import blocks
from whet.models.checkpoints.experts import Piece, experts, pieces
from whet.models.checkpoints.quantized import linears, without


@dataclass(frozen=True, slots=True)
class Layers:
    """`pieces` is how files hold each parameter, `chosen` the quantized ones with their shapes (outputs, inputs).

    `plain` are all other layers that readers of the files would take for quantized ones.
    """

    pieces: dict[str, list[Piece]]
    chosen: dict[Piece, tuple[int, int]]
    plain: list[str]

    def written(self, name: str, value: Tensor, code: Callable[[Piece, Tensor], Any]) -> Iterator[tuple[str, Any]]:
        """What the files hold of a parameter: codes under a layer's name, and the rest as it is."""
        for piece in self.pieces[name]:
            if piece in self.chosen:
                yield piece.owner, code(piece, piece.of(value))
            else:
                yield piece.name, piece.of(value)


def choose(model: nn.Module, keep: tuple[str, ...], method: Method, path: str) -> Layers:
    """The layers of the blocks, but for those with one of the patterns `keep` in their name.

    Raises ModelError for experts that the method's files have no place for.
    """
    prefix, _ = blocks(model)
    held, fused = pieces(model), experts(model)
    found = {name: held[f"{name}.weight"][0] for name in linears(model) if name.startswith(f"{prefix}.")}
    found |= {piece.owner: piece for name in fused for piece in held[name]}
    chosen = without(found, keep)
    parameters: Any = dict(model.named_parameters())
    shapes = {piece: tuple(piece.of(parameters[piece.parameter]).shape) for piece in chosen.values()}
    if any(piece.parameter in fused for piece in chosen.values()):
        _check_experts(shapes, method, path)
    plain = [name for name, part in model.named_modules() if isinstance(part, nn.Linear) and name not in chosen]
    plain += [name for name, piece in found.items() if piece.parameter in fused and name not in chosen]
    if fused:  # routers are linear layers to other readers
        plain += [
            held[name][0].owner for name in parameters if name.startswith(f"{prefix}.") and _is_router(name, model)
        ]
    return Layers(held, shapes, plain)  # type: ignore[arg-type]


def _is_router(name: str, model: nn.Module) -> bool:
    """Whether a parameter is a matrix of a module that is no linear layer."""
    owner, _, leaf = name.rpartition(".")
    return (
        leaf == "weight"
        and model.get_parameter(name).dim() == 2
        and not isinstance(model.get_submodule(owner), nn.Linear)
    )


def _check_experts(shapes: Mapping[Piece, Sequence[int]], method: Method, path: str) -> None:
    """Transformers 5.23 unpacks experts while it reads them: from words with a scale, and from FP8."""
    for piece, shape in shapes.items():
        if len(shape) != 2:
            raise ModelError(
                f"the experts of {path} are stored in one piece (`{piece.name}`), for which layouts have no place",
                at=path,
                hint="--keep experts",
            )
    wrong = None
    if method.layout == "gptq":
        wrong = "the layout `gptq`", "layout=compressed-tensors"
    elif not method.grid.symmetric:
        wrong = "a zero point", "symmetric=true"
    elif method.activations and not method.grid.floats:
        wrong = "integer activations", "--kind int8, or --kind fp8"
    if wrong is not None:
        raise ModelError(f"no reader takes experts with {wrong[0]}", at=path, hint=f"{wrong[1]}, or --keep experts")

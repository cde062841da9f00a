"""Weights of a base model with adapters and other models folded in, made one layer at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from whet.base.errors import ConfigError, ModelError
from whet.models.merging.combine import Recipe, combine, slerp

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Change(Protocol):
    """Something that changes weights of a base: an adapter, or a model trained from it."""

    path: str

    def touches(self, names: Sequence[str]) -> bool:
        """Whether any of the weights of one module is changed."""
        ...

    def applied(self, owner: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of the module `owner`, by their full names and in float32, after the change."""
        ...

    def unties(self, ends: Sequence[str]) -> bool:
        """Whether the two ends of a tie may differ after the change."""
        ...

    @property
    def vocabulary(self) -> int | None:
        """Rows of the embedding, if the change brings others than the base has."""
        ...


@dataclass(frozen=True, slots=True)
class Weighted:
    """A change and how much of it is taken."""

    change: Change
    weight: float = 1.0


class Finetuned:
    """A whole model of the same architecture; the change is what it has become.

    Of a model that `is_tied`, a head that is stored beside the embedding counts for nothing.
    """

    def __init__(self, path: str, weights: Mapping[str, Tensor], model: nn.Module, *, is_tied: bool = True) -> None:
        self.path, self._weights, self._is_tied = path, weights, is_tied
        names, ties = list(model.state_dict()), getattr(model, "all_tied_weights_keys", {})
        strange = [name for name in weights if name not in names]
        strange += [name for name in names if name not in weights and name not in ties]
        if strange:
            raise ModelError(
                f"{path} has other weights than the base: {_some(strange)}",
                at=path,
                hint="merge models of one architecture",
            )

    def touches(self, names: Sequence[str]) -> bool:
        return any(name in self._weights for name in names)

    @property
    def vocabulary(self) -> None:
        return None

    def unties(self, ends: Sequence[str]) -> bool:
        if self._is_tied or not all(name in self._weights for name in ends):
            return False
        first, second = (self._weights[name] for name in ends)
        return first.shape != second.shape or not bool((first == second).all())

    def applied(self, owner: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {}
        for name, tensor in weights.items():
            other = self._weights[name].float() if name in self._weights else tensor
            if other.shape != tensor.shape:
                shapes = f"{tuple(other.shape)}, and the base {tuple(tensor.shape)}"
                raise ModelError(
                    f"`{name}` of {self.path} has the shape {shapes}",
                    at=self.path,
                    hint="merge models of one architecture",
                )
            found[name] = other
        return found


class Rounded(Mapping[str, "Tensor"]):
    """The weights of a base as an adapter saw them in training: those in `names` packed by a codec, and unpacked."""

    def __init__(self, base: Mapping[str, Tensor], names: frozenset[str], codec: str) -> None:
        self._base, self._names, self._codec = base, names, codec
        self._dtypes: dict[str, torch.dtype] = {}

    def __getitem__(self, name: str) -> Tensor:
        from whet.kernels.dense import dense
        from whet.kernels.quantized import Quantized

        tensor = self._base[name]
        self._dtypes[name] = held_as(name, self._base, tensor)
        return dense(Quantized.of(tensor.float(), self._codec)) if name in self._names else tensor

    def held_as(self, name: str) -> torch.dtype:
        """See `held_as`; `name` has been read."""
        return self._dtypes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._base

    def __iter__(self) -> Iterator[str]:
        return iter(self._base)

    def __len__(self) -> int:
        return len(self._base)


class Merged(Mapping[str, "Tensor"]):
    """The weights of the architecture `model` (on meta), merged in float32; those that nothing changes as they are.

    Whoever packs them, or merges more into them, takes them so; whoever writes them takes them `rounded`. Read in
    order, one module's weights are in memory at a time: once for the base and once for each change. A head that is tied
    in the base, and whose two ends no longer agree, has to be untied in `model` before.
    """

    def __init__(
        self, base: Mapping[str, Tensor], model: nn.Module, changes: Sequence[Weighted], recipe: Recipe
    ) -> None:
        self._base, self._changes, self._recipe = base, changes, recipe
        ties: Mapping[str, str] = getattr(model, "all_tied_weights_keys", {})
        self._names = dict.fromkeys(name for name in model.state_dict() if name not in ties)
        self._last: dict[str, Tensor] = {}
        self._dtypes: dict[str, torch.dtype] = {}

    def rounded(self) -> Iterator[tuple[str, Tensor]]:
        """(name, weight) of each, rounded once: to the dtype in which the files below all changes hold it."""
        for name, tensor in self.items():
            yield name, tensor.to(self.held_as(name))

    def held_as(self, name: str) -> torch.dtype:
        """See `held_as`; `name` has been read."""
        return self._dtypes[name]

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._last:
            own = [other for other in self._names if owner_of(other) == owner_of(name)]
            if name not in own:
                raise KeyError(name)
            self._last = {}
            self._last = self._of(owner_of(name), own)
        return self._last[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _of(self, owner: str, names: Sequence[str]) -> dict[str, Tensor]:
        touching = [one for one in self._changes if one.change.touches(names)]
        weights = {}
        for name in names:
            stored = stored_name(name, self._base)
            weights[name] = self._base[stored]
            self._dtypes[name] = held_as(stored, self._base, weights[name])
        return _merged(owner, weights, touching, self._recipe) if touching else weights


def held_as(name: str, weights: Mapping[str, Tensor], tensor: Tensor) -> torch.dtype:
    """The dtype in which files hold the weight that was read as `tensor`, below all that was done to it since."""
    return weights.held_as(name) if isinstance(weights, Rounded | Merged) else tensor.dtype


def stored_name(name: str, base: Mapping[str, Tensor]) -> str:
    """Where the base has the weight: under its name, or, for a head that was tied, at the embedding."""
    if name in base:
        return name
    embeddings = [other for other in base if other.endswith(("embed_tokens.weight", "wte.weight", "embed_in.weight"))]
    if name.endswith(("lm_head.weight", "embed_out.weight")) and len(embeddings) == 1:
        return embeddings[0]
    raise ModelError(f"the base model has no weight `{name}`", hint="a folder of the whole model, head included")


def check_recipe(changes: Sequence[Weighted], recipe: Recipe) -> None:
    """Raise ConfigError for a method that these changes are not for."""
    if recipe.method == "slerp" and not (len(changes) == 1 and isinstance(changes[0].change, Finetuned)):
        raise ConfigError("slerp lies between the base and one other model", hint="--method linear")


def owner_of(name: str) -> str:
    """The module that holds a weight."""
    return name.rpartition(".")[0]


def _merged(
    owner: str, weights: Mapping[str, Tensor], touching: Sequence[Weighted], recipe: Recipe
) -> dict[str, Tensor]:
    before = {name: tensor.float() for name, tensor in weights.items()}
    after = [one.change.applied(owner, before) for one in touching]
    found = {}
    for name in weights:
        ends = [one[name] for one in after]
        found[name] = _joined(before[name], ends, [one.weight for one in touching], recipe, name)
    return found


def _joined(before: Tensor, ends: Sequence[Tensor], weights: Sequence[float], recipe: Recipe, name: str) -> Tensor:
    if list(weights) == [1.0] and recipe.method in ("linear", "slerp"):
        return ends[0]  # not by way of a difference, which would round
    if any(end.shape != before.shape for end in ends):
        raise ModelError(
            f"`{name}` has another shape than in the base, and so can only be taken whole",
            hint="merge this adapter alone, with weight 1",
        )
    if recipe.method == "slerp":
        return slerp(before, ends[0], weights[0])
    return before + combine([end - before for end in ends], weights, recipe, name)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")

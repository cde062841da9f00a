"""A model as a plan sees it: the sizes of its config, its layers by kind, and every weight with its shape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from whet.base.errors import ModelError
from whet.plan.architecture import Architecture, architecture, described
from whet.plan.formulas import Sizes
from whet.plan.layers import experts, kinds
from whet.plan.models.find import check_class, find_config

_PUBLISHED = "the config.json that is published beside the weights"
# Beyond what any model has; a plan goes through the layers one by one.
_MOST, _MOST_LAYERS = 2**40, 16_384


class Tensor(NamedTuple):
    """A parameter of the model, and how many layers have one like it; `layer` is their kind, None outside of them."""

    name: str
    role: str
    shape: tuple[int, ...]
    times: int
    layer: str | None

    @property
    def numbers(self) -> int:
        return math.prod(self.shape) * self.times


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """`sizes` have transformers' standard names; `layers` is the kind of each layer, from the input on."""

    name: str
    architecture: Architecture
    sizes: Sizes
    layers: tuple[str, ...]
    is_tied: bool
    context: int | None

    @classmethod
    def find(cls, name: str) -> PlannedModel:
        """The model of a folder, a config.json, a published name or a hub id. Raises ModelError where it lacks some."""
        return cls.of(*find_config(name))

    @classmethod
    def of(cls, name: str, config: Mapping[str, Any]) -> PlannedModel:
        """The model of a config."""
        config = _text(config)
        check_class(name, config)
        known = architecture(str(config["model_type"]))
        sizes = _sizes(name, config, known)
        _check_places(name, config)
        tied = known.names.get("tie_word_embeddings", "tie_word_embeddings")
        layers = tuple(kinds(config, int(sizes["num_hidden_layers"])))
        _check_kinds(name, known, layers)
        return cls(name, known, sizes, layers, bool(config.get(tied, known.is_tied)), context_of(config))

    def tensors(self, sizes: Sizes | None = None) -> Iterator[Tensor]:
        """Every parameter; with other `sizes`, what a rank that holds a part of each has. What chooses among experts
        knows all of them on every rank."""
        for weight in self.architecture.ends:
            if not (self.is_tied and weight.role == "head"):
                yield Tensor(weight.name, weight.role, _shape(weight.sized(sizes or self.sizes)), 1, None)
        for kind in dict.fromkeys(self.layers):
            for weight in self.architecture.layers[kind]:
                own = self._own(sizes or self.sizes, weight.role)
                yield Tensor(weight.name, weight.role, _shape(weight.sized(own)), self.layers.count(kind), kind)

    def _own(self, sizes: Sizes, role: str) -> Sizes:
        if role == "expert" or "num_experts" not in sizes:
            return sizes
        return {**sizes, "num_experts": self.sizes["num_experts"]}

    @property
    def num_parameters(self) -> int:
        return sum(tensor.numbers for tensor in self.tensors())

    @property
    def num_active(self) -> int:
        """Of experts those that a token goes through."""
        share = self.sizes.get("num_experts_per_tok", 1.0) / self.sizes.get("num_experts", 1.0)
        return int(sum(t.numbers * (share if t.role == "expert" else 1.0) for t in self.tensors()))


def context_of(config: Mapping[str, Any]) -> int | None:
    """The longest text that a model is made for, where its config says so. Raises ModelError for no number."""
    told = {one: config.get(one) for one in ("max_position_embeddings", "n_positions")}
    _check_counts("model", told)
    return next(filter(None, told.values()), None)


def _shape(sizes: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(max(1, round(size)) for size in sizes)


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part that speaks of the language model, where a model sees as well."""
    inner = config.get("text_config")
    if isinstance(inner, Mapping) and config.get("model_type") not in described():
        return {"tie_word_embeddings": config.get("tie_word_embeddings", True), **inner}
    return config


def _sizes(name: str, config: Mapping[str, Any], known: Architecture) -> Sizes:
    told = {**{known.names[one]: size for one, size in known.defaults.items()}, **config}
    found = {one: told.get(own) for one, own in known.names.items()}
    if "num_experts" in found:
        found["num_experts"] = experts(config) or None
    _check_counts(name, {known.names[one]: value for one, value in found.items()})
    missing = [known.names[one] for one in known.needed() if not _is_count(found.get(one))]
    if missing:
        raise ModelError(
            f"the config of a `{known.model_type}` must tell {', '.join(f'`{one}`' for one in missing)}", at=name,
            hint=_PUBLISHED,
        )  # fmt: skip
    sizes = {one: float(value) for one, value in found.items() if _is_count(value)}  # type: ignore[arg-type]
    sizes.setdefault("num_key_value_heads", sizes["num_attention_heads"])
    sizes.setdefault("head_dim", sizes["hidden_size"] // sizes["num_attention_heads"])
    heads, groups = int(sizes["num_attention_heads"]), int(sizes["num_key_value_heads"])
    if heads % groups or not sizes["head_dim"]:
        raise ModelError(
            f"{heads} heads cannot share {groups} heads of keys, in a width of {int(sizes['hidden_size'])}", at=name,
            hint=_PUBLISHED,
        )  # fmt: skip
    return sizes


def _check_counts(name: str, told: Mapping[str, Any]) -> None:
    """Refuse what stands there and is no size: taken for missing, it would make a plan of another model."""
    for key, value in told.items():
        most = _MOST_LAYERS if key == "num_hidden_layers" else _MOST
        if value is not None and not isinstance(value, bool) and not (_is_count(value) and value <= most):
            raise ModelError(
                f"`{key}` is {ascii(value)[:40]}, not a whole number from 1 to {most:,}", at=name, hint=_PUBLISHED
            )


def _check_places(name: str, config: Mapping[str, Any]) -> None:
    """Refuse what should say which layers have experts, and does not."""
    for key in ("decoder_sparse_step", "first_k_dense_replace"):
        value = config.get(key)
        if value is not None and not (isinstance(value, int) and value >= 0):
            raise ModelError(f"`{key}` is {ascii(value)[:40]}, not a whole number", at=name, hint=_PUBLISHED)
    if not isinstance(only := config.get("mlp_only_layers"), list | tuple | None):
        raise ModelError(f"`mlp_only_layers` is {ascii(only)[:40]}, not a list", at=name, hint=_PUBLISHED)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check_kinds(name: str, known: Architecture, layers: tuple[str, ...]) -> None:
    for kind in dict.fromkeys(layers):
        if kind not in known.layers:
            raise ModelError(
                f"a layer of the kind `{kind}` has not been traced for `{known.model_type}`", at=name,
                hint=f"kinds that have: {', '.join(known.layers)}",
            )  # fmt: skip

"""Meshes for a plan: read, checked against the model with the arithmetic shown, and what one rank has of each size."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from whet.base.errors import ConfigError
from whet.base.mesh import ORDER, Mesh
from whet.base.nearest import nearest
from whet.base.parallel import Parallel
from whet.plan.formulas import Sizes
from whet.plan.hardware.cards import Card
from whet.plan.models.planned import PlannedModel

_WORDS = (*ORDER, "zero")


def own_sizes(mesh: Mesh, sizes: Sizes) -> dict[str, float]:
    """The sizes of what one rank holds and computes: its heads, its part of the MLP, its tokens, its experts.

    Experts are dealt out over `expert` and `tensor`; of the pairs of a token and an expert a rank of `tensor` has those
    of its own experts, and a rank of `expert` as many as it sends away, where experts are as busy as each other. A
    vocabulary that does not divide is whole on every rank, and so are heads that share a latent (MLA), which
    transformers' plans leave whole.
    """
    cut = {
        "num_attention_heads": mesh.tensor, "num_key_value_heads": mesh.tensor, "intermediate_size": mesh.tensor,
        "vocab_size": mesh.tensor, "num_experts": mesh.pieces("model"), "num_experts_per_tok": mesh.tensor,
        "n_shared_experts": mesh.tensor, "tokens": mesh.context, "trained": mesh.context,
    }  # fmt: skip
    whole = {"vocab_size"} if sizes["vocab_size"] % mesh.tensor else set()
    whole |= {"num_attention_heads", "num_key_value_heads"} if "kv_lora_rank" in sizes else set()
    return {name: size / (1 if name in whole else cut.get(name, 1)) for name, size in sizes.items()}


def check_mesh(mesh: Mesh, model: PlannedModel, gpus: int) -> None:
    """Raise ConfigError, with the arithmetic, for a mesh of another number of ranks or one that does not divide."""
    check_ranks(mesh, gpus)
    for axes, size, what in _cuts(mesh, model):
        parts = mesh.pieces(axes)
        if size % parts:
            axis = "expert" if axes == "model" and mesh.expert > 1 else "tensor"
            fitting = max(1, math.gcd(int(size), parts) * getattr(mesh, axis) // parts)
            raise ConfigError(
                f"{what} {int(size)} / {_named(mesh, axes)} = {size / parts:.4g}, which is no whole number",
                at="--mesh", hint=f"--mesh {axis}={fitting}",
            )  # fmt: skip
    if mesh.expert > 1 and "num_experts" not in model.sizes:
        raise ConfigError(f"`{model.name}` has no experts to deal out", at="--mesh", hint="--mesh expert=1")
    if mesh.pipeline > len(model.layers):
        raise ConfigError(
            f"{len(model.layers)} layers cannot be dealt to {mesh.pipeline} stages", at="--mesh",
            hint=f"--mesh pipeline={len(model.layers)}",
        )  # fmt: skip


def check_ranks(mesh: Mesh, gpus: int) -> None:
    """Raise ConfigError, with the arithmetic, for a mesh of another number of ranks."""
    if mesh.ranks != gpus:
        shown = " x ".join(f"{axis} {size}" for axis, size in mesh.sizes.items()) or "shard 1"
        raise ConfigError(
            f"{shown} = {mesh.ranks} ranks, and there are {gpus}" if " x " in shown else
            f"{shown} asks for {mesh.ranks} ranks, and there are {gpus}", at="--mesh",
            hint=f"--gpus {mesh.ranks}, or --mesh {_fitting(mesh, gpus)}",
        )  # fmt: skip


def _fitting(mesh: Mesh, gpus: int) -> str:
    """The mesh that is nearest to what was asked for and takes all ranks; what axes leave is shared out."""
    words, left = [], gpus
    for axis, size in mesh.sizes.items():
        if axis != "shard" and math.gcd(size, left) > 1:
            words.append(f"{axis}={math.gcd(size, left)}")
            left //= math.gcd(size, left)
    return ",".join([*words, f"shard={left}"] if left > 1 or not words else words)


def check_packed(mesh: Mesh, quantize: str | None) -> None:
    """Raise ConfigError where ranks were to share matrices that are packed, as a run does."""
    if quantize is not None and mesh.tensor > 1:
        raise ConfigError(f"ranks of `tensor` do not share matrices in {quantize}", at="--mesh", hint="--mesh tensor=1")


def _cuts(mesh: Mesh, model: PlannedModel) -> Iterator[tuple[str, float, str]]:
    sizes = model.sizes
    if "kv_lora_rank" not in sizes:
        yield "tensor", sizes["num_attention_heads"], "heads"
        yield "tensor", sizes["num_key_value_heads"], "key heads"
    if "intermediate_size" in sizes:
        yield "tensor", sizes["intermediate_size"], "width of the MLP"
    if "num_experts" in sizes:
        yield "model", sizes["num_experts"], "experts"


def _named(mesh: Mesh, axes: str) -> str:
    if axes != "model" or mesh.expert == 1:
        return f"tensor {mesh.tensor}"
    return f"expert {mesh.expert}" + (f" x tensor {mesh.tensor}" if mesh.tensor > 1 else "")


def read_mesh(words: Sequence[str], gpus: int) -> Mesh:
    """The mesh of words such as `tensor=8`; `shard` takes the ranks that are left where it is not said."""
    named: dict[str, int] = {}
    for word in re.split(r"[,\s]+", ",".join(words)):
        axis, equals, size = word.partition("=")
        if axis not in _WORDS or not equals or not _is_size(size):
            near = nearest(axis, _WORDS)
            hint = (
                f"did you mean `{near}`?" if near and near != axis else f"tensor=2, or another of {', '.join(_WORDS)}"
            )
            raise ConfigError(f"`{word}` is no axis with its number of ranks", at="--mesh", hint=hint)
        if axis in named:
            raise ConfigError(f"`{axis}` stands twice", at="--mesh", hint=f"--mesh {axis}={size}")
        named[axis] = int(size)
    if named.get("zero", 3) > 3:
        raise ConfigError(f"`zero={named['zero']}`: its stages are 1, 2 and 3", at="--mesh", hint="--mesh zero=3")
    mesh = replace(Mesh(), **named)  # type: ignore[arg-type]
    return mesh if "shard" in named else replace(mesh, shard=max(1, gpus // mesh.ranks))


def _is_size(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 10 and int(word) > 0


def mesh_of(told: Parallel, gpus: int) -> Mesh | None:
    """The mesh that a run's section `parallel` describes, over so many ranks; None where the plan is to choose."""
    if told.mesh == "auto" or told == Parallel():
        return None
    axes = {axis: getattr(told, axis) for axis in ORDER if axis != "shard"}
    mesh = Mesh(**axes, zero=told.zero, sequence=told.sequence, schedule=told.schedule)
    return replace(mesh, shard=max(1, gpus // mesh.ranks) if told.shard == "auto" else told.shard)


def candidates(card: Card, ranks: int, model: PlannedModel, told: Parallel) -> Iterator[Mesh]:
    """Meshes of so many ranks that divide the model, those that talk least first; sizes above 1 that are told stay."""
    given = {axis: size for axis in ORDER if (size := getattr(told, axis)) not in (1, "auto")}
    beside = told.replicate * told.context  # axes that are taken only where they are asked for
    a_node = int(card.figures["a_node"].value) if "a_node" in card.figures else 1
    for mesh in meshes(ranks // beside, a_node, model) if ranks % beside == 0 else ():
        whole = replace(
            mesh, replicate=told.replicate, context=told.context, zero=told.zero, sequence=told.sequence,
            schedule=told.schedule,
        )  # fmt: skip
        if all(getattr(whole, axis) == size for axis, size in given.items()):
            yield whole


def meshes(gpus: int, a_node: int, model: PlannedModel) -> Iterator[Mesh]:
    """Meshes of so many ranks, those that talk least first: sharding alone, then tensor within a node, then pipelines.

    Of a model with experts, ranks that shard take as many of these for themselves as go.
    """
    count = int(model.sizes.get("num_experts", 0))
    for pipeline in (size for size in (1, 2, 4, 8, 16, 32) if gpus % size == 0 and size <= len(model.layers)):
        for tensor in (size for size in (1, 2, 4, 8) if gpus % (size * pipeline) == 0 and size <= max(a_node, 1)):
            shard = gpus // (tensor * pipeline)
            for expert in _experts(count // tensor, shard):
                mesh = Mesh(shard=shard // expert, tensor=tensor, pipeline=pipeline, expert=expert)
                try:
                    check_mesh(mesh, model, gpus)
                except ConfigError:
                    continue
                yield mesh


def _experts(count: int, shard: int) -> list[int]:
    """One rank for all experts of a layer, and as many ranks as can have some each, up to 64."""
    return list(dict.fromkeys([1, math.gcd(math.gcd(count, shard), 64)])) if count else [1]

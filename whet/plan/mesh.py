"""The mesh of a plan: how many ranks share what, checked against the model with the arithmetic shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from whet.base.errors import ConfigError
from whet.base.nearest import nearest
from whet.base.run import Parallel
from whet.plan.formulas import Sizes
from whet.plan.models.planned import PlannedModel


@dataclass(frozen=True, slots=True)
class Mesh:
    """Ranks on each axis, named as in a run's `parallel`, and the `zero` stage of `shard` and `context` together."""

    replicate: int = 1
    shard: int = 1
    context: int = 1
    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    zero: int = 3

    @property
    def ranks(self) -> int:
        """`expert` divides the ranks of `shard` once more, and adds none."""
        return self.replicate * self.shard * self.context * self.tensor * self.pipeline

    @property
    def shards(self) -> int:
        """Ranks over which a weight is cut by FSDP."""
        return self.shard * self.context

    def __str__(self) -> str:
        named = [f"{axis} {size}" for axis, size in asdict(self).items() if size > 1 and axis != "zero"]
        return ", ".join(named + ([f"zero {self.zero}"] if self.shards > 1 else [])) or "one rank"

    def own(self, sizes: Sizes) -> Sizes:
        """The sizes of what one rank holds and computes: its heads, its part of the MLP, its tokens, its experts."""
        cut = {
            "num_attention_heads": self.tensor, "num_key_value_heads": self.tensor, "intermediate_size": self.tensor,
            "moe_intermediate_size": self.tensor, "vocab_size": self.tensor, "num_experts": self.expert,
            "tokens": self.context, "trained": self.context,
        }  # fmt: skip
        return {name: max(size / cut.get(name, 1), 1.0) for name, size in sizes.items()}

    def check(self, model: PlannedModel, gpus: int) -> None:
        """Raise ConfigError, with the arithmetic, for a mesh of another number of ranks or one that does not divide."""
        if self.ranks != gpus:
            axes = ("replicate", "shard", "context", "tensor", "pipeline")
            shown = " x ".join(str(getattr(self, axis)) for axis in axes)
            raise ConfigError(
                f"{' x '.join(axes)} = {shown} = {self.ranks} ranks, and there are {gpus}", at="--mesh",
                hint=f"--gpus {self.ranks}, or --mesh shard={max(1, gpus * self.shard // self.ranks)}",
            )  # fmt: skip
        for axis, size, what in self._cuts(model):
            parts = getattr(self, axis)
            if size % parts and not (what == "key heads" and parts % size == 0):
                raise ConfigError(
                    f"{what} {int(size)} / {axis} {parts} = {size / parts:.4g}, which is no whole number", at="--mesh",
                    hint=f"--mesh {axis}={math.gcd(int(size), parts)}",
                )  # fmt: skip
        if self.pipeline > len(model.layers):
            raise ConfigError(
                f"{len(model.layers)} layers cannot be dealt to {self.pipeline} stages", at="--mesh",
                hint=f"--mesh pipeline={len(model.layers)}",
            )  # fmt: skip

    def _cuts(self, model: PlannedModel) -> Iterator[tuple[str, float, str]]:
        sizes = model.sizes
        yield "tensor", sizes["num_attention_heads"], "heads"
        if "kv_lora_rank" not in sizes:
            yield "tensor", sizes["num_key_value_heads"], "key heads"
        if "intermediate_size" in sizes:
            yield "tensor", sizes["intermediate_size"], "width of the MLP"
        if self.expert > 1:
            yield "expert", sizes.get("num_experts", 1.0), "experts"
            if self.shards * self.tensor % self.expert:
                raise ConfigError(
                    f"experts are dealt among shard x context x tensor = {self.shards * self.tensor} ranks, and these "
                    f"do not divide by {self.expert}", at="--mesh", hint="--mesh expert=1",
                )  # fmt: skip


def read_mesh(words: Sequence[str], gpus: int) -> Mesh:
    """The mesh of words such as `tensor=8`; `shard` takes the ranks that are left where it is not said."""
    named: dict[str, int] = {}
    axes = list(asdict(Mesh()))
    for word in re.split(r"[,\s]+", ",".join(words)):
        axis, equals, size = word.partition("=")
        if axis not in axes or not equals or not _is_size(size):
            near = nearest(axis, axes)
            hint = f"did you mean `{near}`?" if near and near != axis else f"AXIS=NUMBER, of {', '.join(axes)}"
            raise ConfigError(f"`{word}` is no axis with its number of ranks", at="--mesh", hint=hint)
        named[axis] = int(size)
    mesh = replace(Mesh(), **named)
    return mesh if "shard" in named else replace(mesh, shard=max(1, gpus // mesh.ranks))


def _is_size(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 10 and int(word) > 0


def mesh_of(told: Parallel, gpus: int) -> Mesh | None:
    """The mesh that a run's section `parallel` describes, over so many ranks; None where it says nothing of one."""
    axes = {axis: getattr(told, axis) for axis in asdict(Mesh())}
    if told == Parallel():
        return None
    shard = axes.pop("shard")
    mesh = Mesh(**axes)
    return replace(mesh, shard=max(1, gpus // mesh.ranks) if shard == "auto" else shard)


def meshes(gpus: int, a_node: int, model: PlannedModel) -> Iterator[Mesh]:
    """Meshes of so many ranks, those that talk least first: sharding alone, then tensor within a node, then pipelines.

    Of a model with experts, they are dealt to the ranks that shard.
    """
    count = int(model.sizes.get("num_experts", 0))
    for pipeline in (size for size in (1, 2, 4, 8, 16, 32) if gpus % size == 0 and size <= len(model.layers)):
        for tensor in (size for size in (1, 2, 4, 8) if gpus % (size * pipeline) == 0 and size <= max(a_node, 1)):
            shard = gpus // (tensor * pipeline)
            expert = math.gcd(math.gcd(count, shard), 64) if count else 1
            mesh = Mesh(shard=shard, tensor=tensor, pipeline=pipeline, expert=expert)
            try:
                mesh.check(model, gpus)
            except ConfigError:
                continue
            yield mesh

"""The plan of a run's ranks as one value: the mesh, and for each weight over which of its axes it is cut, and how."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from whet.base.errors import ModelError
from whet.base.mesh import Mesh
from whet.base.parallel import Parallel
from whet.base.units import size as in_units
from whet.contracts.model import Loaded
from whet.kernels.quantized import Quantized
from whet.models.forward.backbone import unwrapped
from whet.models.forward.rope import by_length
from whet.models.text import text_config
from whet.parallel.context import check_biases, check_positions, sharing_heads
from whet.parallel.experts import experts_of
from whet.parallel.experts import parameters_of as experts_in
from whet.parallel.pipeline.cut import planned
from whet.parallel.pipeline.schedule import bubble, stages_each, table
from whet.parallel.pipeline.stages import Cut, PassThrough
from whet.parallel.sequence import Regions, regions_of, styles_between
from whet.parallel.sizes import shown
from whet.parallel.styles import Style
from whet.parallel.tensor_plan import parameters_of, styles_of

# What sharding by samples cuts, and how often ranks talk about it.
_ZERO = {
    1: "state of the optimizer; gradients are summed once a step",
    2: "state of the optimizer and gradients",
    3: "state of the optimizer, gradients and weights",
}


@dataclass(frozen=True)
class ParallelPlan:
    """The `mesh`; the `styles` of modules that `tensor` cuts; those
    whose `experts` are dealt out over `expert` and `tensor`; how many ranks of `context` are `sharing_heads`; `regions`
    of layers in which `tensor` cuts something; how `pipeline` cuts the model into `stages`."""

    mesh: Mesh
    styles: Mapping[str, Style]
    experts: tuple[str, ...] = ()
    sharing_heads: int = 1
    regions: Regions = Regions((), {})
    stages: Cut | None = None

    @classmethod
    def of(cls, model: Loaded, settings: Parallel, sizes: Mapping[str, int]) -> ParallelPlan:
        """The plan for a model on meta. Raises ModelError, with the arithmetic, where the model does not divide."""
        tensor, context = sizes.get("tensor", 1), sizes.get("context", 1)
        experts = _experts(model.module, sizes.get("expert", 1), tensor)
        styles = styles_of(model, tensor, experts) if tensor > 1 else {}
        if context > 1:
            check_positions(kind for _, kind in by_length(model.module))
        regions = regions_of(model.module, model.layers, styles, experts, settings.sequence)
        if regions.is_spread and tensor > 1:
            styles = styles_between(model.module, regions, styles) | styles
        sharing = 1
        if context > 1:
            heads, keys = _heads(model.module)
            sharing = sharing_heads(settings, heads // tensor, max(keys // tensor, 1))
            check_biases(model.module, sharing < context)
        ranks, each = sizes.get("pipeline", 1), stages_each(settings.schedule, settings.stages)
        stages = planned(model, ranks, each, settings.schedule) if ranks > 1 else None
        mesh = Mesh(**sizes, zero=settings.zero, sequence=settings.sequence, schedule=settings.schedule)
        return cls(mesh, styles, experts, sharing, regions, stages)

    def on(self, module: nn.Module) -> ParallelPlan:
        """The plan of what is left in a module, of which other ranks hold parts."""
        here = {name for name, part in module.named_modules() if not isinstance(part, PassThrough)}
        return replace(
            self,
            styles={name: style for name, style in self.styles.items() if name in here},
            experts=tuple(name for name in self.experts if name in here),
            regions=self.regions.on(here),
        )

    def placements(self, module: nn.Module) -> dict[str, dict[str, int]]:
        """For each parameter, the axes that cut it and in which dimension; `fsdp` is `shard`, `context` and `expert`
        together. Of experts on `expert` it is `part`, the first two, and `model` is `expert` and `tensor` together."""
        cut = {
            id(part._parameters[own]): dim
            for name, style in self.styles.items()
            for part in [module.get_submodule(name)]
            for own, dim in parameters_of(part, style)
        }
        found: dict[str, dict[str, int]] = {}
        for name, parameter in module.named_parameters():
            placed = {"fsdp": 0} if self.mesh.shards > 1 and not isinstance(parameter, Quantized) else {}
            found[name] = placed | ({"tensor": cut[id(parameter)]} if id(parameter) in cut else {})
        dealt = {"part": 0, "model": 0} if self.mesh.expert > 1 else {"fsdp": 0, "tensor": 0}
        held = {axis: dim for axis, dim in dealt.items() if self.mesh.pieces(axis) > 1}
        return found | {
            f"{name}.{own}": held for name in self.experts for own in experts_in(module.get_submodule(name))
        }

    def lines(self, module: nn.Module) -> Iterator[str]:
        """Who holds what, in words: the mesh, then weights that lie alike, and what a rank holds of them."""
        several = f" (--ranks {self.mesh.ranks})" if self.mesh.ranks > 1 else ""
        yield f"mesh: {shown(self.mesh.sizes)}{several}"
        yield from self._of_tokens()
        if (shards := self.mesh.shards) > 1:
            yield f"zero {self.mesh.zero}: {_ZERO[self.mesh.zero]} are cut into {shards}"
        named, placements = dict(module.named_parameters()), self.placements(module)
        alike: dict[tuple[str, str, tuple[int, ...]], int] = Counter()
        for name, placed in placements.items():
            alike[re.sub(r"\.\d+\.", ".*.", name), _words(placed), tuple(named[name].shape)] += 1
        for (pattern, words, shape), count in alike.items():
            times = f" x {count}" if count > 1 else ""
            yield f"  {pattern}{times}  {' x '.join(map(str, shape))}  {words}"
        held = {name: _bytes(named[name]) // self._share(placed) for name, placed in placements.items()}
        if self.stages is not None:
            yield from _of_stages(self.stages, self.mesh.pipeline, held)
        else:
            yield f"a rank holds {in_units(sum(held.values()))} of weights"

    def _of_tokens(self) -> Iterator[str]:
        """How ranks share the tokens of a row, where they do."""
        if self.mesh.sequence:
            yield "sequence: between matrices each rank of tensor has its part of the tokens"
        if (ranks := self.mesh.context) > 1:
            sharing = self.sharing_heads
            ways = [f"{sharing} ranks exchange tokens for heads (ulysses)"] if sharing > 1 else []
            ways += [f"keys go round {ranks // sharing} ranks (ring)"] if sharing < ranks else []
            yield f"attention over context: {', '.join(ways)}"

    def _share(self, placed: Mapping[str, int]) -> int:
        """How many ranks a weight is cut into."""
        return math.prod(self.mesh.pieces(axis) for axis in placed)


def _experts(module: nn.Module, expert: int, tensor: int) -> tuple[str, ...]:
    """The modules whose experts are dealt to ranks, where there are several. Raises ModelError where there are none."""
    ranks, at = expert * tensor, "parallel.expert" if expert > 1 else "parallel.tensor"
    found = experts_of(module, ranks, at) if ranks > 1 else ()
    if expert > 1 and not found:
        raise ModelError(
            f"{type(unwrapped(module)).__name__} has no experts that a plan of transformers deals to ranks", at=at,
            hint=f"{at}=1, and parallel.shard={expert}",
        )  # fmt: skip
    return found


def _of_stages(cut: Cut, ranks: int, held: Mapping[str, int]) -> Iterator[str]:
    """Which layers are where, what that takes of each rank, and how long ranks wait for each other."""
    for stage, run in enumerate(cut.runs):
        ends = (("embeddings",) if stage == 0 else ()) + (("head",) if stage == cut.last else ())
        layers = f"layers {run.start} to {run.stop - 1}" if len(run) > 1 else f"layer {run.start}"
        size = in_units(sum(held[name] for name in cut.names[stage]))
        yield f"  stage {stage} on rank {cut.place[stage]} of the pipeline: {', '.join((layers, *ends))}, {size}"
    most = max(sum(held[n] for n in frozenset().union(*map(cut.names.__getitem__, cut.own(r)))) for r in range(ranks))
    yield f"a rank holds at most {in_units(most)} of weights"
    each = len(cut.place) // ranks
    shares = [f"{bubble(table(cut.schedule, ranks, each, n)):.0%} at {n}" for n in (ranks, 4 * ranks, 16 * ranks)]
    yield f"{cut.schedule}: of their time ranks wait {', '.join(shares)} micro-batches a step"


def _heads(module: nn.Module) -> tuple[int, int]:
    """Heads of attention, and those of keys and values, as the config of a language model has them."""
    text: Any = text_config(unwrapped(module).config)
    heads = math.gcd(text.num_attention_heads, getattr(text, "decoder_attention_heads", 0))
    return heads, getattr(text, "num_key_value_heads", None) or heads


def _words(placed: Mapping[str, int]) -> str:
    what = {0: "rows", 1: "columns"}
    return ", ".join(f"{axis} {what[dim]}" for axis, dim in placed.items()) or "whole"


def _bytes(parameter: Any) -> int:
    parts = parameter.parts.values() if isinstance(parameter, Quantized) else [parameter]
    return sum(part.numel() * part.element_size() for part in parts)

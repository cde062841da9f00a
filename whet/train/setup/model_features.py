"""Features of a model that is built and has no values yet: what can be found out only then, for the table of
combinations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from torch import nn

from whet.base.run import Run
from whet.base.step_size import BATCH_SAMPLES
from whet.contracts.model import Loaded, ParamRole
from whet.models.features.logit_peaks import is_trained, normalises, projecting
from whet.models.forward.batch_norm import live
from whet.models.forward.recompute_state import has_own_checkpointing
from whet.models.tuning.wrapper import wrapper_of
from whet.train.setup.features import Feature


def model_features(run: Run, model: Loaded) -> Iterator[tuple[str, Feature]]:
    """Those that the model has, by the names of the table."""
    module: Any = model.module
    yield from _of_capabilities(model)
    if wrapper_of(module) is not None:
        yield "model.adapter", Feature("an adapter", "tuner")
    if not model.layers:
        blocks = Feature("a model that repeats no blocks", "model")
        yield "model.no_blocks", blocks
        if not has_own_checkpointing(module):
            yield "model.not_recomputed", blocks
    layers = list(projecting(module))
    if any(map(normalises, layers)):
        yield "model.normalised_queries", Feature("a model that normalises queries", "model")
    if not any(map(is_trained, layers)):
        yield (
            "model.no_queries",
            Feature("a model that trains no projections to them alone", "model"),
        )
    yield from _of_experts(model)
    yield from _of_batch_norm(run, model)


def _of_capabilities(model: Loaded) -> Iterator[tuple[str, Feature]]:
    can = model.capabilities
    if not can.tokens:
        return
    yield "model.tokens", Feature("a model of tokens", "model")
    if not can.packed:
        yield "model.unpacked", Feature("a model that computes its attention itself, a sample a row", "model")
    if can.head != "chunked":
        yield "model.own_head", Feature("a model with a head of its own kind", "model")
    if can.mixers:
        yield "model.mixers", Feature(f"a model of `{can.mixers[0]}`, which mixes tokens", "model")


def _of_experts(model: Loaded) -> Iterator[tuple[str, Feature]]:
    sizes: Counter[ParamRole] = Counter()
    for name, parameter in model.module.named_parameters():
        if role := model.roles.get(name):
            sizes[role] += parameter.numel()
    if experts := sizes[ParamRole.EXPERT]:
        share = experts / (experts + sizes[ParamRole.MATRIX])
        yield "model.experts", Feature(f"a mixture, whose experts are {share:.0%} of its layers' matrices", "model")


def _of_batch_norm(run: Run, model: Loaded) -> Iterator[tuple[str, Feature]]:
    """Of a model that is trained and normalises by the samples of a micro-batch."""
    names = live(model.module)
    if not names or not any(parameter.requires_grad for parameter in model.module.parameters()):
        return
    yield "model.batch_norm", Feature(f"the batch norm `{names[0]}`", "model")
    apart = [name for name in names if not isinstance(model.module.get_submodule(name), nn.SyncBatchNorm)]
    if apart:
        yield "model.batch_norm_apart", Feature(f"the batch norm `{apart[0]}`", "model")
    samples, wanted = run.train.batch_samples or BATCH_SAMPLES, run.train.micro_batch
    if isinstance(wanted, int) and wanted < samples:
        said, at = f"{wanted} of a step's {samples} samples", "train.micro_batch"
        yield "train.part_of_a_step", Feature(said, at, f"{at}={samples}")

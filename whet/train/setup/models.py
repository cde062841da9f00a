"""The models of a run: the one that is trained, and those that it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from whet.base.catalogue import model_source, objective, optimizer
from whet.base.run import Run
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Capabilities, Head, Loaded, Model
from whet.contracts.objective import Objective, Traits, traits_of
from whet.contracts.tuner import Tuner
from whet.generate.shadow_model import keep_shape
from whet.kernels.float8 import RECIPES, check_device
from whet.kernels.host_memory import host_memory
from whet.models.features.balance import RouterTotals
from whet.models.features.carried import install
from whet.models.features.logit_peaks import Peaks
from whet.models.features.longlora import Groups
from whet.models.features.mtp import FurtherTokens
from whet.models.features.neftune import Noise
from whet.models.features.value_head import ValueHead
from whet.models.forward import products
from whet.models.forward.activation_checkpointing import Checkpointing, apply_checkpointing
from whet.models.forward.activation_offload import ActivationOffload
from whet.models.loading.context import BuildContext
from whet.models.probing.probes import Packing, Verdict
from whet.models.tuners.full import Still
from whet.parallel.fill import fill
from whet.parallel.plan import ParallelPlan
from whet.parallel.shard import shard
from whet.parallel.sizes import asked_ranks, mesh_sizes, num_processes
from whet.parallel.world import World
from whet.train.setup.batch_norm import on_batch_norm
from whet.train.setup.chosen import Chosen
from whet.train.setup.precision import autocast_dtype
from whet.train.setup.preflight import check_family
from whet.train.setup.reference import begins_at_base, choose
from whet.train.setup.sources import Feed
from whet.train.setup.teacher import is_told, load_teacher, teacher_run
from whet.train.step.frozen import AdaptersOff, Frozen


def read_model(run: Run, chosen: Chosen) -> tuple[Any | None, int | None, str]:
    """The tokenizer, the context length and the family, before any weight is read.

    Raises ConfigError where the objective cannot train the family.
    """
    kind = model_source.get(run.model.kind)
    if kind.facts.read is None:
        return None, None, "causal"
    processor, context, family = kind.facts.read(**run.model.values())
    check_family(run, chosen, family)
    return processor, context, family


def check_mesh(run: Run) -> None:
    """Raise ModelError, with the arithmetic, where ranks that share the layers or the rows of a model cannot: of the
    model as its config has it, before any data is read. What a tuner adds is looked at once more when it is there."""
    sizes = mesh_sizes(run.parallel, max(num_processes(), asked_ranks(run.parallel)))
    if any(sizes.get(axis, 1) > 1 for axis in ("tensor", "context", "expert", "pipeline")):
        context = BuildContext(seed=run.seed, verdict=Verdict(True, "chunked", ()))
        ParallelPlan.of(model_source.get(run.model.kind).build(context, **run.model.values()), run.parallel, sizes)


def head_for(loss: Objective, fed: Feed) -> Head | None:
    """The head that the objective asks for, with the labels of the data where it has none of its own."""
    head = traits_of(loss).head
    return replace(head, labels=fed.labels) if head is not None and head.labels is None else head


def build_model(
    run: Run,
    world: World,
    method: Tuner,
    head: Head | None = None,
    features: Sequence[ModelFeature] = (),
    *,
    is_asked: bool = False,
    like: Capabilities | None = None,
    check: Callable[[Loaded], None] = lambda model: None,
) -> Loaded:
    """Build and tune the model on meta, recompute and compile as asked, shard it, and fill it with values.

    `features` are those of `features_for`; a model that is only asked has none. One that is run `like` another of its
    kind is not probed. `check` raises for a model that is built, and has no values yet.
    """
    model = model_on_meta(run, world.device, method, head, features, like=like, check=check)
    rolls = objective.get(run.objective.kind).facts.rollouts
    if not is_asked:
        multiply(model, run, world.device)
    apply_checkpointing(model, checkpointing_of(run, world.device))
    if not is_asked and (world.shares_layers or (world.mesh is not None and rolls)):
        keep_shape(model.module)
    forwards = [name for name in ("whet_run",) if hasattr(model.module, name)]
    shard(model, world, run.parallel, tuple(forwards), on_host=run.train.offload.weights)
    return fill(model, world, on_host=run.train.offload.weights)


def model_on_meta(
    run: Run,
    device: torch.device,
    method: Tuner,
    head: Head | None,
    features: Sequence[ModelFeature],
    *,
    like: Capabilities | None = None,
    check: Callable[[Loaded], None],
) -> Loaded:
    """The model without values, tuned, checked, and with its features."""
    dtype = weights_dtype(run, device, method, head)
    context = BuildContext(dtype, run.seed, method, head, features, _verdict_like(like) if like else None)
    model: Loaded = model_source.get(run.model.kind).build(context, **run.model.values())
    check(model)
    notices = (*model.capabilities.notices, *on_batch_norm(model))
    model = replace(model, capabilities=replace(model.capabilities, notices=notices))
    for feature in features:
        install(model, feature)
    return model


def weights_dtype(run: Run, device: torch.device, method: Tuner, head: Head | None) -> torch.dtype:
    """The dtype in which the run holds its model's weights."""
    is_apart = method.narrow and (head is None or head.kind == "none")  # a new head is trained in full precision
    narrow = run.train.precision == "bf16-pure" or (is_apart and autocast_dtype(run, device) is not None)
    return torch.bfloat16 if narrow else torch.float32


def _verdict_like(like: Capabilities) -> Verdict:
    return Verdict(like.packed, like.head, (), like.shares, Packing(like.attention, like.mixers))


def features_for(run: Run, method: Tuner, loss: Objective) -> tuple[ModelFeature, ...]:
    """All that touches the forward passes of the model that is trained: what its objective, tuner and optimizer need of
    them, and what `train` asks for."""
    return tuple(_features(run, method, traits_of(loss)))


def _features(run: Run, method: Tuner, told: Traits) -> Iterator[ModelFeature]:
    if told.values:
        yield ValueHead()
    if told.ahead:
        yield FurtherTokens(told.ahead)
    if run.train.neftune:
        yield Noise(run.train.neftune, run.seed)
    if run.train.balance:
        yield RouterTotals()
    if run.train.group:
        yield Groups(run.train.group)
    if "attention_logits" in optimizer.get(run.optimizer.kind).facts.needs:
        yield Peaks()
    yield from (*method.features, *told.features)


def multiply(model: Loaded, run: Run, device: torch.device) -> None:
    """Let layers multiply as `train.fp8` says. Raises RunError where the device cannot."""
    if run.train.fp8 != "none":
        check_device(run.train.fp8, device)
        products.install(model, RECIPES[run.train.fp8])


def checkpointing_of(run: Run, device: torch.device) -> Checkpointing:
    """What layers save for the backward pass, and where, as `train` says."""
    train = run.train
    offload = ActivationOffload(host_memory(device)) if train.offload.activations else None
    return Checkpointing(train.recompute, train.recompute_every, offload, "inductor" if train.compile else None)


def reference_way(
    run: Run, world: World, model: Loaded, loss: Objective, fed: Feed, pinned: Mapping[str, Any]
) -> str | None:
    """How the objective's reference is had, if it compares with one; a resumed run keeps its way."""
    wanted = traits_of(loss).reference
    if wanted is None:
        return None
    if pinned.get("reference"):
        return pinned["reference"]
    return choose(
        wanted,
        has_adapters=begins_at_base(model, world),
        is_stored_possible=bool(fed.data),
        epochs=fed.epochs(run),
    )


def models_beside(run: Run, world: World, model: Loaded, loss: Objective, way: str | None) -> dict[str, Model]:
    """The models that the objective asks beside the trained one: a teacher, or a reference that is had in this way."""
    taught = traits_of(loss).taught
    if taught is not None and not is_told(taught):
        return {"teacher": load_teacher(lambda: build_model(teacher_run(run, taught, world), world, Still()))}
    if way == "copy":
        twin = build_model(run, world, Still(), is_asked=True)
        return {"reference": Frozen(twin.module, twin.model)}
    return {"reference": AdaptersOff(model.module, model.model)} if way == "adapters" else {}

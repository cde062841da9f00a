"""What a step of a run will hold of memory: it is taken on tensors without values, and what lives is written down.

The executor, model, tuner, objective and optimizer are the run's own, so nothing of them is described a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from whet.base.catalogue import tuner
from whet.base.run import Run
from whet.contracts.batch import Batch
from whet.contracts.example import Example
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Head, Loaded, Model
from whet.contracts.objective import traits_of
from whet.contracts.sample import Sample
from whet.contracts.tuner import Tuner
from whet.data.order.collate import collate
from whet.data.render.seq2seq import paired
from whet.data.store.teacher_logits import example_told, read_facts
from whet.kernels.float8 import RECIPES
from whet.kernels.host_memory import memory_made_by
from whet.models.features.carried import install
from whet.models.forward import products
from whet.models.forward.activation_checkpointing import apply_checkpointing
from whet.models.loading.context import BuildContext
from whet.models.tuners.full import Still
from whet.models.tuning.wrapper import wrapper_of
from whet.parallel.fill import materialise
from whet.parallel.shard import shard
from whet.parallel.world import World
from whet.plan.models.find import config_of
from whet.plan.timeline import Moment
from whet.plan.tracing.hollow import held_bytes, hollow, model_on_meta
from whet.plan.tracing.live import Timeline, Watch, storages, watched
from whet.plan.tracing.traced_host_memory import TracedHostMemory
from whet.plan.tracing.workspaces import Processor
from whet.train.setup.chosen import chosen_of
from whet.train.setup.models import checkpointing_of, features_for, weights_dtype
from whet.train.setup.teacher import Teacher, is_told, teacher_run
from whet.train.setup.trained import Trained
from whet.train.source_kind import source_of
from whet.train.step.frozen import AdaptersOff, Frozen
from whet.train.step.phases import Phases

CPU = torch.device("cpu")
ALONE = World(CPU)
OFFLOADED = "offloaded"  # the component of what lies on the host, which counts for nothing
_PHASES = {"forward_s": "forward", "backward_s": "backward", "update_s": "step"}


@dataclass(frozen=True, slots=True)
class Hollow:
    """A run's parts without values; `mode` is what its tensors are of, `reference` how one is had where the objective
    asks for it, `beside` other modules that the run holds, and `host_memories` those that it does not count."""

    trained: Trained
    mode: FakeTensorMode
    reference: str | None = None
    beside: Sequence[torch.nn.Module] = ()
    host_memories: Sequence[TracedHostMemory] = ()


def hollow_run(run: Run, config: Mapping[str, Any], world: World = ALONE, device: str = "cpu") -> Hollow:
    """All that trains the run on the model of `config`, as one rank of a world has it, for a kind of `device`.

    A reference is had as the objective says; where it leaves that open, without the adapters or from what was stored. A
    teacher that is asked in every step lies beside. Raises WhetError for what would refuse the run once its model is
    built.
    """
    host_memories: list[TracedHostMemory] = []

    def made(device: torch.device) -> TracedHostMemory:
        host_memories.append(TracedHostMemory(device))
        return host_memories[-1]

    with memory_made_by(made):
        return replace(_hollow_run(run, config, world, device), host_memories=host_memories)


def _hollow_run(run: Run, config: Mapping[str, Any], world: World, device: str) -> Hollow:
    chosen, method = chosen_of(run), tuner.get(run.tuner.kind).build(**run.tuner.values())
    loss = source_of(run).loss(run, chosen)
    traits, mode = traits_of(loss), FakeTensorMode(allow_non_fake_inputs=True)
    made = partial(_model, run, config, world, mode)
    loaded = made(method, head=_labelled(traits.head), features=features_for(run, method, loss))
    way: str | None = traits.reference
    if way == "auto":
        way = "stored" if wrapper_of(loaded.module) is None else "adapters"
    others: dict[str, Model] = {"reference": AdaptersOff(loaded.module, loaded.model)} if way == "adapters" else {}
    beside = []
    if way == "copy":
        twin = made(Still())
        others, beside = {"reference": Frozen(twin.module, twin.model)}, [twin.module]
    taught = traits.taught
    if taught is not None and not is_told(taught):
        narrow = taught.precision == "bf16" or (taught.precision == "auto" and device == "cuda")
        own = teacher_run(run, replace(taught, precision="bf16" if narrow else "fp32"), world)
        twin = _model(own, config_of(own.model.values()), world, mode, Still())
        others, beside = {"teacher": Teacher(twin.module, twin.model)}, [twin.module]
    return Hollow(Trained.of(run, world, loaded, method, loss, others), mode, way, beside)


def _labelled(head: Head | None) -> Head | None:
    """With two classes, where the data would tell how many there are."""
    return replace(head, labels=("0", "1")) if head is not None and head.labels is None else head


def _model(
    run: Run,
    config: Mapping[str, Any],
    world: World,
    mode: FakeTensorMode,
    method: Tuner,
    *,
    head: Head | None = None,
    features: Sequence[ModelFeature] = (),
) -> Loaded:
    """As `whet.train.setup.models.build_model` builds it, but for values, and for whether it is compiled."""
    context = BuildContext(weights_dtype(run, CPU, method, head), run.seed, method, head, features)
    source = run.model.values()
    made = model_on_meta(config, context, quantize=source.get("quantize"), keep=source.get("keep", ()))
    for feature in features:
        install(made, feature)
    if run.train.fp8 != "none":  # whether a card has such products is for who asks to say: here they have shapes alone
        products.install(made, RECIPES[run.train.fp8])
    apply_checkpointing(made, replace(checkpointing_of(run, CPU), compiled=None))
    shard(made, world, run.parallel, ("whet_run",), on_host=run.train.offload.weights)
    if world.mesh is None:
        hollow(made.module, mode)
    else:
        with mode:
            materialise(made.module, world.device)
    return made


def example_batch(trained: Trained, lengths: Sequence[int], reference: str | None = None) -> Batch:
    """A made-up micro-batch of samples of these lengths, with what a reference has said of them where it is stored."""
    example, vocab = _example(trained), trained.loaded.vocab or 1
    made = [example((np.arange(length) * 7919 % vocab).astype(np.int32)) for length in lengths]
    if reference in ("adapters", "copy"):
        made = [replace(one, fields={n: v for n, v in one.fields.items() if n != "reference"}) for one in made]
    if (taught := traits_of(trained.objective).taught) is not None and is_told(taught):
        top = taught.top or read_facts(Path(str(taught.path)))["top"]
        made = [example_told(one, top) for one in made]
    return collate(made, shared=trained.loaded.capabilities.shares)


def _example(trained: Trained) -> Example:
    """What makes up a sample; forms that need a tokenizer are told by the model's family."""
    chosen, family = chosen_of(trained.run), trained.loaded.capabilities.family
    if chosen.reading is not None or family == "causal":
        return traits_of(trained.objective).example_of(chosen.reading)
    if family == "seq2seq":
        return _two_sided
    return partial(_masked, trained.run.objective.values().get("rate", 1.0))


def _two_sided(ids: np.ndarray) -> Sample:
    half = max(1, len(ids) // 2)
    return paired(ids[:half], ids[half:], np.ones(len(ids) - half, np.float32), Sample(ids, np.zeros(len(ids))))


def _masked(rate: float, ids: np.ndarray) -> Sample:
    weights = np.zeros(len(ids), np.float32)
    weights[: max(1, round(rate * len(ids)))] = 1.0
    return Sample(ids, weights, is_in_place=True, kind="bidirectional")


def foresee(run: Hollow, batches: Sequence[Batch], processor: Processor | None = None) -> list[Moment]:
    """The highest moment of each part of a step over these micro-batches, with the optimizer's state and while it is
    made, if there is none yet; on a `processor` with what its ops take inside."""
    trained, timeline = run.trained, Timeline()
    weights, _ = trained.executor.weigh(batches, {})
    kinds: dict[int, str] = {}
    held = {
        "weights": held_bytes(trained.loaded.module), "beside": held_bytes(*run.beside),
        "optimizer": _state_bytes(run),
    }  # fmt: skip
    steps = [batches] if held["optimizer"] else [batches[:1], batches]
    with run.mode, watched(timeline, processor, resizes=trained.world.mesh is not None) as watch:
        marking = _Marking(timeline, watch, run, kinds)
        executor = replace(trained.executor, phases=marking, losses=None, layers=None)
        with marking.layers():
            for index, own in enumerate(steps):
                executor.step(index, own, weights, 1.0)
                marking.note_state()
        timeline.mark(("save", ""))
    kinds |= dict.fromkeys(watch.kernels, "overhead")
    return list(moments(timeline, kinds, held))


def _state_bytes(run: Hollow) -> int:
    states = [value for state in run.trained.optimizer.state.values() for value in state.values()]
    return sum({s._cdata: s.nbytes() for s in storages(states) if not _is_offloaded(run, s)}.values())


def _is_offloaded(run: Hollow, storage: torch.UntypedStorage) -> bool:
    return any(storage._cdata in one.storages for one in run.host_memories)


class _Marking(Phases):
    """Marks the phases of a step, and its layers, and notes what gradients and the optimizer hold."""

    def __init__(self, timeline: Timeline, watch: Watch, run: Hollow, kinds: dict[int, str]) -> None:
        super().__init__()
        self._timeline, self._watch, self._run, self._kinds = timeline, watch, run, kinds
        self._trained = run.trained
        self._phase = ""

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        if name in _PHASES:
            self._phase = _PHASES[name]
            self._timeline.mark((self._phase, ""))
        yield
        if self._phase == "backward":
            module = self._trained.loaded.module
            self._note("gradients", (p.grad for p in module.parameters() if p.grad is not None))

    def note_state(self) -> None:
        states = self._trained.optimizer.state.values()
        self._note("optimizer", (value for state in states for value in state.values()))

    def _note(self, kind: str, tensors: Iterator[Any]) -> None:
        for storage in storages(list(tensors)):
            if (number := self._watch.numbers.get(storage._cdata)) is not None:
                self._kinds[number] = OFFLOADED if _is_offloaded(self._run, storage) else kind

    @contextmanager
    def layers(self) -> Iterator[None]:
        """Inside, a mark stands where each layer begins, forward and backward."""
        loaded = self._trained.loaded
        with ExitStack() as stack:
            for number, name in enumerate(loaded.layers):
                layer = loaded.module.get_submodule(name)
                before = layer.register_forward_pre_hook(partial(self._begin, number))
                after = layer.register_forward_hook(partial(self._end, number, number == len(loaded.layers) - 1))
                stack.callback(before.remove)
                stack.callback(after.remove)
            yield

    def _begin(self, number: int, module: Any, args: Any) -> None:
        self._timeline.mark((self._phase, f"layer {number}"))

    def _end(self, number: int, is_last: bool, module: Any, args: Any, out: Any) -> None:
        states = out[0] if isinstance(out, tuple) else out
        if isinstance(states, torch.Tensor) and states.requires_grad:
            states.register_hook(lambda grad: self._timeline.mark(("backward", f"layer {number}")))
        if is_last and self._phase == "forward":
            self._timeline.mark(("loss", ""))


def moments(timeline: Timeline, kinds: Mapping[int, str], held: Mapping[str, int]) -> Iterator[Moment]:
    """The highest moment of each stretch of a timeline that has the same name, in the order of their first marks.
    `held` is what was there before, by component."""
    kept = _kept(timeline)
    totals = {"weights": 0.0, "gradients": 0.0, "optimizer": 0.0, "activations": 0.0, "working": 0.0, **held}
    totals["overhead"] = 0.0
    highest: dict[tuple[str, str], Moment] = {}
    name = ("forward", "")
    for what, number in [*timeline.events, ("at", ("save", ""))]:
        if what == "at":
            name = number
        elif kinds.get(number) != OFFLOADED:
            kind = kinds.get(number, "activations" if number in kept else "working")
            num_bytes = timeline.pieces[number][0]
            totals[kind] += num_bytes if what == "+" else -num_bytes
        total = sum(totals.values())
        if name not in highest or total > highest[name].total:
            highest[name] = Moment(*name, {part: size for part, size in totals.items() if size})
    yield from highest.values()


def _kept(timeline: Timeline) -> set[int]:
    """Pieces that a forward pass leaves for the backward pass."""
    alive: set[int] = set()
    found: set[int] = set()
    for what, number in timeline.events:
        if what == "+":
            alive.add(number)
        elif what == "-":
            alive.discard(number)
        elif number == ("backward", ""):
            found |= alive
    return found

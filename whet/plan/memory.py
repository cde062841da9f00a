"""Memory of a rank over one step: what is alive at every moment, by component, and the moment when it is most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from whet.plan.architecture import FIRST, LayerMemory, StepMemory, Stretch
from whet.plan.formulas import total
from whet.plan.job import Job
from whet.plan.models.planned import Tensor
from whet.plan.timeline import MemoryPlan, Moment, Stage, with_overhead


def plan_memory(job: Job) -> MemoryPlan:
    """The memory of the rank that takes most: of a pipeline the first, which holds most micro-batches, or the last."""
    plans = [MemoryPlan(stage, list(_Rank(job, stage).moments())) for stage in _stages(job)]
    return max(plans, key=lambda plan: plan.peak.total)


def _stages(job: Job) -> list[Stage]:
    layers, ranks = range(len(job.model.layers)), job.mesh.pipeline
    if ranks == 1:
        return [Stage("", layers)]
    each = -(-len(layers) // ranks)
    first = Stage("the first stage", layers[:each], is_last=False, in_flight=min(job.num_micro, ranks))
    return [first, Stage("the last stage", layers[-each:], is_first=False)]


class _Rank:
    """One rank of a stage, walked through a step. Sums are of bytes as this rank holds them."""

    def __init__(self, job: Job, stage: Stage) -> None:
        self.job, self.stage, self.sizes = job, stage, job.sizes
        self.step: StepMemory = job.model.architecture.step(job.mode)
        self.is_sharded = job.mesh.shards > 1
        is_more = job.num_micro > 1
        # Whole gradients of a layer are made for each micro-batch where they are then summed into shards.
        self.turn = "more" if is_more and not self.is_sharded else "first"
        share, zero = (job.mesh.shards, job.mesh.zero) if self.is_sharded else (1, 3)
        part = self._part()
        weights = sum(item * tensor.numbers * part(tensor) for tensor, item in job.weights())
        learned = sum(tensor.numbers * part(tensor) for tensor in job.learned()) * job.learned_item
        own = 0.0 if job.is_whole else learned
        self.weights = (weights + own) / (share if zero == 3 and job.quantize is None else 1)
        self.gradients = learned / (share if zero >= 2 else 1)
        self.optimizer = job.state_bytes() * self._share_of_stage() / share
        self.gathered = self._gathered() if self.is_sharded and zero == 3 else 0.0
        self.had = self.gradients if is_more else 0.0
        self.unpacked = self._unpacked()
        self.measures: dict[int, tuple[tuple[float, float], tuple[float, float]]] = {}

    def moments(self) -> Iterator[Moment]:
        job, held = self.job, 0.0
        made = 0.0
        queued = (self.stage.in_flight - 1) * self._saved()
        kinds = [(number, job.model.layers[number]) for number in self.stage.layers]
        if self.stage.is_first:
            yield self._at("forward", "embedding", self.step.before, held + queued, made)
        held += self._measured(self.step.before)[0][0]
        for number, kind in kinds:
            stretch = self._layer(number, kind).forward
            yield self._at("forward", f"layer {number}", stretch, held + queued, made)
            held += self._measured(stretch)[0][0]
        dropped = sum(total(self._layer(number, kind).dropped, self.sizes) for number, kind in kinds)
        if self.stage.is_last:
            stretch = self.step.head[self.turn]
            yield self._at("loss", "", stretch, held + queued, made)
            held, made = self._after(stretch, held, made)
        held -= dropped
        for number, kind in reversed(kinds):
            stretch = self._layer(number, kind).backward[self.turn]
            yield self._at("backward", f"layer {number}", stretch, held + queued, made)
            held, made = self._after(stretch, held, made)
        if self.stage.is_first:
            yield self._at("backward", "embedding", self.step.after[self.turn], held + queued, made)
        yield self._still("step", self.gradients)
        yield self._still("save", 0.0)

    def _layer(self, number: int, kind: str) -> LayerMemory:
        return self.step.layers[FIRST if number == 0 and FIRST in self.step.layers else kind]

    def _after(self, stretch: Stretch, held: float, made: float) -> tuple[float, float]:
        (left, gradients), _ = self._measured(stretch)
        return held + left, made + (0.0 if self.is_sharded else gradients)

    def _at(self, phase: str, what: str, stretch: Stretch, held: float, made: float) -> Moment:
        _, (high, gradients) = self._measured(stretch)
        return self._moment(phase, what, {
            "gathered": self.gathered, "gradients": self.had + made + (0.0 if self.is_sharded else gradients),
            "activations": max(held, 0.0),
            "working": high + min(held, 0.0) + (gradients if self.is_sharded else 0.0) + self.unpacked,
        })  # fmt: skip

    def _still(self, phase: str, gradients: float) -> Moment:
        return self._moment(phase, "", {"gradients": gradients})

    def _moment(self, phase: str, what: str, parts: Mapping[str, float]) -> Moment:
        known = {"weights": self.weights, "optimizer": self.optimizer, **parts}
        return with_overhead(Moment(phase, what, known), self.job.card, self.job.mesh.ranks)

    def _saved(self) -> float:
        """Activations of one micro-batch that wait in this stage for their backward pass."""
        layers = [self._layer(number, self.job.model.layers[number]) for number in self.stage.layers]
        return sum(self._measured(one.forward)[0][0] - total(one.dropped, self.sizes) for one in layers)

    def _measured(self, stretch: Stretch) -> tuple[tuple[float, float], tuple[float, float]]:
        """What a stretch leaves, and its highest tide; layers of one kind share theirs."""
        if id(stretch) not in self.measures:
            self.measures[id(stretch)] = stretch.leaves(self.sizes), stretch.highest(self.sizes)
        return self.measures[id(stretch)]

    def _part(self):  # type: ignore[no-untyped-def]
        """Which share of the layers' weights, and which ends, this stage holds."""
        counts = dict.fromkeys(self.job.model.layers, 0)
        for number in self.stage.layers:
            counts[self.job.model.layers[number]] += 1

        def part(tensor: Tensor) -> float:
            if tensor.layer is not None:
                # Experts are dealt among the ranks that shard, so these cut them no further than they are many.
                dealt = min(self.job.mesh.expert, self.job.mesh.shards) if tensor.role == "expert" else 1
                return dealt * counts[tensor.layer] / max(tensor.times, 1)
            is_here = self.stage.is_first if tensor.role == "embedding" else self.stage.is_last
            return float(is_here)

        return part

    def _share_of_stage(self) -> float:
        part, learned = self._part(), list(self.job.learned())
        whole = sum(tensor.numbers for tensor in learned)
        return sum(tensor.numbers * part(tensor) for tensor in learned) / whole if whole else 0.0

    def _gathered(self) -> float:
        """Whole weights on this rank for a while: the ends through forward and backward, a layer, and the next one."""
        part, ends, layers = self._part(), 0.0, dict.fromkeys(self.job.model.layers, 0.0)
        for tensor, item in self.job.weights():
            if tensor.layer is None:
                ends += item * tensor.numbers * part(tensor)
            elif self.job.quantize is None:
                layers[tensor.layer] += item * tensor.numbers / tensor.times
        return ends + 2 * max(layers.values())

    def _unpacked(self) -> float:
        """The largest packed matrix as it is multiplied: dense, in the dtype of the products."""
        if self.job.quantize is None:
            return 0.0
        return max(2.0 * t.numbers / t.times for t, _ in self.job.weights() if t.layer is not None)

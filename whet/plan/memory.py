"""Memory of a rank over one step: what is alive at every moment, by component, and the moment when it is most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from whet.plan.architecture import FIRST, LayerMemory, StepMemory, Stretch
from whet.plan.formulas import total
from whet.plan.job import Job
from whet.plan.models.planned import Tensor
from whet.plan.sequence import spread
from whet.plan.stages import stages_of
from whet.plan.timeline import MemoryPlan, Moment, Stage, with_overhead


def plan_memory(job: Job) -> MemoryPlan:
    """The memory of the rank that takes most, of those of a pipeline."""
    return max(rank_plans(job), key=lambda plan: plan.peak.total)


def rank_plans(job: Job) -> list[MemoryPlan]:
    """The memory of each rank of the pipeline; of one rank where there is none."""
    ranks = [RankMemory(job, stage) for stage in stages_of(job)]
    return [MemoryPlan(rank.stage, list(rank.moments()), rank.host_bytes) for rank in ranks]


class RankMemory:
    """One rank of a stage, walked through a step. Sums are of bytes as this rank holds them.

    `turn` says whether gradients are made or added to, `kept` which part of made ones stays here, `had` those of other
    micro-batches; `kept_whole` and `buffer` are gathered weights, `unpacked` a packed matrix as it is multiplied.
    """

    def __init__(self, job: Job, stage: Stage) -> None:
        self.job, self.stage, self.sizes = job, stage, job.sizes
        self.step: StepMemory = job.model.architecture.step(job.mode)
        self.layers: dict[tuple[str, bool, bool], LayerMemory] = {}
        self.is_sharded, self.zero = job.mesh.shards > 1 or job.on_host, job.mesh.zero
        is_more = job.num_micro > 1
        # Whole gradients of a layer are made for each micro-batch where they are then summed into shards.
        is_added = is_more and (not self.is_sharded or self.zero == 1)
        self.turn = "more" if is_added else "first"
        held, learned = list(self._held(job.weights())), [(t, times) for t, times in self._held_learned()]
        own = 0.0 if job.is_whole else sum(t.numbers * part / self._cut(t) for t, part in learned) * job.learned_item
        self.weights = own + sum(size / (self._cut(t) if job.quantize is None else 1) for t, size in held)
        whole = sum(tensor.numbers * part for tensor, part in learned) * job.learned_item
        shards = sum(tensor.numbers * part / self._cut(tensor) for tensor, part in learned) * job.learned_item
        self.gradients = shards
        # Of gradients as they are made, what is left of them here: shards, but where ranks sum them once a step.
        self.kept = shards / whole if whole and not is_added else 1.0
        state = sum(job.state_bytes(tensor) * part / self._cut(tensor) for tensor, part in learned)
        self.optimizer = state * (1 - job.offload)
        self.kept_whole, self.buffer = self._gathered() if self.is_sharded and job.quantize is None else (0.0, 0.0)
        # What other micro-batches have left: whole gradients where ranks sum them once a step.
        self.had = (whole if is_added else self.gradients) if is_more else 0.0
        self.host_bytes = state * job.offload
        if job.on_host and is_more:  # shards of one rank are as large as what is added to them, which does not stay
            self.kept = 0.0
        if job.on_host and job.card.device != "cpu":  # shards, with their gradients and state
            stays = self.weights if job.quantize is not None else 0.0  # packed weights are whole where they multiply
            self.host_bytes = self.weights - stays + shards + state
            self.weights, self.gradients = stays, 0.0
            self.optimizer = self.kept = self.had = 0.0
        # The copy that checkpoints are written from: what is trained, and its state.
        copy = (shards + state) * job.saves_beside
        is_cpu = job.card.device == "cpu"
        self.beside = copy if is_cpu else 0.0
        self.host_bytes += 0.0 if is_cpu else copy
        self.unpacked = self._unpacked()
        self.measures: dict[int, tuple[tuple[float, float], tuple[float, float]]] = {}

    def moments(self) -> Iterator[Moment]:
        job, held = self.job, 0.0
        made = 0.0
        queued = max(0, self.stage.in_flight - self.stage.runs) * self._saved() / self.stage.runs
        kinds = [(number, job.model.layers[number]) for number in self.stage.layers]
        if self.stage.is_first:
            yield self._at("forward", "embedding", self.step.before, held + queued, made)
        held += self._measured(self.step.before)[0][0]
        for number, kind in kinds:
            stretch = self.layer(number, kind).forward
            yield self._at("forward", f"layer {number}", stretch, held + queued, made)
            held += self._measured(stretch)[0][0]
        dropped = sum(total(self.layer(number, kind).dropped, self.sizes) for number, kind in kinds)
        if self.stage.is_last:
            stretch = self.step.head[self.turn]
            yield self._at("loss", "", stretch, held + queued, made)
            held, made = self._after(stretch, held, made)
        held -= dropped
        for number, kind in reversed(kinds):
            stretch = self.layer(number, kind).backward[self.turn]
            yield self._at("backward", f"layer {number}", stretch, held + queued, made)
            held, made = self._after(stretch, held, made)
        if self.stage.is_first:
            yield self._at("backward", "embedding", self.step.after[self.turn], held + queued, made)
        yield self._still("step", self.gradients)
        yield self._still("save", 0.0)

    def layer(self, number: int, kind: str) -> LayerMemory:
        """What was traced of the layer of this number."""
        found = self.step.layers[FIRST if number == 0 and FIRST in self.step.layers else kind]
        if not self.job.mesh.sequence or self.job.mesh.tensor == 1:
            return found
        place = (kind, number == 0, number == len(self.job.model.layers) - 1)
        if place not in self.layers:
            self.layers[place] = spread(found, self.job, place[1], place[2])
        return self.layers[place]

    def _after(self, stretch: Stretch, held: float, made: float) -> tuple[float, float]:
        (left, gradients), _ = self._measured(stretch)
        return held + left, made + gradients * self.kept

    def _at(self, phase: str, what: str, stretch: Stretch, held: float, made: float) -> Moment:
        _, (high, gradients) = self._measured(stretch)
        return self._moment(phase, what, {
            "gathered": self.kept_whole + self._comes(phase) * self.buffer,
            "gradients": self.had + made + gradients * self.kept,
            "activations": max(held, 0.0),
            "working": high + min(held, 0.0) + gradients * (1.0 - self.kept) + self.unpacked,
        })  # fmt: skip

    def _comes(self, phase: str) -> int:
        """Layers that lie there as they come: this one and, where it is to go again, the next of this stage."""
        return min(2, len(self.stage.layers)) if self.zero == 3 and phase != "loss" else 1

    def _still(self, phase: str, gradients: float) -> Moment:
        return self._moment(phase, "", {"gradients": gradients})

    def _moment(self, phase: str, what: str, parts: Mapping[str, float]) -> Moment:
        known = {"weights": self.weights, "beside": self.beside, "optimizer": self.optimizer, **parts}
        return with_overhead(Moment(phase, what, known), self.job.card, self.job.mesh.ranks, self.job.measured)

    def _saved(self) -> float:
        """Activations of one micro-batch in all layers of this rank, which wait there for their backward pass."""
        layers = [self.layer(number, self.job.model.layers[number]) for number in self.stage.layers]
        return sum(self._measured(one.forward)[0][0] - total(one.dropped, self.sizes) for one in layers)

    def _measured(self, stretch: Stretch) -> tuple[tuple[float, float], tuple[float, float]]:
        """What a stretch leaves, and its highest tide; layers of one kind share theirs."""
        if id(stretch) not in self.measures:
            self.measures[id(stretch)] = stretch.leaves(self.sizes), stretch.highest(self.sizes)
        return self.measures[id(stretch)]

    def _cut(self, tensor: Tensor) -> int:
        """Ranks that FSDP cuts a weight into: of experts that ranks have for themselves, those with the same ones."""
        is_dealt = tensor.role == "expert" and self.job.mesh.expert > 1
        return self.job.mesh.pieces("part" if is_dealt else "fsdp")

    def _share(self, tensor: Tensor) -> float:
        """Of tensors like this how many, of those that there are, this stage has."""
        stage, model = self.stage, self.job.model
        if tensor.layer is not None:
            return sum(model.layers[number] == tensor.layer for number in stage.layers) / max(tensor.times, 1)
        if tensor.role == "embedding":
            return float(stage.is_first or (stage.is_last and model.is_tied))
        return float(stage.is_last)

    def _held(self, weights: Iterable[tuple[Tensor, float]]) -> Iterator[tuple[Tensor, float]]:
        """Each tensor with its bytes in this stage, before FSDP cuts it."""
        return ((tensor, item * tensor.numbers * self._share(tensor)) for tensor, item in weights)

    def _held_learned(self) -> Iterator[tuple[Tensor, float]]:
        return ((tensor, self._share(tensor)) for tensor in self.job.learned())

    def _gathered(self) -> tuple[float, float]:
        """Whole weights on this rank: those that stay through forward and backward (the ends; with ZeRO 1 and 2, which
        do not cut them again in between, all), and the largest layer: as it comes it lies there once more, and the next
        one comes beside it."""
        ends, layers = 0.0, dict.fromkeys(self.job.model.layers, 0.0)
        for tensor, num_bytes in self._held(self.job.weights()):
            if tensor.layer is None:
                ends += num_bytes
            else:
                layers[tensor.layer] += num_bytes
        counts = {kind: max(1, sum(self.job.model.layers[n] == kind for n in self.stage.layers)) for kind in layers}
        largest = max(size / counts[kind] for kind, size in layers.items())
        return ends + (sum(layers.values()) if self.zero < 3 else 0.0), largest

    def _unpacked(self) -> float:
        """The largest packed matrix as it is multiplied: dense, in the dtype of the products."""
        if self.job.quantize is None:
            return 0.0
        return max(2.0 * t.numbers / t.times for t, _ in self.job.weights() if t.layer is not None)

"""How long a step takes: work over the rate of the card, bytes over its memory, talk over its links; and the price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whet.plan.job import Job

# Shares of the data sheet's figures that training reaches. Compute: 33 to 39 % reported for 8B on eight H100 in bf16
# (torchtitan), 41 to 48 % at scale (Megatron). Bytes and links: usual shares. None was measured by whet.
COMPUTE, MEMORY, LINK = 0.37, 0.8, 0.7
# Between nodes, and between cards of a node that tells of no link (PCIe 4.0 x16): GB/s a card. Assumed.
NETWORK_GBS, PCIE_GBS = 50.0, 25.0
# Passes that multiply with every weight: forward, and backward for the inputs and for the weights.
_FORWARD, _INPUTS, _WEIGHTS = 1, 1, 1


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a step on all ranks together, by what they go to; `tokens` are those of the step."""

    compute_s: float
    talk_s: float
    waiting_s: float
    update_s: float
    tokens: int

    @property
    def step_s(self) -> float:
        return self.compute_s + self.talk_s + self.waiting_s + self.update_s

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.step_s


def speed(job: Job) -> Speed | None:
    """The estimate; None for a card of which no rate is known."""
    dtypes = ("fp32", "tf32") if job.precision == "fp32" else ("bf16", "fp16", "fp32")
    rate = next((found for dtype in dtypes if (found := job.card.rate(dtype))), None)
    bandwidth = job.card.figures.get("bandwidth_gbs")
    if rate is None or bandwidth is None:
        return None
    tokens = job.micro * job.num_micro * job.mesh.readers
    compute = token_flops(job) * tokens / (job.mesh.ranks * rate.value * 1e12 * COMPUTE)
    learned = sum(tensor.numbers for tensor in job.learned())
    state = sum(job.state_bytes(tensor) for tensor in job.learned())
    moved = 2 * (state + learned * 2 * job.learned_item) / job.mesh.shards / job.mesh.pipeline
    talk, sharing = sum(_tensor(job), 0.0), sum(_sharding(job), 0.0)
    hidden = max(0.0, sharing - compute)  # what is sent while layers are computed costs what is left of it
    waiting = compute * (job.mesh.pipeline - 1) / job.num_micro
    return Speed(compute, talk + hidden, waiting, moved / (bandwidth.value * 1e9 * MEMORY), tokens)


def token_flops(job: Job) -> float:
    """Floating-point operations for a token of a training step, on all ranks together."""
    model, sizes = job.model, job.model.sizes
    share = sizes.get("num_experts_per_tok", 1.0) / sizes.get("num_experts", 1.0)
    layers = sum(
        t.numbers * (share if t.role == "expert" else 1.0) for t in model.tensors() if t.layer and len(t.shape) > 1
    )
    head = sizes["vocab_size"] * sizes["hidden_size"]
    width = sizes["num_attention_heads"] * (sizes.get("v_head_dim") or sizes["head_dim"])
    seen = len(model.layers) * job.length * width  # of two products, and half of the tokens before, on average
    passes = _FORWARD + _INPUTS + (_WEIGHTS if job.is_whole else 0)
    return 2 * (layers * (passes + job.recompute) + head * passes) + 2 * seen * (3 + job.recompute)


def _tensor(job: Job) -> Iterator[float]:
    """Seconds of the sums within layers: two forward and two backward, of a micro-batch's hidden states."""
    parts = job.mesh.tensor
    if parts > 1:
        item = 4 if job.precision == "fp32" else 2
        states = item * job.sizes["tokens"] * job.model.sizes["hidden_size"]
        layers = len(job.model.layers) / job.mesh.pipeline
        sums = 4 + 2 * job.recompute
        yield sums * layers * job.num_micro * 2 * (parts - 1) / parts * states / _link(job, parts)


def _sharding(job: Job) -> Iterator[float]:
    """Seconds of gathering weights and adding gradients, of which most goes on beside the layers."""
    mesh = job.mesh
    weights = sum(item * tensor.numbers for tensor, item in job.weights()) / mesh.pipeline
    gradients = sum(t.numbers for t in job.learned()) * job.learned_item / mesh.pipeline
    if mesh.shards > 1 and job.quantize is None:
        link = _link(job, mesh.shards * mesh.tensor)
        times = 2 * job.num_micro if mesh.zero == 3 else 1
        sums = job.num_micro if mesh.zero >= 2 else 1
        yield (times * weights + sums * gradients) * (mesh.shards - 1) / mesh.shards / link
    if mesh.replicate > 1:
        yield 2 * gradients * (mesh.replicate - 1) / mesh.replicate / mesh.shards / (NETWORK_GBS * 1e9 * LINK)


def _link(job: Job, ranks: int) -> float:
    """Bytes a second between so many neighbouring ranks."""
    figures = job.card.figures
    a_node = figures["a_node"].value if "a_node" in figures else 1
    if ranks > a_node:
        return NETWORK_GBS * 1e9 * LINK
    return (figures["link_gbs"].value / 2 if "link_gbs" in figures else PCIE_GBS) * 1e9 * LINK


@dataclass(frozen=True, slots=True)
class Bill:
    """What a training of so many tokens takes: hours of the clock, money, and kilowatt hours of the cards."""

    hours: float
    price: float | None
    energy_kwh: float | None


def bill(job: Job, found: Speed, tokens: float, price_an_hour: float | None) -> Bill:
    """`price_an_hour` is that of one card."""
    hours, watts = tokens / found.tokens_per_s / 3600, job.card.figures.get("watts")
    cards = job.mesh.ranks
    return Bill(
        hours, None if price_an_hour is None else hours * cards * price_an_hour,
        None if watts is None else hours * cards * watts.value / 1000,
    )  # fmt: skip

"""How long a step takes: work over the rate of the card, bytes over its memory, talk over its links; and the price."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from whet.base.mesh import Mesh
from whet.plan.calibration import Usual, numbers_of, rate_words, update_of
from whet.plan.job import Job
from whet.plan.subject import Speed

# Shares of the data sheet's figures that training reaches. Compute: 33 to 39 % reported for 8B on eight H100 in bf16
# (torchtitan), 41 to 48 % at scale (Megatron). Bytes and links: usual shares. None was measured by whet.
COMPUTE, MEMORY, LINK = 0.37, 0.8, 0.7
# Between nodes, and between cards of a node that tells of no link (PCIe 4.0 x16): GB/s a card. Assumed.
NETWORK_GBS, PCIE_GBS = 50.0, 25.0
# Passes that multiply with every weight: forward, and backward for the inputs and for the weights.
_FORWARD, _INPUTS, _WEIGHTS = 1, 1, 1


def speed(job: Job) -> Speed | None:
    """What finished runs say, else the estimate; None for a card of which neither is known."""
    return _measured(job) or _estimated(job)


def _measured(job: Job) -> Speed | None:
    """By the rates of runs on this mesh, which talked as much; else by those on one rank, with estimated talk."""
    if job.measured is None:
        return None
    numbers = numbers_of(job.precision, job.quantize)
    own, alone = (job.measured.rates.get((numbers, str(mesh))) for mesh in (job.mesh, Mesh()))
    rate = own if own is not None or job.card.kind == "cpu" else alone  # ranks of a processor share its cores
    if rate is None:
        return None
    compute = _work_s(job, rate.value)
    update, but = _measured_update(job, job.measured.updates, job.mesh if rate is own else Mesh())
    how = rate_words(rate, 1e9, "GFLOP/s") + but
    if rate is own:
        return Speed(compute, 0.0, 0.0, update, full_tokens(job), how)
    how += ", but for what ranks send, which is estimated"
    return Speed(compute, _talk_s(job, compute), _waiting_s(job, compute), update, full_tokens(job), how)


def _measured_update(job: Job, updates: Mapping[tuple[str, str], Usual], mesh: Mesh) -> tuple[float, str]:
    """Seconds of an update, and what has to be said of them: one that no run took goes at the pace of memory, or of the
    fastest that one took."""
    kind = job_update(job)
    if (own := updates.get((kind, str(mesh)))) is not None:
        return moved_bytes(job) / own.value, ""
    paces = [rate.value for (_, where), rate in updates.items() if where == str(mesh)]
    bandwidth = job.card.figures.get("bandwidth_gbs")
    pace = bandwidth.value * 1e9 * MEMORY if bandwidth else max(paces, default=math.inf)
    return moved_bytes(job) / pace, f"; no run had its update ({kind})"


def job_update(job: Job) -> str:
    """What the job's update is of, as the table of finished runs has it."""
    state = job.settings.get("state")
    return update_of(job.optimizer, state, job.precision, None if job.is_whole else job.tuner)


def _estimated(job: Job) -> Speed | None:
    dtypes = ("fp32", "tf32") if job.precision == "fp32" else ("bf16", "fp16", "fp32")
    rate = next((found for dtype in dtypes if (found := job.card.rate(dtype))), None)
    bandwidth = job.card.figures.get("bandwidth_gbs")
    if rate is None or bandwidth is None:
        return None
    compute = _work_s(job, rate.value * 1e12 * COMPUTE)
    update = moved_bytes(job) / (bandwidth.value * 1e9 * MEMORY)
    links = "not measured" if "measured_gbs" not in job.card.figures else "but for its links, which were measured"
    how = f"estimated from the card's data sheet, {links}"
    return Speed(compute, _talk_s(job, compute), _waiting_s(job, compute), update, full_tokens(job), how)


def full_tokens(job: Job) -> int:
    """Tokens of a step; of several ranks with samples of their own as many as the one has that has most."""
    full = job.micro * job.num_micro * job.mesh.readers
    return full if job.mesh.readers > 1 else min(full, max(job.step_tokens, job.length))


def devices(job: Job) -> int:
    """What computes at the same time: cards, or the one processor that ranks share."""
    return 1 if job.card.kind == "cpu" else job.mesh.ranks


def moved_bytes(job: Job) -> float:
    """What an update reads and writes on a rank: weights, gradients and state."""
    learned = sum(tensor.numbers for tensor in job.learned())
    state = sum(job.state_bytes(tensor) for tensor in job.learned())
    return 2 * (state + learned * 2 * job.learned_item) / job.mesh.shards / job.mesh.pipeline


def _work_s(job: Job, rate: float) -> float:
    return token_flops(job) * full_tokens(job) / (devices(job) * rate)


def _talk_s(job: Job, compute: float) -> float:
    """Of what is sent while layers are computed, what is left of it costs."""
    talk, sharing = sum(_tensor(job), 0.0) + sum(_routing(job), 0.0), sum(_sharding(job), 0.0)
    return talk + max(0.0, sharing - compute)


def _waiting_s(job: Job, compute: float) -> float:
    return compute * (job.mesh.pipeline - 1) / job.num_micro


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


def recomputed(job: Job) -> float:
    """How many times the operations of a step there are because layers are computed again."""
    return token_flops(job) / token_flops(replace(job, recompute=False))


def _tensor(job: Job) -> Iterator[float]:
    """Seconds of the sums within layers: two forward and two backward, of a micro-batch's hidden states."""
    parts = job.mesh.tensor
    if parts > 1:
        item = 4 if job.precision == "fp32" else 2
        states = item * job.sizes["tokens"] * job.model.sizes["hidden_size"]
        layers = len(job.model.layers) / job.mesh.pipeline
        sums = 4 + 2 * job.recompute
        yield sums * layers * job.num_micro * 2 * (parts - 1) / parts * states / _link(job, parts)


def _routing(job: Job) -> Iterator[float]:
    """Seconds of sending tokens to ranks that have their experts, and back: of a pair with an expert its hidden state,
    forward and backward. Experts are taken to be as busy as each other."""
    ranks, sizes = job.mesh.expert, job.model.sizes
    if ranks > 1:
        item = 4 if job.precision == "fp32" else 2
        pairs = job.sizes["tokens"] * sizes["num_experts_per_tok"] * (ranks - 1) / ranks
        alike = {t.layer: t.times for t in job.model.tensors() if t.role == "expert"}  # of each kind of layers
        layers = sum(alike.values()) / job.mesh.pipeline
        times = 2 * (2 + job.recompute) * job.num_micro
        yield times * layers * item * pairs * sizes["hidden_size"] / _link(job, ranks * job.mesh.tensor)


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
    if "measured_gbs" in figures:
        return figures["measured_gbs"].value * 1e9
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

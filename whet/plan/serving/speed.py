"""How fast a model answers: a step of decoding reads weights and caches once, a prompt is multiplied through."""

from __future__ import annotations

from dataclasses import dataclass

from whet.plan.serving.memory import ServingPlan
from whet.plan.serving.served import ServedModel, Serving
from whet.plan.speed import COMPUTE, LINK, MEMORY, NETWORK_GBS, PCIE_GBS

# What a sum over ranks takes however small it is, and a step beside its products. Usual figures; not measured by whet.
SUM_S, STEP_S = 15e-6, 2e-3


@dataclass(frozen=True, slots=True)
class ServingSpeed:
    """`step_s`: of a token more for every conversation; `first_s`: from a prompt to its first token, where nobody else
    asks; `prefill_tokens_per_s` of all copies together."""

    step_s: float
    first_s: float
    prefill_tokens_per_s: float
    tokens_per_s: float

    @property
    def each_per_s(self) -> float:
        """Tokens a second of one conversation."""
        return 1.0 / self.step_s


def serving_speed(plan: ServingPlan) -> ServingSpeed | None:
    """The estimate, with conversations that are half as long as they may be on average; None where no rate of the card
    is known."""
    serving = plan.serving
    card = serving.card
    dtypes = ("fp32",) if serving.dtype == "fp32" else ("bf16", "fp16", "fp32")
    rate = next((found for dtype in dtypes if (found := card.rate(dtype))), None)
    bandwidth = card.figures.get("bandwidth_gbs")
    if rate is None or bandwidth is None:
        return None
    model, mesh = serving.model, serving.mesh
    here = -(-serving.concurrency // mesh.readers)
    ranks = mesh.tensor * mesh.pipeline
    flops, moved = rate.value * 1e12 * COMPUTE * ranks, bandwidth.value * 1e9 * MEMORY
    # Stages of a pipeline follow each other: a token waits for all of them.
    weights = read_weights(serving) * model.active(here) / model.parameters
    read = (weights + here * _read_cache(serving)) / moved
    sums = 2 * len(model.layers) * (_sum(serving, here) if mesh.tensor > 1 else 0.0)
    step = max(read, 2 * here * model.active() / flops * mesh.pipeline) + sums + STEP_S
    prefill = flops / _prompt_flops(serving)
    first = serving.prompt / prefill + 2 * len(model.layers) * (_sum(serving, serving.prompt) if mesh.tensor > 1 else 0)
    return ServingSpeed(step, first + STEP_S, prefill * mesh.readers, serving.concurrency / step)


def read_weights(serving: Serving) -> float:
    """Bytes of weights that a rank of each stage reads for a step that goes through all of them, stages together;
    embeddings are looked up."""
    model, total = serving.model, 0.0
    for role, count in model.numbers.items():
        inside = model.inside.get(role, 0)
        ends = count - inside if role != "embedding" or model.is_tied else 0
        total += inside * serving.weight_bytes(role, True) + ends * serving.weight_bytes(role, False)
    return total / serving.mesh.tensor


def _read_cache(serving: Serving) -> float:
    average = (serving.prompt + serving.length) // 2
    return sum(one.read_bytes(average, serving.item, serving.mesh.tensor) for one in serving.model.layers)


def _prompt_flops(serving: Serving) -> float:
    """Operations for a token of a prompt: products with every weight, and with half of the tokens before."""
    model = serving.model
    seen = sum(min(serving.prompt, one.window or serving.prompt) for one in model.layers if one.a_token) / 2
    return 2 * prompt_weights(model) + 4 * seen * model.width


def prompt_weights(model: ServedModel) -> float:
    """Numbers of weights that a token of a prompt is multiplied with: but for the last one no logits are asked for."""
    return model.active() - sum(n for role, n in model.numbers.items() if role in ("embedding", "head"))


def _sum(serving: Serving, rows: int) -> float:
    """Seconds of one sum of hidden states over the ranks of `tensor`."""
    figures, parts = serving.card.figures, serving.mesh.tensor
    a_node = figures["a_node"].value if "a_node" in figures else 1
    link = NETWORK_GBS if parts > a_node else figures["link_gbs"].value / 2 if "link_gbs" in figures else PCIE_GBS
    return 2 * (parts - 1) / parts * rows * serving.model.width * 2 / (link * 1e9 * LINK) + SUM_S

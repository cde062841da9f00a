"""The equivalence report: does the written model say what the trained one said?"""

# P positions  V vocab

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.model import ParamRole
from whet.generate.borrow import borrowed
from whet.generate.prompts import end_of_turn, text_ids
from whet.models.roles import roles

# Prose, code, digits, other scripts, and blanks in places where tokenizers differ.
TEXTS = (
    "The history of the lighthouse begins in 1847, when a storm drove three ships onto the rocks.",
    "def mean(values):\n    return sum(values) / len(values)\n",
    "Le prix est de 12,50 €; naïve Schüler lösen Rätsel.",
    "我们今天去公园散步，天气很好。 Привет, мир! 🙂",
    "  two  blanks,\ttabs\n\nand lines ",
)
CONVERSATIONS = (
    [{"role": "user", "content": "What is 2 + 2?"}],
    [
        {"role": "user", "content": "Name a colour."},
        {"role": "assistant", "content": "Blue."},
        {"role": "user", "content": " And another,\nplease "},
    ],
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an export may drift.

    `largest` and `mean` are logit differences in standard deviations of the logits (None: not limited), `kl` is the
    mean divergence in nats, `agreement` the share of positions whose most likely token must stay.
    """

    largest: float | None
    mean: float
    kl: float
    agreement: float


# In fp32 only the order of sums differs. Rounding random models of 2 to 28 layers to bf16 moved logits by a mean of
# 0.3 to 0.6 % of the deviation and the largest one by 3 to 4 %; one with weights three times as wide, which amplifies
# every rounding, by 3.8 % and 34 %. fp16 moved them a tenth of that.
DENSE = {
    torch.float32: Limits(1e-3, 1e-4, 1e-6, 0.99),
    torch.float16: Limits(0.05, 6e-3, 1e-4, 0.97),
    torch.bfloat16: Limits(0.5, 0.06, 0.01, 0.9),
}
# Where a token stands between two experts, rounding sends it to the other one: single positions move by as much as the
# logits' deviation (measured: 2 of 360 in fp16), and only averages tell drift from rounding.
ROUTED = {
    torch.float32: Limits(None, 1e-3, 1e-4, 0.97),
    torch.float16: Limits(None, 0.02, 2e-3, 0.95),
    torch.bfloat16: Limits(None, 0.06, 0.02, 0.9),
}


@dataclass(frozen=True, slots=True)
class Observed:
    """What a model and its tokenizer do with the fixed prompts: token ids, logits (P, V) a prompt, the end of turn.

    `dtype` is that of the weights, in which the logits were computed.
    """

    dtype: torch.dtype
    ids: Sequence[Sequence[int]]
    logits: Sequence[Tensor]
    rendered: Sequence[str]
    end_of_turn: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """Differences between a trained and a written model over `positions`, and which checks failed, in words."""

    positions: int
    max_difference: float
    mean_difference: float
    deviation: float
    max_kl: float
    mean_kl: float
    agreement: float
    end_of_turn: int | None
    stops: Sequence[int]
    limits: Limits
    failures: Sequence[str] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        return not self.failures

    def text(self) -> str:
        """The report in a few lines."""
        lines = [
            f"positions compared    {self.positions}",
            f"logit difference      max {self.max_difference:.3g}, mean {self.mean_difference:.3g} "
            f"(deviation of the logits {self.deviation:.3g})",
            f"KL divergence         max {self.max_kl:.3g}, mean {self.mean_kl:.3g} nats",
            f"greedy agreement      {self.agreement:.2%}",
            f"stops at              {', '.join(map(str, self.stops))} (end of turn: {self.end_of_turn})",
            *(f"FAILED: {failure}" for failure in self.failures),
        ]
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        """The report as JSON."""
        path.write_text(json.dumps({"passed": self.passed, **asdict(self)}, indent=2) + "\n", encoding="utf-8")

    def error(self, at: str) -> ModelError:
        """What failed, as an error."""
        reasons = "; ".join(self.failures)
        return ModelError(
            f"the written model is not the trained one: {reasons}", at=at, hint=f"see {at}/equivalence.json"
        )


def observe(module: nn.Module, tokenizer: Any, chat_template: str | None = None) -> Observed:
    """Run the fixed prompts through a model, as it is: its weights' dtype, its attention, evaluation mode."""
    rendered = list(_rendered(tokenizer, chat_template))
    ids = [text_ids(tokenizer, text) for text in TEXTS]
    ids += [tokenizer.encode(text, add_special_tokens=False) for text in rendered]
    first = next(module.parameters())
    device, dtype = first.device, first.dtype
    with borrowed(module):
        logits = [
            module(input_ids=torch.tensor([p], device=device), use_cache=False).logits[0].float().cpu() for p in ids
        ]
    return Observed(dtype, ids, logits, rendered, end_of_turn(tokenizer, chat_template))


def compare(trained: Observed, folder: Path, *, device: torch.device | str = "cpu") -> Report:
    """Load the written folder with plain transformers, in fp32 and its stock attention, and compare.

    Weights of half precision are exact in fp32, so what differs is their rounding, and the arithmetic of a trained
    model that was observed in half precision. The limits are those of the coarser dtype.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(device)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    written = observe(module, tokenizer)
    stored = json.loads((folder / "config.json").read_text())["dtype"]
    stops = _stops(module)
    of_dtype = ROUTED if ParamRole.EXPERT in roles(module).values() else DENSE
    limits = max(of_dtype[getattr(torch, stored)], of_dtype[trained.dtype], key=lambda one: one.kl)
    figures = _figures(trained, written)
    failures = [*_text_failures(trained, written, stops), *_number_failures(figures, limits)]
    return Report(**figures, end_of_turn=trained.end_of_turn, stops=stops, limits=limits, failures=failures)


def _rendered(tokenizer: Any, chat_template: str | None) -> Iterator[str]:
    if not (chat_template or tokenizer.chat_template):
        return
    for messages in CONVERSATIONS:
        yield tokenizer.apply_chat_template(
            messages, chat_template=chat_template, tokenize=False, add_generation_prompt=True
        )


def _stops(module: Any) -> list[int]:
    ends = module.generation_config.eos_token_id
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


def _figures(trained: Observed, written: Observed) -> dict[str, Any]:
    """Numbers over the prompts that both tokenised alike, a prompt at a time: a large vocabulary fills memory."""
    parts = []
    for ids, again, before, after in zip(trained.ids, written.ids, trained.logits, written.logits, strict=False):
        if list(ids) == list(again):
            parts.append(_differences(before.double(), after.double()))
    if not parts:
        nan = float("nan")
        names = ("max_difference", "mean_difference", "deviation", "max_kl", "mean_kl", "agreement")
        return {"positions": 0, **dict.fromkeys(names, nan)}
    difference_P, largest_P, deviation_P, kl_P, agrees_P = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return {
        "positions": len(kl_P),
        "max_difference": float(largest_P.max()),
        "mean_difference": float(difference_P.mean()),
        "deviation": float(deviation_P.mean()),
        "max_kl": float(kl_P.max()),
        "mean_kl": float(kl_P.mean()),
        "agreement": float(agrees_P.mean()),
    }


def _differences(before_PV: Tensor, after_PV: Tensor) -> tuple[Tensor, ...]:
    """Mean and largest difference of the logits, their deviation, KL, and whether the greedy token is the same (P,)."""
    # Some models rule tokens out with -inf; those have no difference.
    possible_V = ((before_PV > -torch.inf) | (after_PV > -torch.inf)).any(0)
    before_PV, after_PV = before_PV[:, possible_V], after_PV[:, possible_V]
    difference_PV = (before_PV - after_PV).abs()
    logs = before_PV.log_softmax(-1), after_PV.log_softmax(-1)
    kl_P = torch.nn.functional.kl_div(logs[1], logs[0], reduction="none", log_target=True).sum(-1)
    agrees_P = (before_PV.argmax(-1) == after_PV.argmax(-1)).double()
    return difference_PV.mean(-1), difference_PV.amax(-1), before_PV.std(-1), kl_P, agrees_P


def _text_failures(trained: Observed, written: Observed, stops: Sequence[int]) -> Iterator[str]:
    if list(trained.rendered) != list(written.rendered):
        yield "the chat template renders differently"
    if [list(ids) for ids in trained.ids] != [list(ids) for ids in written.ids]:
        yield "the tokenizer gives other tokens"
    if trained.end_of_turn is not None and trained.end_of_turn not in stops:
        yield f"generation does not stop at the end of turn ({trained.end_of_turn})"


def _number_failures(figures: Mapping[str, Any], limits: Limits) -> Iterator[str]:
    """Written so that NaN fails every check."""
    for name, limit in (("max", limits.largest), ("mean", limits.mean)):
        found, allowed = figures[f"{name}_difference"], (limit or 0.0) * figures["deviation"]
        if limit is not None and not found <= allowed:
            yield f"logits differ by {found:.3g} ({name}), and {allowed:.3g} is allowed"
    if not figures["mean_kl"] <= limits.kl:
        yield f"the mean KL divergence is {figures['mean_kl']:.3g}, and {limits.kl:.3g} is allowed"
    if not figures["agreement"] >= limits.agreement:
        yield f"{figures['agreement']:.2%} of the greedy tokens agree, and {limits.agreement:.0%} must"

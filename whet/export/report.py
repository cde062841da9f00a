"""The equivalence report: does the written model say what the trained one said?"""

# P positions  V vocab

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig

from whet.base.errors import ModelError, WhetError
from whet.contracts.model import Head, ParamRole
from whet.data.speech import speech_of
from whet.export.limits import DENSE, ROUTED, TIE, TINY, Limits, of_change
from whet.generate.batches import batch_of
from whet.generate.borrow import borrowed
from whet.generate.decode import BATCH_TOKENS, context_length, together
from whet.generate.prompts import end_of_turn, text_ids
from whet.generate.protocol import GenerateSettings, Token
from whet.kernels.quantized import Quantized
from whet.models.adapters import adapter_state, base_of, is_adapter, quiet, stored_weights, wrapper_of
from whet.models.checkpoints import quantized
from whet.models.checkpoints.coded import is_beyond_transformers, load_coded
from whet.models.decoding.proof import decoding_of, generates
from whet.models.families import family_of
from whet.models.heads import beside, class_of, headed, quietly
from whet.models.language import unwrapped
from whet.models.merging.layers import fold
from whet.models.probes import one_line
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
NUM_GENERATED = 12


@dataclass(frozen=True, slots=True)
class Observed:
    """What a model and its tokenizer do with the fixed prompts: token ids, logits (P, V) a prompt, the end of turn.

    `dtype` is that of the weights, in which the logits were computed. `continued` is what the model generates greedily
    after each prompt; empty where it does not generate, or cannot, for the reason `cannot`. `leads` says how far the
    logit of each of these tokens stood above the next one's. `moved` is how far an adapter has moved the logits of its
    base, on average.
    """

    dtype: torch.dtype
    ids: Sequence[Sequence[int]]
    logits: Sequence[Tensor]
    rendered: Sequence[str]
    end_of_turn: int | None
    continued: Sequence[Sequence[int]] = ()
    cannot: str = ""
    leads: Sequence[Sequence[float]] = ()
    moved: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of the trained and of the written model (None: not measured), and both in words."""

    before: float | None
    after: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """Differences between a trained and a written model over `positions`, and which checks failed, in words.

    `generation` is the share of the greedily generated tokens that both agree on, up to the first other one of each
    prompt (NaN: it does not generate, or could not, for the reason `cannot`). `shift` is the difference, in the median
    over places, of the token whose logit has it largest: no single place moves it. `ran_by` says what computed the
    written model. `measured` are further figures. Tokens whose logits are closer than rounding are one choice: which of
    them came is no difference.
    """

    positions: int
    max_difference: float
    mean_difference: float
    deviation: float
    max_kl: float
    mean_kl: float
    agreement: float
    generation: float
    end_of_turn: int | None
    stops: Sequence[int]
    limits: Limits
    ran_by: str = "transformers"
    failures: Sequence[str] = field(default_factory=tuple)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    cannot: str = ""
    shift: float = math.nan

    @property
    def passed(self) -> bool:
        return not self.failures

    def text(self) -> str:
        """The report in a few lines."""
        lines = [
            f"positions compared    {self.positions}, by {self.ran_by}",
            f"logit difference      max {self.max_difference:.3g}, mean {self.mean_difference:.3g}, one token's "
            f"{self.shift:.3g} (deviation of the logits {self.deviation:.3g})",
            f"KL divergence         max {self.max_kl:.3g}, mean {self.mean_kl:.3g} nats",
            f"greedy agreement      {self.agreement:.2%}, generated alike {self.generation:.2%}",
            f"stops at              {', '.join(map(str, self.stops))} (end of turn: {self.end_of_turn})",
            *([f"generation            not compared: {self.cannot}"] if self.cannot else []),
            *(f"{name:<22}{one.text}" for name, one in self.measured.items()),
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
    rendered = list(renders(tokenizer, chat_template))
    ids = [text_ids(tokenizer, text) for text in TEXTS]
    ids += [tokenizer.encode(text, add_special_tokens=False) for text in rendered]
    ids = [prompt[: context_length(module)] for prompt in ids]
    first = next(module.parameters())
    device, dtype = first.device, first.dtype
    with borrowed(module):
        logits = [_said(module, torch.tensor([prompt], device=device)) for prompt in ids]
        moved = _moved(module, ids, logits, device)
    is_broken = any(bool(one.isnan().any()) for one in logits)
    steps, cannot = ([], "") if is_broken else _tried(module, ids)
    continued = [[token.id for token in row] for row in steps]
    leads = [[token.top[0][1] - token.top[1][1] for token in row] for row in steps]
    end = end_of_turn(tokenizer, chat_template)
    return Observed(dtype, ids, logits, rendered, end, continued, cannot, leads, moved)


def _moved(module: nn.Module, ids: Sequence[Sequence[int]], logits: Sequence[Tensor], device: Any) -> float | None:
    """How far the adapter in a module moves the logits of its base, on average; None without an adapter."""
    wrapper = wrapper_of(module)
    if wrapper is None:
        return None
    total, count = 0.0, 0
    with quiet(), wrapper.disable_adapter():
        for prompt, with_it in zip(ids, logits, strict=True):
            difference = (_said(module, torch.tensor([prompt], device=device)) - with_it).abs()
            total, count = total + float(difference.nan_to_num(posinf=0.0).sum()), count + difference.numel()
    return total / max(count, 1)


def compare(
    trained: Observed, folder: Path, *, device: torch.device | str = "cpu", limits: Limits | None = None
) -> Report:
    """Load the written folder with plain transformers (and PEFT, for an adapter), in fp32 and its stock attention.

    Weights of half precision are exact in fp32, so what differs is their rounding, and the arithmetic of a trained
    model that was observed in half precision. By default the limits are those of the coarser dtype.
    """
    from transformers import AutoTokenizer, GenerationConfig

    module = plain(folder).to(device)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    written = observe(module, tokenizer)
    if is_prompted(module):
        trained = replace(trained, continued=[])
    if limits is None:
        of_dtype = ROUTED if ParamRole.EXPERT in roles(module).values() else DENSE
        limits = max(of_dtype[_stored_dtype(folder)], of_dtype[trained.dtype], key=lambda one: one.kl)
    generates = (folder / "generation_config.json").is_file()
    stops = _listed(GenerationConfig.from_pretrained(folder).eos_token_id) if generates else []
    is_ours = any(isinstance(p, Quantized) and p.codec == "grouped" for p in module.parameters())
    ran_by = "whet" if is_ours else "transformers"
    return judge(trained, written, stops, limits, ran_by, unread=_unread(folder, module))


def judge(
    trained: Observed,
    written: Observed,
    stops: Sequence[int],
    limits: Limits,
    ran_by: str = "transformers",
    unread: Sequence[str] = (),
) -> Report:
    """The report on two observations. `stops` are the tokens at which the written model ends an answer, `unread` the
    stored tensors that were not found in it.

    That one of them could not generate is said, and fails nothing: their logits are compared.
    """
    cannot = trained.cannot or written.cannot
    if cannot:
        trained, written = replace(trained, continued=[]), replace(written, continued=[])
    figures = _figures(trained, written)
    if trained.moved is not None and limits.mean <= DENSE[torch.float32].mean:
        limits = of_change(limits, trained.moved / max(figures["deviation"], TINY))
    failures = [*_text_failures(trained, written, stops), *_number_failures(figures, limits)]
    if unread:
        named = ", ".join(unread[:3]) + (", ..." if len(unread) > 3 else "")
        failures.insert(0, f"{len(unread)} tensors of the adapter are lost when PEFT loads it: {named}")
    return Report(
        **figures, end_of_turn=trained.end_of_turn, stops=stops, limits=limits, ran_by=ran_by, failures=failures,
        cannot=cannot,
    )  # fmt: skip


def _unread(folder: Path, module: Any) -> list[str]:
    """Tensors that an adapter's folder holds, or PEFT's model of it, and the other does not hold with these values."""
    if not is_adapter(str(folder)) or getattr(module, "_is_prompt_learning", False):
        return []
    stored, held = stored_weights(str(folder)), adapter_state(module, module.state_dict())
    alike = {name for name in stored.keys() & held.keys() if torch.equal(stored[name].to(held[name]), held[name])}
    return sorted((stored.keys() | held.keys()) - alike)


def continuing(ids: Sequence[Sequence[int]], context: int | None) -> list[int]:
    """Numbers of the prompts that leave room for what is generated after them."""
    return [i for i, prompt in enumerate(ids) if context is None or len(prompt) + NUM_GENERATED <= context]


def _said(module: nn.Module, ids_1T: Tensor) -> Tensor:
    """What the model says of a prompt (P, V): logits; of a headless one last hidden states.

    An encoder-decoder reads the prompt and is fed it too.
    """
    family = family_of(unwrapped(module).config, allow_code=True)
    how: dict[str, Any] = {} if family == "masked" else {"use_cache": False}
    if family == "seq2seq":
        how["decoder_input_ids"] = ids_1T
    output = module(input_ids=ids_1T, **how)
    said = output.logits if "logits" in output else output.last_hidden_state
    return _real(said, ids_1T.shape[1])


def _real(logits: Tensor, length: int) -> Tensor:
    """Logits (P, V) of the last `length` places, in fp32 on the CPU: PEFT's virtual tokens stand before them."""
    if logits.dim() == 3:
        logits = logits[:, -length:]
    return logits.float().cpu().flatten(0, -2)


def is_prompted(module: nn.Module) -> bool:
    """Whether it is PEFT's wrapper with virtual tokens, whose logits have places for them and which our decoder, that
    keeps the cache itself, cannot drive."""
    return bool(getattr(module, "_is_prompt_learning", False))


def _tried(module: nn.Module, ids: Sequence[Sequence[int]]) -> tuple[list[list[Token]], str]:
    """What is generated after each prompt, or why nothing is: the weights of a run are worth more than this figure."""
    try:
        return _continued(module, ids), ""
    except Exception as error:
        return [], str(error) if isinstance(error, WhetError) else one_line(error)


def _continued(module: nn.Module, ids: Sequence[Sequence[int]]) -> list[list[Token]]:
    """NUM_GENERATED greedy tokens after each prompt, whatever would end an answer among them."""
    if not generates(module) or is_prompted(module):
        return []
    context = context_length(module)
    fitting = [ids[number] for number in continuing(ids, context)]
    found: dict[int, list[Token]] = {}
    lengths, limits = [len(prompt) for prompt in fitting], [NUM_GENERATED] * len(fitting)
    with borrowed(module):
        for rows in together(lengths, limits, BATCH_TOKENS, decoding_of(module)):
            settings = GenerateSettings(top_logprobs=2)
            batch = batch_of(module, [fitting[row] for row in rows], rows, settings, context)
            steps = [batch.step() for _ in range(NUM_GENERATED)]
            found |= {row: [step[place] for step in steps] for place, row in enumerate(rows)}
    return [found[row] for row in range(len(fitting))]


def plain(folder: Path, head: Head | None = None) -> nn.Module:
    """The model of a folder as transformers loads it, in fp32; an adapter's as PEFT puts it on its base.

    Quantized weights that transformers cannot read, such as for want of a package, are read here. An adapter's base is
    quantized as it was while the adapter was trained, and gets the `head` that the adapter has trained.
    """
    if not is_adapter(str(folder)):
        config = AutoConfig.from_pretrained(folder)
        kind = headed(config, head) if head else class_of(config).auto
        if is_beyond_transformers(config):
            return load_coded(str(folder), config, {"dtype": torch.float32}, kind)
        with quantized.unpacking(config) as unpack, quietly() if head else nullcontext():
            module = kind.from_pretrained(folder, config=config, dtype=torch.float32)
            unpack(module)
        return module
    from peft import PeftModel

    base: Any = plain(Path(base_of(str(folder))), beside(str(folder)) or head)
    if isinstance(base, PeftModel):
        base = fold(quantized.dequantize(base.get_base_model()))
    how = quantized.Quantization.beside(str(folder))
    if how is not None:
        quantized.quantize(base, how)
    with quiet():
        return PeftModel.from_pretrained(base, folder)


def _stored_dtype(folder: Path) -> torch.dtype:
    """The dtype that the written weights have; an adapter's are stored as they were trained."""
    if is_adapter(str(folder)):
        return torch.float32
    return getattr(torch, json.loads((folder / "config.json").read_text())["dtype"])


def renders(tokenizer: Any, chat_template: str | None) -> Iterator[str]:
    """The fixed conversations as text; none without a template."""
    if not (chat_template or tokenizer.chat_template):
        return
    speech = speech_of(tokenizer, chat_template)
    for messages in CONVERSATIONS:
        yield speech.prompt(messages)


def _listed(ends: int | list[int] | None) -> list[int]:
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


def _figures(trained: Observed, written: Observed) -> dict[str, Any]:
    """Numbers over the prompts that both tokenised alike, a prompt at a time: a large vocabulary fills memory."""
    parts, shifts = [], []
    for ids, again, before, after in zip(trained.ids, written.ids, trained.logits, written.logits, strict=False):
        if list(ids) == list(again):
            parts.append(_differences(before.double(), after.double()))
            shifts.append(_shifts(before, after))
    if not parts:
        nan = float("nan")
        names = ("max_difference", "mean_difference", "deviation", "max_kl", "mean_kl", "agreement", "generation")
        return {"positions": 0, **dict.fromkeys((*names, "shift"), nan)}
    difference_P, largest_P, deviation_P, kl_P, agrees_P = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return {
        "positions": len(kl_P),
        "max_difference": float(largest_P.max()),
        "mean_difference": float(difference_P.mean()),
        "deviation": float(deviation_P.mean()),
        "max_kl": float(kl_P.max()),
        "mean_kl": float(kl_P.mean()),
        "agreement": float(agrees_P.mean()),
        "generation": _generated_alike(trained, written, TIE * float(deviation_P.mean())),
        "shift": float(torch.stack(shifts).mean(0).max()),
    }


def _generated_alike(trained: Observed, written: Observed, tie: float) -> float:
    """The share of tokens before the first difference of each prompt. What follows a tie, in which both had the choice
    between tokens of logits not more than `tie` apart, tells nothing and does not count."""
    before, after = trained.continued, written.continued
    if not sum(map(len, before)) or len(before) != len(after):
        return float("nan") if not before and not after else 0.0
    alike, total = 0, 0
    for row, (ours, theirs) in enumerate(zip(before, after, strict=True)):
        same = [a == b for a, b in zip(ours, theirs, strict=False)]
        first = same.index(False) if False in same else len(same)
        is_tie = False in same and all(one.leads and one.leads[row][first] <= tie for one in (trained, written))
        alike, total = alike + first, total + (first if is_tie else len(ours))
    return alike / total if total else float("nan")


def _shifts(before_PV: Tensor, after_PV: Tensor) -> Tensor:
    """How far the logit of each token (V,) has moved, in the median over places."""
    difference_PV = (before_PV - after_PV).abs().float()
    both_PV = (before_PV == -torch.inf) & (after_PV == -torch.inf)
    return difference_PV.masked_fill(both_PV, 0.0).median(0).values.double()


def _differences(before_PV: Tensor, after_PV: Tensor) -> tuple[Tensor, ...]:
    """Mean and largest difference of the logits, their deviation, KL, and whether the greedy token is the same (P,)."""
    # Some models rule tokens out with -inf; those have no difference.
    possible_V = ((before_PV > -torch.inf) | (after_PV > -torch.inf)).any(0)
    before_PV, after_PV = before_PV[:, possible_V], after_PV[:, possible_V]
    difference_PV = (before_PV - after_PV).abs()
    logs = before_PV.log_softmax(-1), after_PV.log_softmax(-1)
    kl_P = torch.nn.functional.kl_div(logs[1], logs[0], reduction="none", log_target=True).sum(-1)
    # A single score has no deviation: its size stands for it.
    deviation_P = before_PV.std(-1) if before_PV.shape[-1] > 1 else before_PV[:, 0].abs()
    chosen_P = before_PV.gather(-1, after_PV.argmax(-1, keepdim=True))[:, 0]
    agrees_P = (before_PV.amax(-1) - chosen_P <= TIE * deviation_P).double()
    return difference_PV.mean(-1), difference_PV.amax(-1), deviation_P, kl_P, agrees_P


def _text_failures(trained: Observed, written: Observed, stops: Sequence[int]) -> Iterator[str]:
    if list(trained.rendered) != list(written.rendered):
        yield "the chat template renders differently"
    if [list(ids) for ids in trained.ids] != [list(ids) for ids in written.ids]:
        yield "the tokenizer gives other tokens"
    if trained.end_of_turn is not None and trained.continued and trained.end_of_turn not in stops:
        yield f"generation does not stop at the end of turn ({trained.end_of_turn})"


def _number_failures(figures: Mapping[str, Any], limits: Limits) -> Iterator[str]:
    """Written so that NaN fails every check but that of a model that does not generate."""
    checks = (("shift", limits.largest, "of one token"), ("mean_difference", limits.mean, "mean"))
    for name, limit, said in checks:
        found, allowed = figures[name], (limit or 0.0) * figures["deviation"]
        if limit is not None and not found <= allowed:
            yield f"logits differ by {found:.3g} ({said}), and {allowed:.3g} is allowed"
    if not figures["mean_kl"] <= limits.kl:
        yield f"the mean KL divergence is {figures['mean_kl']:.3g}, and {limits.kl:.3g} is allowed"
    if not figures["agreement"] >= limits.agreement:
        yield f"{figures['agreement']:.2%} of the greedy tokens agree, and {limits.agreement:.0%} must"
    if figures["generation"] < limits.generation:
        yield f"{figures['generation']:.2%} of the generated tokens agree, and {limits.generation:.0%} must"

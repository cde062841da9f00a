"""What a model and its tokenizer do with a few fixed prompts: the half of a comparison that each side gives."""

# P positions  V vocab

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from whet.base.errors import WhetError, one_line
from whet.data.chat.speech import speech_of
from whet.generate.decode import BATCH_TOKENS
from whet.generate.eval_mode import borrowed
from whet.generate.prompts import end_of_turn, text_ids
from whet.generate.protocol import GenerateSettings, Token
from whet.generate.serving.caches import context_length
from whet.generate.serving.offline import Offline
from whet.generate.serving.request import Request
from whet.models.decoding.proof import generates
from whet.models.forward.language import unwrapped
from whet.models.loading.families import family_of
from whet.models.tuning.wrapper import quiet, wrapper_of
from whet.parallel.pipeline.forward import forward_of_stages
from whet.parallel.pipeline.stages import stages_of

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


class _Step(NamedTuple):
    """A generated token, and how far its logit stood above the next one's."""

    id: int
    lead: float

    @classmethod
    def of(cls, token: Token) -> _Step:
        return cls(token.id, token.top[0][1] - token.top[1][1])


def observe(module: nn.Module, tokenizer: Any, chat_template: str | None = None, *, continues: bool = True) -> Observed:
    """Run the fixed prompts through a model, as it is: its weights' dtype, its attention, evaluation mode.

    Without `continues` nothing is generated after them. Ranks that share the model call this together.
    """
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
    steps, cannot = ([], "") if is_broken or not continues else _tried(module, ids)
    continued = [[step.id for step in row] for row in steps]
    leads = [[step.lead for step in row] for row in steps]
    end = end_of_turn(tokenizer, chat_template)
    return Observed(dtype, ids, logits, rendered, end, continued, cannot, leads, moved)


def renders(tokenizer: Any, chat_template: str | None) -> Iterator[str]:
    """The fixed conversations as text; none without a template."""
    if not (chat_template or tokenizer.chat_template):
        return
    speech = speech_of(tokenizer, chat_template)
    for messages in CONVERSATIONS:
        yield speech.prompt(messages)


def continuing(ids: Sequence[Sequence[int]], context: int | None) -> list[int]:
    """Numbers of the prompts that leave room for what is generated after them."""
    return [i for i, prompt in enumerate(ids) if context is None or len(prompt) + NUM_GENERATED <= context]


def is_prompted(module: nn.Module) -> bool:
    """Whether it is PEFT's wrapper with virtual tokens, whose logits have places for them and which our decoder, that
    keeps the cache itself, cannot drive."""
    return bool(getattr(module, "_is_prompt_learning", False))


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


def _said(module: nn.Module, ids_1T: Tensor) -> Tensor:
    """What the model says of a prompt (P, V): logits; of a headless one last hidden states.

    An encoder-decoder reads the prompt and is fed it too.
    """
    family = family_of(unwrapped(module).config, allow_code=True)
    how: dict[str, Any] = {} if family == "masked" else {"use_cache": False}
    if family == "seq2seq":
        how["decoder_input_ids"] = ids_1T
    is_cut = stages_of(module) is not None
    output = forward_of_stages(module, ids_1T, **how) if is_cut else module(input_ids=ids_1T, **how)
    said = output["logits" if "logits" in output else "last_hidden_state"]
    return _real(said, ids_1T.shape[1])


def _real(logits: Tensor, length: int) -> Tensor:
    """Logits (P, V) of the last `length` places, in fp32 on the CPU: PEFT's virtual tokens stand before them."""
    if logits.dim() == 3:
        logits = logits[:, -length:]
    return logits.float().cpu().flatten(0, -2)


def _tried(module: nn.Module, ids: Sequence[Sequence[int]]) -> tuple[list[list[_Step]], str]:
    """What is generated after each prompt, or why nothing is: the weights of a run are worth more than this figure."""
    try:
        return _continued(module, ids), ""
    except Exception as error:
        return [], str(error) if isinstance(error, WhetError) else one_line(error)


def _continued(module: nn.Module, ids: Sequence[Sequence[int]]) -> list[list[_Step]]:
    """NUM_GENERATED greedy tokens after each prompt, whatever would end an answer among them."""
    if not generates(module) or is_prompted(module):
        return []
    context = context_length(module)
    fitting = [ids[number] for number in continuing(ids, context)]
    if stages_of(module) is not None:
        with borrowed(module):
            return [_continued_by_stages(module, prompt) for prompt in fitting]
    settings = GenerateSettings(max_new_tokens=NUM_GENERATED, top_logprobs=2)
    asked = [Request(ids=prompt, settings=settings) for prompt in fitting]
    with borrowed(module):
        found = Offline(module, BATCH_TOKENS).answers(asked, None, frozenset())
    return [[_Step.of(token) for token in one.tokens] for one in found]


def _continued_by_stages(module: nn.Module, prompt: Sequence[int]) -> list[_Step]:
    """The same of a model whose layers lie on several ranks: no stage keeps keys, each token is a forward anew."""
    ids, found, device = list(prompt), list[_Step](), next(module.parameters()).device
    for _ in range(NUM_GENERATED):
        logits_V = forward_of_stages(module, torch.tensor([ids], device=device), use_cache=False)["logits"][0, -1]
        (first, second), (best, _) = (one.tolist() for one in logits_V.float().topk(2))
        found.append(_Step(best, first - second))
        ids.append(best)
    return found

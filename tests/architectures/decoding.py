"""Decoding and rollouts of a model against its own plain forward, as checks that a sweep can call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.contracts.rewards import questions
from whet.generate.eval_mode import borrowed
from whet.generate.groups import Groups
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.offline import Offline
from whet.generate.serving.request import Request
from whet.models.decoding.checks import half_the_digits
from whet.models.decoding.pairs import is_paired_model
from whet.models.decoding.proof import decoding_of
from whet.models.forward.rope import forget
from whet.models.probing.probe_cases import random_tokens

LENGTHS = (11, 4, 7, 4)
DRAWN = GenerateSettings(max_new_tokens=9, temperature=1.0, seed=3, logprobs=True)


def check_decoding(module: nn.Module, lengths: Sequence[int] = LENGTHS, settings: GenerateSettings = DRAWN) -> float:
    """Draw answers to random prompts, as many together as the model takes and each alone.

    The log p of every drawn token must be that of one plain forward over prompt and answer. Returns how far off they
    were at most, and raises AssertionError with the figure where that is more than rounding.
    """
    prompts = _prompts(module, lengths)
    off = 0.0
    with borrowed(module):
        for batch_tokens in (10_000, 1):
            asked = [Request(ids=prompt, settings=settings, number=i) for i, prompt in enumerate(prompts)]
            found = Offline(module, batch_tokens).answers(asked, None, frozenset())
            for prompt, one in zip(prompts, found, strict=True):
                off = max(off, _off(module, prompt, one.ids, [token.logprob for token in one.tokens]))
    _assert_rounding(module, off, "drawn tokens")
    return off


def check_rollout(module: nn.Module, tokenizer: Any = None, num: int = 3, lengths: Sequence[int] = LENGTHS) -> float:
    """Several answers to each of several prompts as GRPO draws them, with their log p held against a plain forward.

    Returns how far off they were at most, and raises AssertionError with the figure where that is more than rounding.
    `tokenizer` only turns ids into text.
    """
    settings = GenerateSettings(max_new_tokens=DRAWN.max_new_tokens, temperature=1.0)
    prompts = _prompts(module, lengths)
    player = Groups(module, tokenizer or _NoText(), settings)
    found = player(questions(prompts), num, seed=5)
    assert [len(group) for group in found] == [num] * len(prompts)
    with borrowed(module):
        off = max(_off(module, t.prompt_ids, t.ids, t.logprobs) for group in found for t in group)
    _assert_rounding(module, off, "answers")
    return off


class _NoText:
    """Stands for a tokenizer where no text is looked at."""

    eos_token_id = None
    chat_template = None
    all_special_ids: tuple[int, ...] = ()

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        return " ".join(map(str, ids))


def _prompts(module: Any, lengths: Sequence[int]) -> list[list[int]]:
    return [ids.tolist() for ids in random_tokens(module.config, lengths, seed=7)]


def _off(module: Any, prompt: Sequence[int], ids: Sequence[int], logp: Sequence[float | None]) -> float:
    """The largest difference of the log p of these tokens from those of one plain forward.

    What follows a padding token is left out: models that count positions by what is no padding mean none after it.
    """
    padding = getattr(module.config, "pad_token_id", None)
    count = list(ids).index(padding) + 1 if padding in ids else len(ids)
    expected = _plain(module, prompt, ids)
    return (torch.tensor(logp).double() - expected)[:count].abs().max().item()


def _plain(module: Any, prompt: Sequence[int], ids: Sequence[int]) -> Tensor:
    """Log p (N,) of the answer's tokens. Where rotary frequencies follow the length, each has a forward of its own."""
    device = next(module.parameters()).device
    if decoding_of(module).turn is not None and len(ids) > 1:
        return torch.cat([_plain(module, [*prompt, *ids[:place]], [token]) for place, token in enumerate(ids)])
    if is_paired_model(module):
        start = module.generation_config.decoder_start_token_id
        start = module.config.decoder_start_token_id if start is None else start
        read = {"input_ids": [list(prompt)], "decoder_input_ids": [[start, *ids[:-1]]]}
    else:
        read = {"input_ids": [[*prompt, *ids[:-1]]]}
    inputs = {name: torch.tensor(value, device=device) for name, value in read.items()}
    forget(module)
    logits = module(**inputs, use_cache=False).logits[0, -len(ids) :].double().cpu()
    return logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])[:, 0]


def _assert_rounding(module: nn.Module, off: float, what: str) -> None:
    dtype = next(module.parameters()).dtype
    limit = 4 * half_the_digits(dtype)  # logits of a tiny model are a few units wide
    assert off <= limit, f"log p of {what} is off by {off:.2g}, and {limit:.2g} is rounding ({decoding_of(module)})"

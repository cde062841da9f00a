"""Decoding with a transformers causal model and its KV cache: whole batches, or one answer as it streams."""

# B rows  T tokens  V vocab

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.generate.borrow import Lockstep, borrowed
from whet.generate.detokenize import Detokenizer, StopStrings
from whet.generate.prompts import prompt_ids, stop_ids
from whet.generate.protocol import Completion, Finish, GenerateSettings, Piece, Prompt, Token
from whet.generate.sampling import Sampler
from whet.models.language import unwrapped
from whet.models.loading import context_length as context_of

BATCH_TOKENS = 16_384


def complete(
    module: nn.Module,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    settings: GenerateSettings,
    *,
    batch_tokens: int = BATCH_TOKENS,
    numbers: Sequence[int] | None = None,
) -> list[Completion]:
    """Answer prompts with a live module, in batches of at most `batch_tokens` tokens of cache (one prompt at least).

    `numbers` stand for the prompts in their draws; by default their places.

    The module comes back in the mode it had, training included. With FSDP every rank calls this with its own prompts,
    any number of them, and the module runs equally often on all ranks.
    """
    ids = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    context = context_length(module)
    stops = stop_ids(module, tokenizer)
    answers = [Answer(tokenizer, prompt, settings, stops, context) for prompt in ids]
    batches = _batches([len(prompt) + answer.limit for prompt, answer in zip(ids, answers, strict=True)], batch_tokens)
    together = Lockstep(module)
    with borrowed(module):
        for index in range(together.most(len(batches))):
            rows = batches[index] if index < len(batches) else []
            drawn = rows if numbers is None else [numbers[row] for row in rows]
            batch = Batch(module, [ids[row] for row in rows], drawn, settings, context)
            while together.most(any(answers[row].finish is None for row in rows)):
                for row, token in zip(rows, batch.step(), strict=True):
                    answers[row].push(token)
    return [answer.completion() for answer in answers]


def stream(module: nn.Module, tokenizer: Any, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
    """The answer to one prompt, token by token. The same as `complete` gives for it alone.

    Between two pieces the module is as it was. Closing the iterator stops the answer.
    """
    ids, context = prompt_ids(tokenizer, prompt), context_length(module)
    answer = Answer(tokenizer, ids, settings, stop_ids(module, tokenizer), context)
    batch = Batch(module, [ids], [0], settings, context)
    while answer.finish is None:
        with borrowed(module):
            token = batch.step()[0]
        yield Piece(answer.push(token), token, answer.finish)


def context_length(module: nn.Module) -> int | None:
    """Tokens that the model can see at once, by its config; None where it names no limit."""
    config = getattr(unwrapped(module), "config", None)
    return context_of(config) if config is not None else None


class Answer:
    """One answer in the making: its tokens, its text so far, and whether it has ended."""

    def __init__(
        self,
        tokenizer: Any,
        prompt: Sequence[int],
        settings: GenerateSettings,
        stops: frozenset[int],
        context: int | None,
    ) -> None:
        if context is not None and len(prompt) >= context:
            raise ModelError(
                f"the prompt has {len(prompt):,} tokens and the model's context is {context:,}",
                hint=f"shorten it to {context - 1:,} tokens or fewer",
            )
        self.limit = settings.max_new_tokens if context is None else min(settings.max_new_tokens, context - len(prompt))
        self.finish: Finish | None = None
        self._stops, self._num_prompt_tokens = stops, len(prompt)
        self._tokens: list[Token] = []
        self._text: list[str] = []
        self._detokenizer = Detokenizer(tokenizer, prompt)
        self._stop_strings = StopStrings(settings.stop)

    def push(self, token: Token) -> str:
        """Take the next token and return the text that is certain now. What comes after the end is ignored."""
        if self.finish is not None:
            return ""
        self._tokens.append(token)
        text = "" if token.id in self._stops else self._stop_strings.push(self._detokenizer.push(token.id))
        if token.id in self._stops or self._stop_strings.found:
            self.finish = "stop"
        elif len(self._tokens) >= self.limit:
            self.finish = "length"
        if self.finish is not None:
            text += self._stop_strings.push(self._detokenizer.flush()) + self._stop_strings.flush()
            self.finish = "stop" if self._stop_strings.found else self.finish
        self._text.append(text)
        return text

    def completion(self) -> Completion:
        assert self.finish is not None
        return Completion("".join(self._text), tuple(self._tokens), self.finish, self._num_prompt_tokens)


class Batch:
    """Rows that are decoded together, padded on the left so that all of them end at the same place.

    Without rows it still runs the module, on a lone token: other ranks may need this one.
    """

    def __init__(
        self,
        module: nn.Module,
        prompts: Sequence[Sequence[int]],
        rows: Sequence[int],
        settings: GenerateSettings,
        context: int | None,
    ) -> None:
        self._module, self._last_position = module, None if context is None else context - 1
        self._takes = inspect.signature(unwrapped(module).forward).parameters
        self._num_rows = len(prompts)
        device = next(module.parameters()).device
        self._next_BT, self._pads_B = _left_padded(prompts or [[0]], device)
        self._is_padded = bool(self._pads_B.any())
        self._length = self._next_BT.shape[1]
        self._cache: Any = None
        self._sampler = Sampler(settings, list(rows) or [0], prompts or [[0]])

    def step(self) -> list[Token]:
        """Run the module once and choose a token for every row, also for those that have ended."""
        logits_BV = self._forward()
        ids_B, tokens = self._sampler.choose(logits_BV)
        self._next_BT = ids_B[:, None]
        self._length += 1
        return tokens[: self._num_rows]

    def _forward(self) -> Tensor:
        """Logits (B, V) of the next token, in float32."""
        place_T = torch.arange(self._length, device=self._pads_B.device)
        inputs: dict[str, Any] = {"input_ids": self._next_BT, "past_key_values": self._cache, "use_cache": True}
        if self._is_padded:
            inputs["attention_mask"] = place_T >= self._pads_B[:, None]
        if "position_ids" in self._takes:
            fresh_T = place_T[-self._next_BT.shape[1] :]
            # A row that has ended goes on beside the others, perhaps past the model's last place.
            inputs["position_ids"] = (fresh_T - self._pads_B[:, None]).clamp(min=0, max=self._last_position)
        if "logits_to_keep" in self._takes:
            inputs["logits_to_keep"] = 1
        output = self._module(**inputs)
        self._cache = getattr(output, "past_key_values", None)
        if self._cache is None:
            raise ModelError("the model keeps no KV cache, so it cannot generate", hint="use a causal language model")
        logits_BV = output.logits[:, -1].float()
        if logits_BV.isnan().any():
            raise ModelError("the model's logits are not numbers (NaN)", hint="its weights may have diverged")
        return logits_BV


def _left_padded(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (B, T), and how many places at the start of each row (B,) hold none."""
    length = max(map(len, prompts))
    ids_BT = torch.tensor([[0] * (length - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    pads_B = torch.tensor([length - len(prompt) for prompt in prompts], device=device)
    return ids_BT, pads_B


def _batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Numbers of the prompts of each batch, the longest first, so that little is padding."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= batch_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches

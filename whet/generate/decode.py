"""Decoding with a transformers model: whole batches, or one answer as it streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from torch import nn

from whet.base.errors import ModelError
from whet.generate.batches import batch_of, is_paired_model
from whet.generate.detokenize import Detokenizer, StopStrings
from whet.generate.eval_mode import Lockstep, borrowed
from whet.generate.prompts import prompt_ids, source_ids, sources, stop_ids
from whet.generate.protocol import Completion, Finish, GenerateSettings, Piece, Prompt, Token
from whet.models.decoding.manner import Manner
from whet.models.decoding.proof import decoding_of
from whet.models.forward.language import unwrapped
from whet.models.loading.reading import context_length as context_of

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
    read, is_paired = reader_of(module, tokenizer), is_paired_model(module)
    ids = [read(prompt) for prompt in prompts]
    context = context_length(module)
    stops = stop_ids(module, tokenizer)
    answers = [Answer(tokenizer, prompt, settings, stops, context, is_apart=is_paired) for prompt in ids]
    limits = [answer.limit for answer in answers]
    batches = together([len(prompt) for prompt in ids], limits, batch_tokens, decoding_of(module))
    ranks = Lockstep(module)
    with borrowed(module):
        for index in range(ranks.most(len(batches))):
            rows = batches[index] if index < len(batches) else []
            drawn = rows if numbers is None else [numbers[row] for row in rows]
            batch = batch_of(module, [ids[row] for row in rows], drawn, settings, context)
            while ranks.most(any(answers[row].finish is None for row in rows)):
                for row, token in zip(rows, batch.step(), strict=True):
                    answers[row].push(token)
    return [answer.completion() for answer in answers]


def stream(module: nn.Module, tokenizer: Any, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
    """The answer to one prompt, token by token. The same as `complete` gives for it alone.

    Between two pieces the module is as it was. Closing the iterator stops the answer.
    """
    ids, context = reader_of(module, tokenizer)(prompt), context_length(module)
    stops = stop_ids(module, tokenizer)
    answer = Answer(tokenizer, ids, settings, stops, context, is_apart=is_paired_model(module))
    batch = batch_of(module, [ids], [0], settings, context)
    while answer.finish is None:
        with borrowed(module):
            token = batch.step()[0]
        yield Piece(answer.push(token), token, answer.finish)


def together(prompts: Sequence[int], limits: Sequence[int], batch_tokens: int, manner: Manner) -> list[list[int]]:
    """Numbers of the prompts that go together, given by their lengths: the longest first, so that little is padding.

    `limits` are the most tokens that each gets. A batch has at most `batch_tokens`, and one prompt at least.
    """
    batches: list[list[int]] = []
    lengths = [prompt + limit for prompt, limit in zip(prompts, limits, strict=True)]
    apart = manner.rows != "padded"
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], -prompts[row] if apart else 0)):
        first = batches[-1][0] if batches else row
        has_room = bool(batches) and lengths[first] * (len(batches[-1]) + 1) <= batch_tokens
        if has_room and manner.joins(prompts[first], prompts[row], max(limits[first], limits[row])):
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def context_length(module: nn.Module) -> int | None:
    """Tokens that the model can see at once, by its config; None where it names no limit."""
    config = getattr(unwrapped(module), "config", None)
    return context_of(config) if config is not None else None


def reader_of(module: nn.Module, tokenizer: Any) -> Callable[[Prompt], list[int]]:
    """What makes tokens of a prompt: for a decoder to go on from, or for an encoder to read."""
    return partial(source_ids, sources(tokenizer)) if is_paired_model(module) else partial(prompt_ids, tokenizer)


class Answer:
    """One answer in the making: its tokens, its text so far, and whether it has ended.

    `is_apart` says that the context holds the answer alone: the prompt is read by an encoder, which has its own.
    """

    def __init__(
        self,
        tokenizer: Any,
        prompt: Sequence[int],
        settings: GenerateSettings,
        stops: frozenset[int],
        context: int | None,
        *,
        is_apart: bool = False,
    ) -> None:
        most = None if context is None else context - (not is_apart)
        if most is not None and len(prompt) > most:
            raise ModelError(
                f"the prompt has {len(prompt):,} tokens and the model's context is {context:,}",
                hint=f"shorten it to {most:,} tokens or fewer",
            )
        room = None if context is None else context - (1 if is_apart else len(prompt))
        self.limit = settings.max_new_tokens if room is None else min(settings.max_new_tokens, room)
        self.finish: Finish | None = None
        self._stops, self._num_prompt_tokens = stops, len(prompt)
        self._tokens: list[Token] = []
        self._text: list[str] = []
        self._detokenizer = Detokenizer(tokenizer, [] if is_apart else prompt)
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
        return Completion(
            "".join(self._text), tuple(self._tokens), self.finish, self._num_prompt_tokens,
            stop=self._stop_strings.found,
        )  # fmt: skip

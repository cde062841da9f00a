"""Continuous batching: an engine that takes requests at any time, and whose thread gives each a token at every step."""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from whet.base.errors import ModelError, WhetError, is_out_of_memory
from whet.contracts.model import Loaded
from whet.generate.eval_mode import borrowed
from whet.generate.prompts import prompt_ids, stop_ids
from whet.generate.protocol import Completion, GenerateSettings, Piece, Prompt
from whet.generate.ranks.following import Room
from whet.generate.ranks.leading import Followers, Led
from whet.generate.serving.batcher import Batcher
from whet.generate.serving.caches import cache_of, context_length
from whet.generate.serving.drafts import Drafts, check_draft, vocab_of
from whet.generate.serving.entry import Entry
from whet.generate.serving.figures import Figures
from whet.generate.serving.request import Adapters, Busy, Handle, Limits, NoAdapters, Request, Told
from whet.models.decoding.prepacked import prepacked
from whet.models.text import text_config

# From so many failed steps in a row on the device is taken to be lost.
_FAILED = 3
# How long the engine's thread has, to end after a part of the model was lost.
_LOST_S = 5.0


class ServingEngine:
    """A causal model of transformers that answers many at once (`Submitting`, and `whet.generate.protocol.Engine`).

    Greedy answers are those that each would get alone, to rounding; draws depend on (`seed`, `number`) alone. The
    module is this engine's until it is closed: weights must not change, and nobody else may run it.
    """

    def __init__(
        self,
        loaded: Loaded,
        limits: Limits | None = None,
        adapters: Adapters | None = None,
        draft: Loaded | None = None,
        followers: Followers | None = None,
        *,
        packs: bool = True,
    ) -> None:
        """`draft` guesses ahead (`whet.generate.serving.drafts`). `followers` have the other parts of the model, and
        end with the engine. `packs` allows weights to be arranged for their products, where they can: meanwhile nobody
        else can read them. Raises ModelError for a model that does not continue texts with one stream of tokens, and
        for a draft that does not fit it."""
        module: Any = loaded.module
        if loaded.processor is None or not loaded.capabilities.generates or loaded.capabilities.family != "causal":
            raise ModelError(
                "this model does not continue texts", hint="a causal language model with its tokenizer, or an embedder"
            )
        num_ranks = 1 if followers is None else followers.num + 1
        self.tokenizer, self.limits = loaded.processor, _settled(limits or Limits(), module, draft, num_ranks)
        self.context = context_length(module)
        adapters = adapters or NoAdapters()
        # Where adapters go one after the other they are in use as a whole, and there is nothing to deal.
        deal = adapters.deal if adapters.is_shared else _not_dealt
        room = Room(self.limits.cache_tokens, self.limits.block_tokens)
        # Ranks share the processors already.
        threads = self.limits.threads if followers is None else 0
        cache = cache_of(module, room.tokens, deal, block=room.block, threads=threads)
        if followers is not None:
            cache = Led(cache, followers, room)
        self.is_shared = cache.is_shared
        self.figures = Figures()
        self._module, self.stops = module, stop_ids(module, self.tokenizer)
        self._batcher = Batcher(cache, self.limits, adapters, None if draft is None else self._drafts(draft, loaded))
        self._borrowed = [module] if draft is None else [module, draft.module]
        self._stack = ExitStack()
        if packs and self.is_shared and followers is None:
            for one in self._borrowed:
                self._stack.enter_context(prepacked(one))
        self._arrived: deque[Entry] = deque()
        self._changed = threading.Condition()
        self._num_failed = 0
        self._followers = followers
        if followers is not None:
            followers.on_lost = self._lost
        self._num_open, self._is_draining, self._is_closing = 0, False, False
        self._thread = threading.Thread(target=self._work, name="whet-serving", daemon=True)
        self._thread.start()

    @property
    def longest(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        room = self.limits.cache_tokens - 1
        return room if self.context is None else min(self.context, room)

    @property
    def num_open(self) -> int:
        """Requests that have no whole answer yet."""
        return self._num_open

    @property
    def is_failing(self) -> bool:
        """Whether the last steps all failed, and not for want of memory, or a part of the model is lost."""
        return self._num_failed >= _FAILED or self.lost is not None

    @property
    def lost(self) -> WhetError | None:
        """Why no step can be made any more, where that is so."""
        return None if self._followers is None else self._followers.lost

    def submit(self, request: Request, tell: Callable[[Told], None] | None = None) -> Handle:
        """Begin to answer. Raises Busy where so many wait, or it ends; ModelError for a prompt that does not fit; what
        the engine has lost, where it has."""
        if self.lost is not None:
            raise self.lost
        handle = Handle(request, tell)
        entry = Entry(handle, self.tokenizer, self.stops, self.longest)
        handle.tell = self._counted(handle.tell)
        with self._changed:
            if self._is_draining or self._is_closing:
                raise Busy("the server is ending", hint="ask again when it has started anew")
            if self._num_open >= self.limits.sequences + self.limits.waiting:
                raise Busy(f"{self._num_open:,} requests are answered or wait already", hint="ask again in a moment")
            self._num_open += 1
            self._arrived.append(entry)
            self._changed.notify_all()
        self.figures.begin(len(request.ids))
        return handle

    def complete(
        self, prompts: Sequence[Prompt], settings: GenerateSettings, numbers: Sequence[int] | None = None
    ) -> list[Completion]:
        """One answer a prompt, in their order."""
        drawn = range(len(prompts)) if numbers is None else numbers
        handles = [
            self.submit(Request(ids=prompt_ids(self.tokenizer, prompt), settings=settings, number=number))
            for prompt, number in zip(prompts, drawn, strict=True)
        ]
        return [_completed(handle) for handle in handles]

    def stream(self, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
        """The answer as it grows. Closing the iterator stops it."""
        handle = self.submit(Request(ids=prompt_ids(self.tokenizer, prompt), settings=settings))
        try:
            yield from handle.pieces()
        finally:
            handle.cancel()

    def drain(self) -> None:
        """Take no more requests; those under way go on."""
        with self._changed:
            self._is_draining = True

    def close(self) -> None:
        """End: whoever still waits for an answer is told that none comes. Safe to call again."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        # A step whose other ranks have gone may wait for them for ever.
        self._thread.join(None if self.lost is None else _LOST_S)
        if self._followers is not None:
            self._followers.close()

    def _drafts(self, draft: Loaded, loaded: Loaded) -> Drafts:
        check_draft(draft, loaded)
        its: Any = draft.module
        cache = cache_of(its, self.limits.cache_tokens, block=self.limits.block_tokens, threads=self.limits.threads)
        for name, is_shared in (("the model", self.is_shared), ("the draft", cache.is_shared)):
            if not is_shared:
                said = f"{name} reads one sequence at a time, so nothing can be read ahead of an answer"
                raise ModelError(said, at="--draft", hint="leave --draft away, or another model")
        own_context, its_context = self.longest, context_length(its)
        if its_context is not None and its_context < own_context:
            said = f"the draft's context is {its_context:,} tokens, and answers may have {own_context:,}"
            raise ModelError(said, at="--draft", hint=f"--cache-tokens {its_context}, or another draft")
        return Drafts(cache, vocab_of(self._module), vocab_of(its))

    def _counted(self, tell: Callable[[Told], None]) -> Callable[[Told], None]:
        """`tell`, by which ends and times are counted too. What comes after an end is not told: a step that fails may
        have ended some answers before."""
        clock, has_ended = self.figures.clock(), False

        def counted(told: Told) -> None:
            nonlocal has_ended
            if has_ended:
                return
            if isinstance(told, Piece):
                clock.token()
            how = _end_of(told)
            if how is not None:
                has_ended = True
                with self._changed:
                    self._num_open -= 1
                    self._changed.notify_all()
                self.figures.end(how)
            tell(told)

        return counted

    def _work(self) -> None:
        with self._stack as stack:
            for module in self._borrowed:
                stack.enter_context(borrowed(module))
            while self._take():
                try:
                    self._batcher.step()
                    self._num_failed = 0
                except Exception as error:
                    if not isinstance(error, WhetError):
                        traceback.print_exc()
                    self._num_failed += not is_out_of_memory(error)
                    if self.lost is None:
                        self._batcher.fail(error)
                    else:
                        self._batcher.end(self.lost)
                self.figures.seen(len(self._batcher.running), len(self._batcher.waiting))
                self.figures.guessed(self._batcher.num_guessed, self._batcher.num_right)
        self._batcher.end(Busy("the server has ended", hint="ask again when it has started anew"))

    def _lost(self, error: WhetError) -> None:
        """Say that a part of the model is gone, and tell everybody; the engine's thread may be waiting for it."""
        print(f"error: {error}", file=sys.stderr, flush=True)
        self._batcher.end(error)

    def _take(self) -> bool:
        """Wait for something to do, and take what has arrived. False where it is to end."""
        with self._changed:
            while not (self._is_closing or self._arrived or self._batcher.is_busy):
                self._changed.wait()
            while self._arrived:
                self._batcher.add(self._arrived.popleft())
            return not self._is_closing


def _not_dealt(places: Mapping[str, torch.Tensor]) -> None:
    pass


def _end_of(told: Told) -> str | None:
    """How an answer has ended; None where it goes on."""
    if isinstance(told, Piece):
        return told.finish
    return "cancelled" if told is None else "error"


def _settled(limits: Limits, module: Any, draft: Loaded | None, num_ranks: int) -> Limits:
    """The limits with the room of the cache decided."""
    if limits.cache_tokens:
        return limits
    num_bytes = token_bytes(module) + (0 if draft is None else token_bytes(draft.module))
    device = next(module.parameters()).device
    # Each rank has a part of what a token takes: of a GPU of its own, or all of them of one memory.
    free = num_ranks * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _free_bytes()
    return replace(limits, cache_tokens=max(1024, int(free / 4) // num_bytes))


def _free_bytes() -> int:
    """Memory that programs may still take; half of all where the system does not say."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def token_bytes(module: Any) -> int:
    """Bytes of keys and values of one token, by the config; of a model without attention, which keeps nothing of a
    single token, those of its hidden states."""
    text = text_config(module.config)
    queries = getattr(text, "num_attention_heads", None) or 1
    heads = getattr(text, "num_key_value_heads", None) or queries
    dim = getattr(text, "head_dim", None) or text.hidden_size // queries
    return 2 * text.num_hidden_layers * heads * dim * next(module.parameters()).element_size()


def _completed(handle: Handle) -> Completion:
    for _ in handle.pieces():
        pass
    assert handle.completion is not None
    return handle.completion

"""What a server has to offer: an engine, an embedder or a head that scores; its names, adapters and manners."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, Request

from whet.base.errors import ModelError, WhetError
from whet.contracts.model import Embedder, Head, Loaded
from whet.evaluate.scoring import Scored, score_conversations, score_relevance, score_texts
from whet.generate.prompts import render, text_ids
from whet.generate.protocol import recommended
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.figures import Figures
from whet.generate.serving.grammars import Grammars
from whet.generate.tool_calls import Exchange
from whet.server.openai.feedback import FeedbackFiles
from whet.server.openai.kept import Kept
from whet.server.openai.names import adapter_named
from whet.server.openai.observing.recorder import Recorder
from whet.server.openai.refused import Refused
from whet.server.openai.token_texts import TokenTexts


@dataclass(frozen=True, slots=True)
class Embedding:
    """A model that makes embeddings of texts, one request at a time."""

    loaded: Loaded
    how: Embedder
    lock: threading.Lock = field(default_factory=threading.Lock)

    def embed(self, texts: Sequence[str], side: str, dim: int | None) -> np.ndarray:
        """Embeddings (N, D) float32."""
        from whet.evaluate.embed import embed

        with self.lock:
            return embed(self.loaded, self.how, texts, side, dim=dim)


@dataclass(frozen=True, slots=True)
class Scoring:
    """A model with a head that gives numbers of texts, one request at a time. Its refusals are Refused. A text that
    the model's context would cut is refused: its score would be another text's."""

    loaded: Loaded
    head: Head
    lock: threading.Lock = field(default_factory=threading.Lock)

    def texts(self, texts: Sequence[str | tuple[str, str]]) -> Scored:
        """Scores of texts, or of pairs of them."""
        return self._of(partial(score_texts, cuts=False), "input", texts)

    def relevance(self, pairs: Sequence[tuple[str, str]]) -> Scored:
        """Scores of documents, each behind its query."""
        return self._of(partial(score_relevance, cuts=False), "documents", pairs)

    def conversations(self, conversations: Sequence[Sequence[Mapping[str, Any]]]) -> Scored:
        """Scores of conversations."""
        return self._of(score_conversations, "messages", conversations)

    def _of(self, score: Callable[..., Scored], param: str, given: Any) -> Scored:
        with self.lock, readable(param):
            try:
                return score(self.loaded, given)
            except WhetError as error:  # of a text that cannot be read, or of a model for something else
                raise Refused(error.message, param=param, code="invalid_value") from None


@contextmanager
def readable(param: str) -> Iterator[None]:
    """Inside, a text that is none (half a surrogate pair) is refused: what tokenizers raise is a message for nobody."""
    try:
        yield
    except (TypeError, UnicodeError):
        raise Refused(f"`{param}` is no Unicode text", param=param, code="invalid_value") from None


class Service:
    """One base model, with adapters by name. The first of its `names` is what it calls itself."""

    def __init__(
        self, loaded: Loaded, names: Sequence[str], *, engine: ServingEngine | None = None,
        embedding: Embedding | None = None, scoring: Scoring | None = None, adapters: Sequence[str] = (),
        timeout_s: float = 600.0, feedback: FeedbackFiles | None = None, recorder: Recorder | None = None,
    ) -> None:  # fmt: skip
        tokenizer: Any = loaded.processor
        self.tokenizer = tokenizer
        self.names, self.adapters = tuple(names), tuple(adapters)
        self.created = int(time.time())
        self.timeout_s = timeout_s
        self.texts = TokenTexts(tokenizer)
        self.vocab: int = loaded.vocab or len(tokenizer)
        self.context = loaded.capabilities.context
        self.family = str(getattr(loaded.module.config, "model_type", ""))
        self.size = _said(sum(loaded.costs.parameters.values()))
        self.manners: Mapping[str, Any] = recommended(getattr(loaded.module, "generation_config", None))
        self.embedding, self._scoring, self._engine = embedding, scoring, engine
        self.feedback, self.recorder = feedback, recorder
        self.chats, self.responses = Kept("completion"), Kept("response")
        self._exchange = lru_cache(maxsize=16)(self._new_exchange)

    @property
    def engine(self) -> ServingEngine:
        """What answers. Raises Refused for a model that does not."""
        if self._engine is None:
            raise self.unfit("does not continue texts")
        return self._engine

    @property
    def longest(self) -> int | None:
        """Tokens that the model sees at once: of one that answers, as far as its cache holds them."""
        return self.context if self._engine is None else self._engine.longest

    @property
    def scoring(self) -> Scoring:
        """What gives numbers of texts. Raises Refused for a model that does not."""
        if self._scoring is None:
            raise self.unfit("gives no scores")
        return self._scoring

    @property
    def scores_texts(self) -> bool:
        """Whether the model has a head that scores."""
        return self._scoring is not None

    def unfit(self, what: str) -> Refused:
        """The refusal of what this kind of model does not do."""
        does = "continues texts (/v1/chat/completions)"
        if self.embedding is not None:
            does = "makes embeddings (/v1/embeddings, /v1/rerank, /v1/score)"
        if self._scoring is not None:
            does = "scores texts (/v1/classify, /v1/rerank, /v1/score)"
        said = f"the model `{self.names[0]}` {does}, and {what}"
        return Refused(said, code="unsupported_model", param="model")

    @property
    def figures(self) -> Figures | None:
        """What the engine has done; None of a model without one."""
        return None if self._engine is None else self._engine.figures

    @cached_property
    def grammars(self) -> Grammars:
        """Forms for answers. Raises Refused where the package for it is not installed."""
        try:
            return Grammars(self.tokenizer, self.vocab, self.engine.stops)
        except WhetError as error:
            said = f"{error.message} ({error.hint}, where the server runs)"
            raise Refused(said, param="response_format", code="unsupported_parameter") from None

    def adapter(self, model: str | None) -> str | None:
        """The adapter that a request's `model` means; None for the base model. Raises Refused for another one."""
        return adapter_named(model, self.names, self.adapters)

    def text_ids(self, text: str) -> list[int]:
        """Tokens of a text to go on from."""
        return text_ids(self.tokenizer, text)

    def checked(self, ids: Sequence[int], param: str) -> list[int]:
        """Token ids that the model has an embedding for. Raises Refused."""
        wrong = next((token for token in ids if token >= self.vocab), None)
        if wrong is not None:
            raise Refused(f"the model has {self.vocab:,} tokens, and no {wrong:,}", param=param, code="invalid_value")
        return list(ids)

    def chat_text(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Messages as the model reads them. Raises Refused where it has no template for them."""
        try:
            return render(self.tokenizer, messages)
        except ModelError as error:
            raise Refused(error.message, param="messages") from None

    def exchange(self, tools: str) -> Exchange:
        """How the template writes these tools (JSON) and their calls. Raises Refused where it does not."""
        try:
            return self._exchange(tools)
        except ModelError as error:
            raise Refused(error.message, param="tools", code="unsupported_parameter") from None

    @property
    def is_failing(self) -> bool:
        """Whether the engine's last steps all failed, or a part of the model is lost."""
        return self._engine is not None and self._engine.is_failing

    @property
    def lost(self) -> str:
        """Why nothing is answered any more, where a part of the model is lost."""
        return self._engine.lost.message if self._engine is not None and self._engine.lost is not None else ""

    def drain(self) -> None:
        """Take no more requests."""
        if self._engine is not None:
            self._engine.drain()

    def close(self) -> None:
        """End."""
        if self._engine is not None:
            self._engine.close()
        if self.recorder is not None:
            self.recorder.close()

    def _new_exchange(self, tools: str) -> Exchange:
        return Exchange(self.tokenizer, json.loads(tools))


def _said(count: int) -> str:
    """A number of parameters as Ollama says it."""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.1f}M"


def _given(request: Request) -> Service:
    return request.app.state.service


Given = Annotated[Service, Depends(_given)]


def _asker(request: Request) -> str:
    return request.state.caller.name


# The name of the key that a request came with: what it stores is its own.
Asker = Annotated[str, Depends(_asker)]

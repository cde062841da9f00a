"""What a server has to offer: an engine or an embedder, the names it goes by, its adapters and its manners."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, Request

from whet.base.errors import ModelError, WhetError
from whet.contracts.model import Embedder, Loaded
from whet.generate.prompts import render, text_ids
from whet.generate.protocol import recommended
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.grammars import Grammars
from whet.generate.tool_calls import Exchange
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
        embedding: Embedding | None = None, adapters: Sequence[str] = (), timeout_s: float = 600.0,
    ) -> None:  # fmt: skip
        tokenizer: Any = loaded.processor
        self.tokenizer = tokenizer
        self.names, self.adapters = tuple(names), tuple(adapters)
        self.created = int(time.time())
        self.timeout_s = timeout_s
        self.texts = TokenTexts(tokenizer)
        self.vocab: int = loaded.vocab or len(tokenizer)
        self.context = loaded.capabilities.context
        self.manners: Mapping[str, Any] = recommended(getattr(loaded.module, "generation_config", None))
        self.embedding, self._engine = embedding, engine
        self._exchange = lru_cache(maxsize=16)(self._new_exchange)

    @property
    def engine(self) -> ServingEngine:
        """What answers. Raises Refused for a model that does not."""
        if self._engine is None:
            said = f"the model `{self.names[0]}` makes embeddings, and does not continue texts (/v1/embeddings)"
            raise Refused(said, code="unsupported_model", param="model")
        return self._engine

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
        if model is None or model in self.names:
            return None
        if model in self.adapters:
            return model
        served = ", ".join(f"`{name}`" for name in (*self.names, *self.adapters))
        raise Refused(
            f"the model `{model}` is not served here: {served}", status=404, code="model_not_found", param="model"
        )

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
        """Whether the engine's last steps all failed."""
        return self._engine is not None and self._engine.is_failing

    def drain(self) -> None:
        """Take no more requests."""
        if self._engine is not None:
            self._engine.drain()

    def close(self) -> None:
        """End."""
        if self._engine is not None:
            self._engine.close()

    def _new_exchange(self, tools: str) -> Exchange:
        return Exchange(self.tokenizer, json.loads(tools))


def _given(request: Request) -> Service:
    return request.app.state.service


Given = Annotated[Service, Depends(_given)]

"""Any server that speaks OpenAI's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import engine
from whet.base.settings import Count, Natural, Positive
from whet.generate.protocol import Engine

if TYPE_CHECKING:
    from whet.contracts.model import Loaded


@engine("openai")
def openai(
    loaded: Loaded | None,
    *,
    url: str,
    model: str | None = None,
    dialect: Literal["openai", "vllm"] = "openai",
    key_env: str = "OPENAI_API_KEY",
    concurrency: Count = 16,
    timeout_s: Positive = 600.0,
    retries: Natural = 4,
    extra: dict[str, Any] = {},  # noqa: B006
) -> Engine:
    """An OpenAI-compatible server: chat and completions, streamed or whole, with retries.

    url: the address with its version, such as http://127.0.0.1:8000/v1
    model: the model's name there; the only one that it serves by default
    dialect: `vllm` also takes token ids, top_k, min_p and repetition_penalty, and tells the ids of an answer
    key_env: environment variable that holds the key
    concurrency: requests at once
    timeout_s: seconds without a byte before a request is given up
    retries: how often a request is made again that failed in a way that may pass
    extra: further members of every request
    """
    from whet.generate.http import Endpoint
    from whet.generate.openai_api import Remote, served_model

    endpoint = Endpoint(url, key_env=key_env, timeout_s=timeout_s, retries=retries)
    tokenizer = loaded.processor if loaded is not None and dialect == "vllm" else None
    return Remote(endpoint, served_model(endpoint, model), dialect, tokenizer, concurrency, extra)

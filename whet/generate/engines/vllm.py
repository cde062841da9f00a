"""vLLM: a server beside the training, or its engine in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import engine
from whet.base.errors import ModelError, missing_package
from whet.base.settings import Count, Fraction, Natural, Output, Place, Positive
from whet.generate.protocol import Engine

if TYPE_CHECKING:
    from whet.contracts.model import Loaded


@engine("vllm", takes_weights=True)
def vllm(
    loaded: Loaded | None,
    *,
    url: str | None = None,
    path: Place | None = None,
    model: str | None = None,
    folder: Output = "/dev/shm/whet-vllm",
    memory: Fraction = 0.3,
    concurrency: Count = 64,
    timeout_s: Positive = 600.0,
    retries: Natural = 4,
    logprobs: Literal["raw", "processed"] = "raw",
) -> Engine:
    """vLLM with exact token ids and new weights on demand: a server (`url`), or an engine in this process (`path`).

    url: a server's address with its version, such as http://127.0.0.1:8000/v1; none: run it in this process
    path: the model that an engine in this process loads
    model: the model's name on the server; the only one that it serves by default
    folder: where weights for a server are written; it has to see the same folder
    memory: share of the GPU's memory that an engine in this process may take
    concurrency: requests to a server at once
    timeout_s: seconds without a byte before a request is given up
    retries: how often a request is made again that failed in a way that may pass
    logprobs: what vLLM tells: `raw` ones, at temperature 1, or `processed` ones, at that of the draws (a server's
        `--logprobs-mode processed_logprobs`), which say nothing of what filters left out
    """
    from pathlib import Path

    from whet.generate.http import Endpoint
    from whet.generate.openai_api import Remote, served_model
    from whet.generate.vllm_server import VllmServer

    tokenizer = loaded.processor if loaded is not None else None
    if url is not None:
        endpoint = Endpoint(url, key_env="VLLM_API_KEY", timeout_s=timeout_s, retries=retries)
        control = Endpoint(url.rstrip("/").removesuffix("/v1"), key_env="VLLM_API_KEY", timeout_s=timeout_s, retries=0)
        remote = Remote(endpoint, served_model(endpoint, model), "vllm", tokenizer, concurrency, told=logprobs)
        return VllmServer(remote, control, Path(folder))
    try:
        import vllm  # noqa: F401
    except ImportError:
        raise missing_package("vllm", "vllm", "the engine `vllm` in this process") from None
    if path is None or loaded is None or tokenizer is None:
        raise ModelError(
            "vLLM in this process needs a model to load", hint="path: Qwen/Qwen3-0.6B, or url: http://localhost:8000"
        )
    from whet.generate.vllm_inside import VllmInside

    return VllmInside(path, tokenizer, memory, logprobs, _dtype(loaded))


def _dtype(loaded: Loaded) -> str:
    """The dtype that the trained weights are computed in: their own, and bf16 for fp32 on a GPU.

    Left to itself vLLM takes bf16 for fp32 weights anywhere.
    """
    import torch

    stored = next(loaded.module.parameters()).dtype
    if stored == torch.float32 and torch.cuda.is_available():
        stored = torch.bfloat16
    return str(stored).removeprefix("torch.")

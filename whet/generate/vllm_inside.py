"""vLLM's engine in this process, beside the model that is trained. Needs the package; thin on purpose."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from whet.base.seeds import derive
from whet.generate.openai_api import Told, temperature_told
from whet.generate.prompts import prompt_ids
from whet.generate.protocol import Completion, Finish, GenerateSettings, Piece, Prompt, Token

if TYPE_CHECKING:
    from torch import Tensor


class VllmInside:
    """An engine (contract: `whet.generate.protocol.Engine`) that also takes new weights."""

    def __init__(self, path: str, tokenizer: Any, memory: float, told: Told, dtype: str) -> None:
        # In a process of its own its model could not be reached.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        from vllm import LLM

        self._tokenizer, self._told = tokenizer, told
        settings: Any = {"gpu_memory_utilization": memory, "dtype": dtype, "logprobs_mode": f"{told}_logprobs"}
        self._engine = LLM(model=path, enforce_eager=True, **settings)

    def complete(
        self, prompts: Sequence[Prompt], settings: GenerateSettings, numbers: Sequence[int] | None = None
    ) -> list[Completion]:
        from vllm import SamplingParams

        asked = [{"prompt_token_ids": prompt_ids(self._tokenizer, prompt)} for prompt in prompts]
        wants = settings.logprobs or settings.top_logprobs > 0
        drawn = [
            SamplingParams(
                max_tokens=settings.max_new_tokens, temperature=settings.temperature, top_p=settings.top_p,
                top_k=settings.top_k or -1, min_p=settings.min_p, repetition_penalty=settings.repetition_penalty,
                stop=list(settings.stop), seed=derive("remote", settings.seed, number) % 2**31,
                logprobs=settings.top_logprobs if wants else None,
            )
            for number in (range(len(prompts)) if numbers is None else numbers)
        ]  # fmt: skip
        answers = self._engine.generate(asked, drawn, use_tqdm=False)
        at = temperature_told(self._told, settings)
        return [_completion(answer, settings.top_logprobs, at) for answer in answers]

    def stream(self, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
        """The answer in one piece: this engine works in batches."""
        done = self.complete([prompt], settings)[0]
        yield Piece(done.text, None, done.finish)

    def sync(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Load weights in the names of the checkpoint, and forget what was cached of the old ones."""
        # Not the model's own `load_weights`: after the first load layers may hold their weights in another layout.
        self._engine.collective_rpc("reload_weights", kwargs={"weights_iterator": weights})
        self._engine.reset_prefix_cache()


def _completion(answer: Any, top: int, logprobs_at: float | None) -> Completion:
    done = answer.outputs[0]
    told = done.logprobs or [None] * len(done.token_ids)
    tokens = []
    for token_id, facts in zip(done.token_ids, told, strict=True):
        ranked = sorted((facts or {}).items(), key=lambda item: item[1].rank)[:top]
        alternatives = tuple((i, fact.logprob) for i, fact in ranked)
        tokens.append(Token(token_id, facts[token_id].logprob if facts else None, alternatives))
    finish: Finish = "length" if done.finish_reason == "length" else "stop"
    return Completion(done.text, tuple(tokens), finish, len(answer.prompt_token_ids), logprobs_at)

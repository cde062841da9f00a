"""Answers of the model in training to fixed prompts, so that a user sees it learn."""

from __future__ import annotations

from collections.abc import Sequence

from whet.contracts.model import Loaded
from whet.generate.decode import complete
from whet.generate.protocol import GenerateSettings
from whet.train.evaluation import Answer


def answerer(model: Loaded, max_new_tokens: int, seed: int) -> Answer:
    """Greedy answers to prompts: as a chat where the tokenizer has a template, else as a continuation."""
    settings = GenerateSettings(max_new_tokens=max_new_tokens, seed=seed)
    is_chat = bool(getattr(model.processor, "chat_template", None))

    def answer(prompts: Sequence[str]) -> list[str]:
        asked = [[{"role": "user", "content": prompt}] if is_chat else prompt for prompt in prompts]
        return [completion.text for completion in complete(model.module, model.processor, asked, settings)]

    return answer

"""Answers of the model in training to fixed prompts, so that a user sees it learn."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from whet.contracts.model import Loaded
from whet.generate.decode import complete
from whet.generate.protocol import GenerateSettings
from whet.train.measure.evaluation import Answer


def answerer(model: Loaded, max_new_tokens: int, seed: int, template: str | None = None) -> Answer:
    """Greedy answers to prompts, as `whet chat` gives them once the model is written: as a chat where there is a
    template (`template`, else the tokenizer's own), else as a continuation."""
    settings = GenerateSettings(max_new_tokens=max_new_tokens, seed=seed)
    tokenizer: Any = copy.copy(model.processor)
    if template is not None:
        tokenizer.chat_template = template
    is_chat = bool(getattr(tokenizer, "chat_template", None))

    def answer(prompts: Sequence[str]) -> list[str]:
        asked = [[{"role": "user", "content": prompt}] if is_chat else prompt for prompt in prompts]
        return [completion.text for completion in complete(model.module, tokenizer, asked, settings)]

    return answer

"""Engines of tiny models, which end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.generate import tiny
from whet.contracts.model import Capabilities
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Limits
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.loading.loaded import loaded


@pytest.fixture
def serving() -> Iterator[Callable[..., ServingEngine]]:
    """`serving(module, adapters, attends, **limits)`: an engine of a module, whose attention may be another one."""
    engines: list[ServingEngine] = []

    def start(
        module: Any, adapters: Any = None, attends: str = attention.NAME, draft: Any = None, **limits: int
    ) -> ServingEngine:
        attention.register()
        module.set_attn_implementation(attends)
        own = loaded(module, tiny.tokenizer(), Capabilities(), LanguageModel(module))
        engines.append(
            ServingEngine(own, Limits(**{"cache_tokens": 4096, "block_tokens": 4, **limits}), adapters, draft)
        )
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()

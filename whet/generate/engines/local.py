"""Our own decoder, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whet.base.catalogue import engine
from whet.base.errors import ModelError
from whet.base.settings import Count
from whet.generate.protocol import Completion, Engine, GenerateSettings, Piece, Prompt, Talk

if TYPE_CHECKING:
    from whet.contracts.model import Loaded


@engine("local", in_training=True)
def local(loaded: Loaded, *, batch_tokens: Count = 16_384) -> Engine:
    """A transformers causal model, decoded with its KV cache in this process.

    batch_tokens: tokens of cache that the prompts answered at once may fill
    """
    if loaded.processor is None or not loaded.capabilities.generates:
        raise ModelError("this model does not generate text", hint="use a causal language model with its tokenizer")
    return Local(loaded, batch_tokens)


@dataclass(frozen=True, slots=True)
class Local:
    loaded: Loaded
    batch_tokens: int

    def complete(
        self, prompts: Sequence[Prompt], settings: GenerateSettings, numbers: Sequence[int] | None = None
    ) -> list[Completion]:
        from whet.generate.decode import complete

        module, tokenizer = self.loaded.module, self.loaded.processor
        return complete(module, tokenizer, prompts, settings, batch_tokens=self.batch_tokens, numbers=numbers)

    def stream(self, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
        from whet.generate.decode import stream

        return stream(self.loaded.module, self.loaded.processor, prompt, settings)

    def talk(self, settings: GenerateSettings) -> Talk | None:
        from whet.generate.kv_sessions import LiveTalk
        from whet.models.decoding.pairs import is_paired_model

        if settings.stop or settings.repetition_penalty != 1.0 or is_paired_model(self.loaded.module):
            return None
        return LiveTalk(self.loaded.module, self.loaded.processor, batch_tokens=self.batch_tokens)

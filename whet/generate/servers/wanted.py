"""What a server of another engine is wanted for, and the command that starts it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# What a model does: continues texts, makes embeddings, or scores texts.
Kind = Literal["generate", "embed", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A model and how it is to be served; 0 and "" leave it to the engine."""

    model: str  # a folder, a GGUF file or a hub id
    name: str
    port: int
    key: str = field(repr=False)
    kind: Kind = "generate"
    pooling: str = ""  # of an embedding model: mean, cls, last
    adapters: Mapping[str, str] = field(default_factory=dict)
    adapter_rank: int = 0  # the largest one
    dtype: str = "auto"
    context: int = 0
    gpus: int = 1
    sequences: int = 0
    quantized: str = ""  # as `quant_method` of the model's config has it
    template: str = ""  # a file with a chat template instead of the model's own
    tool_form: str = ""  # how the template writes calls, as `Exchange.form` says it
    tool_parser: str = ""  # the engine's name for what reads them, where the user gave one
    more: tuple[str, ...] = ()  # arguments of the engine's own


@dataclass(frozen=True, slots=True)
class Command:
    """What starts a server: words, and what is set in the environment beside what is there."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...] = ()  # what the user is to know of it
    secret: str = field(default="", repr=False)

    def shown(self) -> str:
        """The command as it can be typed, without the key."""
        named = [f"{name}={'...' if value == self.secret else value}" for name, value in self.environment.items()]
        return shlex.join([*named, *("..." if word == self.secret else word for word in self.words)])

"""Training some of the parameters: by name, or the first or last layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.errors import ModelError
from whet.base.settings import Natural
from whet.models.tuners.full import Full

if TYPE_CHECKING:
    from torch import nn


@tuner("freeze", own_weights=True)
def freeze(*, patterns: tuple[str, ...] = (), first: Natural = 0, last: Natural = 0) -> Freeze:
    """Train the named parameters and layers, and freeze all others.

    patterns: regular expressions; a parameter with one of them in its name is trained, such as [mlp]
    first: train this many first layers
    last: train this many last layers
    """
    if not (patterns or first or last):
        raise ModelError("`freeze` would train nothing", at="tuner", hint="tuner.last=2")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ModelError(
                f"`{pattern}` is no regular expression: {error}",
                at="tuner.patterns",
                hint="put a backslash before ( ) [ ] { } * + ? . | that are meant as they are",
            ) from None
    return Freeze(patterns, first, last)


@dataclass(frozen=True)
class Freeze(Full):
    """Full tuning of a part of the model."""

    patterns: tuple[str, ...]
    first: int
    last: int

    def prepare(self, module: nn.Module) -> nn.Module:
        from whet.models.forward.heads import new_parts

        prefixes = (*self._layers(module), *(f"{name}." for name in new_parts(module)))
        names = [name for name, _ in module.named_parameters()]
        trained = {name for name in names if name.startswith(prefixes)}
        for pattern in self.patterns:
            found = {name for name in names if re.search(pattern, name)}
            if not found:
                hint = f"names look like {names[0]} and {names[-1]}; a head tied to the embedding has the embedding's"
                raise ModelError(f"no parameter is called like `{pattern}`", at="tuner.patterns", hint=hint)
            trained |= found
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name in trained)
        return module

    def _layers(self, module: nn.Module) -> tuple[str, ...]:
        """Name prefixes of the chosen layers, members of the longest list of blocks."""
        from whet.models.blocks import blocks

        if not (self.first or self.last):
            return ()
        name, found = blocks(module)
        count = len(found)
        if max(self.first, self.last) > count:
            raise ModelError(f"the model has {count} layers only", at="tuner", hint=f"tuner.last={max(count // 2, 1)}")
        return tuple(f"{name}.{i}." for i in range(count) if i < self.first or i >= count - self.last)

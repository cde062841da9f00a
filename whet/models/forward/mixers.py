"""Mixers: parts that mix the tokens of a row in a way of their own, called once for each of its samples.

Recurrent and convolutional layers go from one token to the next, and attention that does not go through transformers'
interface looks at the whole row. They are found on the twin by what they do, not by name: the innermost parts through
which one sample first moves another.
"""

# T tokens of the row  D model  n tokens of a piece

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.batch import Segment

NOW = "whet_segments"  # the attribute of a wrapped part: the segments of the row that is being computed
# Arguments that say something of every pair of tokens, or of keys alone: their last dimensions are cut.
_OF_PAIRS = re.compile(r".*(mask|bias|alibi|relative_pos).*")
_ALONE = "segments"


def isolate(module: nn.Module, names: Sequence[str]) -> None:
    """Let parts of the classes with these names see one sample at a time. Only these instances change.

    What a part did before is kept as a function, not bound to it: a copy of the module then runs its own tensors.
    """
    for part in module.modules():
        if type(part).__name__ in names and not hasattr(part, NOW):
            object.__setattr__(part, NOW, None)
            own = vars(part)["forward"].__func__ if "forward" in vars(part) else type(part).forward
            part.forward = MethodType(partial(_each_sample, own=own), part)  # type: ignore[method-assign]


@contextmanager
def placed(module: nn.Module, segments: Sequence[Segment]) -> Iterator[None]:
    """Inside, a packed row with these segments is computed."""
    parts = [part for part in module.modules() if NOW in part.__dict__]  # `hasattr` of a module raises, and is slow
    for part in parts:
        object.__setattr__(part, NOW, tuple(segments))
    try:
        yield
    finally:
        for part in parts:
            object.__setattr__(part, NOW, None)


def _each_sample(self: Any, *args: Any, own: Callable[..., Any], **kwargs: Any) -> Any:
    """What `own` gives for each segment, one after the other; a branch sees the beginning that it shares."""
    own = partial(own, self)
    segments = getattr(self, NOW)
    if segments is None or (len(segments) == 1 and segments[0].prefix < 0):
        return own(*args, **kwargs)
    named = inspect.signature(type(self).forward).bind(self, *args, **kwargs)
    length = segments[-1].end
    parts = [_piece(own, named, segment, segments, length) for segment in segments]
    return _joined(parts)


def _piece(
    own: Callable[..., Any], named: inspect.BoundArguments, segment: Segment, segments: Sequence[Segment], length: int
) -> Any:
    count = segment.end - segment.start
    before = segments[segment.prefix] if segment.prefix >= 0 else None
    edges = [(before.start, before.end)] if before else []
    at = [*edges, (segment.start, segment.end)]
    args = [_cut(value, name, at, length) for name, value in zip(named.signature.parameters, named.args, strict=False)]
    kwargs = {name: _cut(value, name, at, length) for name, value in named.kwargs.items()}
    if kwargs.get(_ALONE) is not None:
        kwargs[_ALONE] = None
    found = own(*args[1:], **kwargs)
    return _last(found, count) if before else found


def _cut(value: Any, name: str, at: Sequence[tuple[int, int]], length: int) -> Any:
    """The part of an argument that is about the tokens of these ranges."""
    if isinstance(value, Tensor):
        for dim in _dims(value, name, length):
            pieces = [value.narrow(dim, start, end - start) for start, end in at]
            value = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim)
        return value
    if type(value) in (tuple, list):
        return type(value)(_cut(item, name, at, length) for item in value)
    if type(value) is dict:
        return {key: _cut(item, name, at, length) for key, item in value.items()}
    return value


def _dims(value: Tensor, name: str, length: int) -> list[int]:
    """The dimensions that count the tokens of the row."""
    equal = [dim for dim, size in enumerate(value.shape) if size == length]
    if _OF_PAIRS.fullmatch(name):
        last = [dim for dim in (value.dim() - 1, value.dim() - 2) if dim in equal]
        return last if value.dim() - 1 in last else equal[:1]
    return [1] if 1 in equal else equal[:1]


def _joined(parts: Sequence[Any]) -> Any:
    """Outputs (1, n, ...) one behind the other; of several only the first is about tokens and asked for."""
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts), dim=1)
    if type(parts[0]) in (tuple, list):
        first = torch.cat([part[0] for part in parts], dim=1)
        return type(parts[0])([first, *(None if isinstance(item, Tensor) else item for item in parts[0][1:])])
    raise ModelError(
        f"a part that gives a {type(parts[0]).__name__} cannot be called once for each sample",
        hint="train.micro_batch of one sample",
    )


def _last(found: Any, count: int) -> Any:
    if isinstance(found, Tensor):
        return found[:, -count:]
    return type(found)([found[0][:, -count:], *found[1:]])


def first_leak(
    run: Callable[[Any], object], module: nn.Module, batches: tuple[Any, Any], others_T: Tensor, limit: float
) -> str | None:
    """The class of the innermost part that first moves tokens of `others_T` whose inputs did not move; None: none.

    `run(batch)` computes one of two batches that differ in the other tokens alone.
    """
    seen: list[list[tuple[str, Tensor, Tensor]]] = []
    length = len(others_T)

    def note(part: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        before = next((value for value in [*args, *kwargs.values()] if _is_row(value, length)), None)
        after = output[0] if isinstance(output, tuple | list) and output else output
        if before is not None and _is_row(after, length):
            seen[-1].append((type(part).__name__, before.detach()[0, others_T], after.detach()[0, others_T]))

    bodies = [part for name, part in module.named_modules() if name.count(".") > 1]
    hooks = [part.register_forward_hook(note, with_kwargs=True) for part in bodies]
    try:
        for batch in batches:
            seen.append([])
            with torch.no_grad():
                run(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for (name, before, after), (_, before_too, after_too) in zip(*seen, strict=False):
        if not _has_moved(before, before_too, limit) and _has_moved(after, after_too, limit):
            return name
    return None


def _is_row(value: Any, length: int) -> bool:
    return isinstance(value, Tensor) and value.dim() >= 3 and value.shape[:2] == (1, length)


def _has_moved(before: Tensor, after: Tensor, limit: float) -> bool:
    return bool((before - after).abs().max() > limit * before.abs().max().clamp(1e-3))

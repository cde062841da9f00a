"""Which tensors are alive at every moment of a forward and a backward pass."""

from __future__ import annotations

import math
import weakref
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode, is_traceable_wrapper_subclass

from whet.plan.tracing.workspaces import Processor

_NUMBER = torch.ops.aten._local_scalar_dense.default
_GROUPED = torch.ops.aten._grouped_mm.default
_LAYER_NORM = torch.ops.aten.native_layer_norm.default
# What makes positions and tables, and the most numbers of what is made from them that is computed as it is.
_COUNTING = ("aten::arange", "aten::linspace", "aten::scalar_tensor")
_LARGEST_REAL = 1 << 22


@dataclass(slots=True)
class Timeline:
    """What happened, in order: a piece of memory was taken (`+`, its number), given back (`-`), or a moment came
    (`at`, its name). `pieces` are bytes and bytes a number of each piece."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    pieces: list[tuple[int, int]] = field(default_factory=list)

    def mark(self, name: Any) -> None:
        self.events.append(("at", name))


class Watch(TorchDispatchMode):
    """Writes down every storage that an op makes, and when the last tensor on it is gone.

    A number that is read of a tensor without values is 0: what a step reads of itself decides nothing that takes
    memory. With a `processor`, what its ops take inside is written down as well; `kernels` are pieces of code.
    """

    def __init__(self, timeline: Timeline, processor: Processor | None = None) -> None:
        super().__init__()
        self.timeline, self.processor = timeline, processor
        self.numbers: dict[int, int] = {}
        self.kernels: set[int] = set()
        self._met: set[Hashable] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [*_tensors(args), *_tensors(kwargs)]
        if func is _NUMBER and isinstance(args[0], FakeTensor):
            return 0.0 if args[0].is_floating_point() else 0
        known = {storage._cdata for tensor in given for storage in storages(tensor)}
        with unset_fake_temporarily() if _stays_real(func, given) else nullcontext():
            out = _called(func, args, kwargs or {})
        if given and isinstance(out, FakeTensor) and not isinstance(args[0], FakeTensor) and _is_in_place(func):
            return args[0]  # what is real was changed by what has no values: it is what it was
        for storage, itemsize in _sized(out):
            if storage._cdata not in known and storage._cdata not in self.numbers:
                self._taken(storage, itemsize)
        if self.processor is not None:
            self._inside(self.processor, func, args, out)
        return out

    def _inside(self, processor: Processor, func: Any, args: Any, out: Any) -> None:
        """What an op takes beside its tensors: code that stays, and what is there while it computes."""
        made = processor.kernels(func, args)
        if made is not None and made[0] not in self._met:
            self._met.add(made[0])
            self.kernels.add(len(self.timeline.pieces))
            self.timeline.events.append(("+", len(self.timeline.pieces)))
            self.timeline.pieces.append((made[1], 1))
        if num_bytes := processor.passing(func, args, out):
            self._passing(num_bytes)

    def _passing(self, num_bytes: int) -> None:
        """A piece that is there while an op computes."""
        number = len(self.timeline.pieces)
        self.timeline.pieces.append((num_bytes, 4))
        self.timeline.events += [("+", number), ("-", number)]

    def _taken(self, storage: torch.UntypedStorage, itemsize: int) -> None:
        number, key = len(self.timeline.pieces), storage._cdata
        self.timeline.pieces.append((storage.nbytes(), itemsize))
        self.timeline.events.append(("+", number))
        self.numbers[key] = number
        weakref.finalize(storage, self._given_back, key)

    def _given_back(self, key: int) -> None:
        self.timeline.events.append(("-", self.numbers.pop(key)))


class ResizingWatch(Watch):
    """Writes down as well when a storage is emptied and filled again, as FSDP2 does with whole weights. It looks at all
    that are alive at every op."""

    def __init__(self, timeline: Timeline, processor: Processor | None = None) -> None:
        super().__init__(timeline, processor)
        self._alive: dict[int, tuple[weakref.ref[Any], int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._look()
        out = super().__torch_dispatch__(func, types, args, kwargs)
        self._look()
        return out

    def _taken(self, storage: torch.UntypedStorage, itemsize: int) -> None:
        super()._taken(storage, itemsize)
        self._alive[storage._cdata] = weakref.ref(storage), storage.nbytes()

    def _look(self) -> None:
        for key, (found, known) in list(self._alive.items()):
            if (storage := found()) is not None and (now := storage.nbytes()) != known:
                self._resized(key, now)
                self._alive[key] = found, now

    def _resized(self, key: int, now: int) -> None:
        self.timeline.events.append(("-", self.numbers[key]))
        itemsize = self.timeline.pieces[self.numbers[key]][1]
        self.numbers[key] = len(self.timeline.pieces)
        self.timeline.pieces.append((now, itemsize))
        self.timeline.events.append(("+", self.numbers[key]))

    def _given_back(self, key: int) -> None:
        super()._given_back(key)
        self._alive.pop(key, None)


def _stays_real(func: Any, given: Sequence[Tensor]) -> bool:
    """Whether an op is computed as it is, although the tensors of the step have no values: positions and tables are
    small, and code keeps some of them for later."""
    if not given:
        return func._schema.name in _COUNTING
    if any(isinstance(tensor, FakeTensor) for tensor in given):
        return False
    with suppress(RuntimeError):  # shapes of a product do not go together like those of a sum
        return math.prod(torch.broadcast_shapes(*(tensor.shape for tensor in given))) <= _LARGEST_REAL
    return True


def _called(func: Any, args: Any, kwargs: Any) -> Any:
    """The op's result, as a CPU has it. Where nothing is computed torch (2.13) refuses products of experts in float32,
    and those in bfloat16 have the same shape; and it gives what a norm keeps the dtype of its input, where weights of
    another make it float32."""
    if func is _LAYER_NORM and isinstance(args[0], FakeTensor) and args[2] is not None:
        out, *kept = func(*args, **kwargs)
        return out, *(one.float() if args[2].dtype != args[0].dtype else one for one in kept)
    if func is not _GROUPED or not isinstance(args[0], FakeTensor) or args[0].dtype == torch.bfloat16:
        return func(*args, **kwargs)
    left, right = (one.to(torch.bfloat16) for one in args[:2])
    return func(left, right, *args[2:], **kwargs).to(args[0].dtype)


def _is_in_place(func: Any) -> bool:
    returns = func._schema.returns
    return len(returns) == 1 and returns[0].alias_info is not None and returns[0].alias_info.is_write


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


@contextmanager
def watched(timeline: Timeline, processor: Processor | None = None, *, resizes: bool = False) -> Iterator[Watch]:
    """Inside, the timeline is written; with what `resizes`, where there are shards. Pieces that outlive it are given
    back after its end, which is not written."""
    watch = ResizingWatch(timeline, processor) if resizes else Watch(timeline, processor)
    with watch:
        yield watch
    watch.timeline = Timeline()


def number_of(watch: Watch, tensor: Tensor) -> int | None:
    """The number of a tensor's piece; None where it is older than the timeline."""
    return watch.numbers.get(tensor.untyped_storage()._cdata)


def storages(value: Any) -> Iterator[torch.UntypedStorage]:
    """Those that a tensor lies in, or tensors in a list: of a packed one those of its parts."""
    for storage, _ in _sized(value):
        yield storage


def _sized(value: Any) -> Iterator[tuple[torch.UntypedStorage, int]]:
    if isinstance(value, Tensor) and is_traceable_wrapper_subclass(value):
        names, _ = value.__tensor_flatten__()
        yield from _sized([getattr(value, name) for name in names])
    elif isinstance(value, Tensor):
        yield value.untyped_storage(), value.element_size()
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _sized(part)

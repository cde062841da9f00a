"""Dataflow: which matrices of a model read what which others gave, found by running it once without values.

A matrix that reads nothing but outputs of others, through attention or through operations on single numbers, is cut
by its inputs where those are cut by their outputs (Shoeybi et al. 2019, section 3). That is how the plans of
transformers are made; encoders and encoder-decoders have none (5.23).
"""

# T tokens  H heads  G heads of keys and values  K head dim

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from whet.base.seeds import forked
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.feature import ModelFeature
from whet.kernels.attention_spec import Form
from whet.models.features.carried import PLACE, carry
from whet.models.forward import backbone, encoder_decoder
from whet.models.forward.backbone import Way, decoder_of, unwrapped
from whet.parallel.placed import numberless

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend

LENGTHS = (3, 5)  # of the samples that are run
STREAM = ""  # among the names of matrices: embeddings of tokens, and all that they were added to
# Beside what torch calls pointwise: what moves numbers, and leaves each in its channel.
_MOVES = {
    "view", "_unsafe_view", "reshape", "transpose", "permute", "expand", "unsqueeze", "squeeze", "clone", "t",
    "_to_copy", "detach", "alias", "native_dropout", "bernoulli_", "empty_like", "zeros_like", "lift_fresh",
}  # fmt: skip
_IN_HEADS = {"slice", "cat", "split", "split_with_sizes", "select", "index", "stack", "unbind"}


class Heads(NamedTuple):
    """Of attention: how many heads queries and keys have, and how wide each is."""

    queries: int
    keys: int
    width: int


@dataclass(frozen=True)
class Pair:
    """Matrices that a last one, and no other, reads. `heads` are those of the attention between them, and `biases` the
    embeddings that give a number to each of these. `is_mixed`: an output of the first ones may reach any input."""

    columns: frozenset[str]
    heads: Heads | None
    biases: frozenset[str] = frozenset()
    is_mixed: bool = False


class _Mark(NamedTuple):
    """Where the numbers of a tensor come from."""

    sources: frozenset[str] = frozenset()
    heads: Heads | None = None
    biases: frozenset[str] = frozenset()
    is_mixed: bool = False

    @classmethod
    def of(cls, marks: list[_Mark], is_mixed: bool = False) -> _Mark:
        heads = {mark.heads for mark in marks} - {None}
        return cls(
            frozenset().union(*(mark.sources for mark in marks)),
            next(iter(heads)) if len(heads) == 1 else None,
            frozenset().union(*(mark.biases for mark in marks)),
            is_mixed or len(heads) > 1 or any(mark.is_mixed for mark in marks),
        )


def pairs_of(module: nn.Module, way: Way, is_paired: bool) -> dict[str, Pair]:
    """Each matrix of the layers that reads nothing but others' outputs, by its name in the model, which is on meta;
    `is_paired` ones have a source and a target."""
    trace = _Trace(matrices_of(unwrapped(module)))
    with trace.watching(module):
        _run(module, way, is_paired, trace)
    found = {}
    escaped = {name for read in (*trace.seen.values(), trace.given) if STREAM in read.sources for name in read.sources}
    for name, read in trace.seen.items():
        columns = read.sources & trace.matrices.keys()
        if columns and STREAM not in read.sources and not read.sources & escaped:
            found[name] = Pair(columns, read.heads, read.biases, read.is_mixed or columns != read.sources)
    return found


def check_parts(module: nn.Module, way: Way, is_paired: bool, parts: Mapping[str, float]) -> None:
    """Raise an error where the module's own code does not go on with a part of what these matrices and embeddings give,
    or, of a negative part, take."""
    trace = _Trace(matrices_of(unwrapped(module)), parts)
    with trace.watching(module):
        _run(module, way, is_paired, trace)


def calls_of(module: nn.Module, way: Way) -> list[str]:
    """The parts of a model that hold weights, by name, in the order in which a forward calls them."""
    model, found = unwrapped(module), list[str]()
    trace = _Trace(matrices_of(model))
    holding = {n: part for n, part in model.named_modules() if next(part.parameters(recurse=False), None) is not None}
    hooks = [
        part.register_forward_pre_hook(lambda *_, name=name: found.append(name))
        for name, part in (holding | dict(trace.matrices)).items()
    ]
    try:
        with trace.watching(module):
            _run(module, way, False, trace)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def matrices_of(module: nn.Module) -> dict[str, nn.Module]:
    """The linear ones of numbered layers, with what an adapter has put around them, by name."""
    named = {name: part for name, part in module.named_modules() if numberless(name) != name}
    inside = {
        f"{name}.{own}" for name, part in named.items() if isinstance(part, LoraLinear)
        for own, _ in part.named_modules() if own
    }  # fmt: skip
    return {n: part for n, part in named.items() if isinstance(part, nn.Linear | LoraLinear) and n not in inside}


@dataclass
class _Trace(ModelFeature):
    """What is seen of a forward pass: of each matrix what it reads, and what the model gives in the end. `shares` of
    what some give go on, and of what others take come in."""

    matrices: Mapping[str, nn.Module]
    shares: Mapping[str, float] = field(default_factory=dict)
    seen: dict[str, _Mark] = field(default_factory=dict)
    given: _Mark = _Mark()
    marks: dict[int, tuple[Tensor, _Mark]] = field(default_factory=dict)  # tensors stay: their ids are not given anew

    def around(self, module: nn.Module, stream: Stream) -> Around:
        return self.attention

    def across(self, module: nn.Module, target: Stream, source: Stream) -> Around:
        return self.attention

    def attention(
        self, attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: Any, form: Form
    ) -> Tensor:
        """In place of attention (1, T, H, K): its outputs, and of what they are made."""
        if query.shape[2] != sum(LENGTHS):
            raise ValueError(f"attention over {query.shape[2]} tokens instead of {sum(LENGTHS)}")
        marks = [self.mark(one) for one in (query, key, value)]
        heads = Heads(query.shape[1], key.shape[1], query.shape[-1])
        biases = self.mark(form.bias) if form.bias is not None and form.bias.shape[1] > 1 else _Mark()
        made = query.new_empty(1, query.shape[2], query.shape[1], value.shape[-1])
        known = _Mark.of(marks)
        # A bias for each head that no embedding alone gives is a number that ranks cannot part.
        is_odd = form.bias is not None and form.bias.shape[1] > 1 and (len(biases.sources) != 1 or biases.is_mixed)
        is_odd |= form.sinks is not None or form.slopes is not None
        self.put(made, _Mark(known.sources, heads, biases.sources, known.is_mixed or is_odd))
        return made

    def mark(self, tensor: Any) -> _Mark:
        return self.marks[id(tensor)][1] if id(tensor) in self.marks else _Mark()

    def put(self, tensor: Tensor, mark: _Mark) -> None:
        self.marks[id(tensor)] = (tensor, mark)

    def over(self, found: list[Tensor], mark: _Mark) -> None:
        for tensor in found:
            self.put(tensor, mark)

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        """Inside, forwards of the module are seen."""
        before, embedding = vars(module).get(PLACE), unwrapped(module).get_input_embeddings()
        hooks, own = [], {name: vars(part).get("forward") for name, part in self.matrices.items()}
        for name, part in self.matrices.items():
            part.forward = partial(self._product, name)
        table = getattr(embedding, "weight", None)
        for name, part in unwrapped(module).named_modules():
            if isinstance(part, nn.Embedding):
                hooks.append(part.register_forward_hook(partial(self._gives, STREAM if part.weight is table else name)))
        carry(module, self)
        try:
            with forked("dataflow"), torch.no_grad(), _Marking(self):
                yield
        finally:
            vars(module).pop(PLACE)
            if before is not None:
                object.__setattr__(module, PLACE, before)
            for hook in hooks:
                hook.remove()
            for name, forward in own.items():
                vars(self.matrices[name]).pop("forward")
                if forward is not None:
                    self.matrices[name].forward = forward

    def _product(self, name: str, x: Tensor) -> Tensor:
        """What a matrix gives, in place of its forward."""
        part: Any = self.matrices[name]
        self.seen[name] = _Mark.of([self.mark(x), *([self.seen[name]] if name in self.seen else [])])
        share = self.shares.get(name, 1)
        if x.shape[-1] != (taken := part.in_features * (-share if share < 0 else 1)):
            raise ValueError(f"`{name}` is given {x.shape[-1]} numbers instead of {taken:.4g}")
        return self._given(name, x.new_empty(*x.shape[:-1], part.out_features))

    def _gives(self, name: str, part: nn.Module, args: Any, output: Tensor) -> Tensor:
        return self._given(name, output)

    def _given(self, name: str, output: Tensor) -> Tensor:
        share = self.shares.get(name, 1)
        given = output[..., : round(share * output.shape[-1])] if 0 < share < 1 else output
        self.put(given, _Mark(frozenset({name})))
        return given


class _Marking(TorchDispatchMode):
    """Carries marks from what an operation takes to what it gives."""

    def __init__(self, trace: _Trace) -> None:
        super().__init__()
        self.trace = trace

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and args[0].is_meta:
            return False  # masks ask whether tokens are padding
        found = func(*args, **(kwargs or {}))
        taken = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor) and id(one) in self.trace.marks]
        if taken:
            word = func._schema.name.rpartition("::")[2]
            in_heads = word in _IN_HEADS and all(one.dim() > 3 for one in taken)
            moves = torch.Tag.pointwise in func.tags or word in _MOVES or in_heads
            mark = _Mark.of([self.trace.mark(one) for one in taken], is_mixed=not moves)
            self.trace.over([one for one in tree_leaves(found) if isinstance(one, Tensor)], mark)
        return found


def _run(module: nn.Module, way: Way, is_paired: bool, trace: _Trace) -> None:
    """A forward over samples that have no values."""
    streams = {name: _stream() for name in (("source", "target") if is_paired else ("text",))}
    if way.packed:
        body: Any = encoder_decoder if is_paired else backbone
        found = body.hidden(module, Batch(streams, len(LENGTHS)), way)
    else:
        model = unwrapped(module)
        ids = torch.empty(1, max(LENGTHS), dtype=torch.int64, device="meta")
        paired = {"decoder_input_ids": ids, "use_cache": False} if is_paired else {}
        found = (model if is_paired else decoder_of(model))(input_ids=ids, **paired)[0]
    trace.given = trace.mark(found)


def _stream() -> Stream:
    ends = [sum(LENGTHS[: number + 1]) for number in range(len(LENGTHS))]
    segments = tuple(Segment(end - size, end) for end, size in zip(ends, LENGTHS, strict=True))
    ids = torch.empty(sum(LENGTHS), dtype=torch.int64, device="meta")
    return Stream(ids, ids, segments, ids, ids, {}, ids)

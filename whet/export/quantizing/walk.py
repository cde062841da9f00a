"""A model walked block by block: the weights of one block and the activations between two are all that is held."""

# T tokens  D model  I inputs of a layer

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.base.memory import give_back
from whet.contracts.batch import Batch
from whet.export.quantizing.routed import Routed
from whet.generate.eval_mode import borrowed
from whet.models.blocks import blocks
from whet.models.forward.language import LanguageModel
from whet.models.merging.weights import stored_name

_HIDDEN = frozenset({"hidden"})
_READ, _MADE = "_whet_read", "_whet_made"  # marks on activations: who reads them, and the norm that made them


@dataclass
class Inputs:
    """What a block is called with for one batch: hidden states (1, T, D) or (S, L, D), and the rest by block."""

    hidden: Tensor
    rest: list[tuple[tuple, dict[str, Any]]] = field(default_factory=list)


@dataclass
class Shared:
    """An input that one or more linear layers read: the sum of x x^T (I, I) and of |x| (I,), fp32, over `count` tokens.

    `source` is the norm that put it out, if one did; `seen` what went in and came out of that.
    """

    readers: list[str]
    hessian: Tensor
    magnitude: Tensor
    count: int = 0
    source: str | None = None
    seen: tuple[Tensor, Tensor] | None = None

    @classmethod
    def like(cls, x: Tensor) -> Shared:
        """An entry for inputs of the width of `x`, with nothing in it."""
        width = x.shape[-1]
        return cls([], torch.zeros(width, width, device=x.device), torch.zeros(width, device=x.device))

    def add(self, x: Tensor) -> None:
        rows = x.reshape(-1, x.shape[-1]).float()
        self.hessian.addmm_(rows.T, rows)
        self.magnitude += rows.abs().sum(0)
        self.count += len(rows)


class Walk:
    """The blocks of a causal model whose parameters are on meta, filled one after the other from `weights`.

    Everything is computed in fp32 on `device`. After a block has been visited, what it puts out with the weights that
    the visitor left in it is what the next block is given.
    """

    def __init__(self, model: LanguageModel, weights: Mapping[str, Tensor], device: torch.device) -> None:
        self._model, self._module, self._weights, self._device = model, model.module, weights, device
        self.prefix, found = blocks(self._module)
        self.blocks: list[Any] = list(found)
        for name, buffer in self._module.named_buffers():
            owner, _, leaf = name.rpartition(".")
            self._module.get_submodule(owner)._buffers[leaf] = buffer.to(device)

    def begin(self, batches: Sequence[Batch], tuples: bool) -> list[Inputs]:
        """Run what stands before the blocks. `tuples` tells whether blocks of this model return tuples."""
        outside = [name for name, _ in self._module.named_parameters() if not name.startswith(f"{self.prefix}.")]
        head = self._module.get_output_embeddings()
        skipped = {f"{name}.weight" for name, part in self._module.named_modules() if part is head}
        for name in outside:
            if name not in skipped or name in getattr(self._module, "all_tied_weights_keys", {}):
                self._fill(name)
        found: list[Inputs] = []
        for index, block in enumerate(self.blocks):
            block.forward = MethodType(_recorder(found, index, tuples), block)
        try:
            with borrowed(self._module):
                for batch in batches:
                    self._model.run(batch.to(self._device), _HIDDEN)
        finally:
            for block in self.blocks:
                del block.forward
        for name in outside:
            self._empty(name)
        return found

    def visit(self, inputs: Sequence[Inputs]) -> Iterator[tuple[str, Any]]:
        """Each block by its name, filled; it is emptied when the next one is asked for."""
        for index, block in enumerate(self.blocks):
            name = f"{self.prefix}.{index}"
            own = [f"{name}.{inner}" for inner, _ in block.named_parameters()]
            for parameter in own:
                self._fill(parameter)
            yield name, block
            with borrowed(block):
                for one in inputs:
                    one.hidden = run_block(block, one, index)
            for parameter in own:
                self._empty(parameter)
            give_back()

    def _fill(self, name: str) -> None:
        value = self._weights[stored_name(name, self._weights)].to(self._device, torch.float32)
        self._set(name, value)

    def _empty(self, name: str) -> None:
        self._set(name, torch.empty_like(self._module.get_parameter(name), device="meta"))

    def _set(self, name: str, value: Tensor) -> None:
        owner, _, leaf = name.rpartition(".")
        setattr(self._module.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=False))


def run_block(block: Any, inputs: Inputs, index: int) -> Tensor:
    """The hidden states that a block makes of a batch's."""
    args, kwargs = inputs.rest[index]
    with torch.no_grad():
        hidden = _first(block(inputs.hidden, *args, **kwargs))
    give_back()
    return hidden


def observe_block(
    block: Any, inputs: Sequence[Inputs], index: int, names: Sequence[str], fused: Sequence[str] = ()
) -> tuple[list[Shared], dict[tuple[str, int], Shared]]:
    """What the linear layers `names` of a block read, over all batches; layers that read one tensor share an entry.

    And what each expert of the parameters `fused` reads, by parameter and number; those without a token are not there.
    """
    found = _discover(block, inputs[0], index, names)
    of_expert: dict[tuple[str, int], Shared] = {}

    def seen(name: str, expert: int, x: Tensor) -> None:
        of_expert.setdefault((name, expert), Shared.like(x)).add(x)

    handles = []
    for one in found:
        reader = block.get_submodule(one.readers[0])
        handles.append(reader.register_forward_pre_hook(lambda module, args, one=one: one.add(args[0])))
    try:
        with borrowed(block), Routed({name: block.get_parameter(name) for name in fused}, seen):
            for batch in inputs:
                run_block(block, batch, index)
    finally:
        for handle in handles:
            handle.remove()
    if missing := set(fused) - {name for name, _ in of_expert}:
        raise ModelError(f"no token was seen at {', '.join(sorted(missing))}", hint="--kind int4")
    return found, of_expert


def _discover(block: Any, inputs: Inputs, index: int, names: Sequence[str]) -> list[Shared]:
    """Run a block once and find out who reads the same tensor, and which module put it out.

    Marks are left on the tensors themselves, so that none is kept alive for its identity.
    """
    found: list[Shared] = []

    def read(name: str):
        def hook(module: nn.Module, args: tuple) -> None:
            x = args[0]
            shared = getattr(x, _READ, None)
            if shared is None:
                source, shared = getattr(x, _MADE, None), Shared.like(x)
                if source is not None:
                    shared.source, shared.seen = source[0], (source[1], x)
                setattr(x, _READ, shared)
                found.append(shared)
            shared.readers.append(name)

        return hook

    def made(name: str):
        def hook(module: nn.Module, args: tuple, output: Any) -> None:
            if isinstance(output, Tensor) and args and isinstance(args[0], Tensor):
                setattr(output, _MADE, (name, args[0]))

        return hook

    handles = [block.get_submodule(name).register_forward_pre_hook(read(name)) for name in names]
    handles += [
        part.register_forward_hook(made(name))
        for name, part in block.named_modules()
        if isinstance(getattr(part, "weight", None), Tensor) and part.weight.dim() == 1
    ]
    try:
        with borrowed(block):
            run_block(block, inputs, index)
    finally:
        for handle in handles:
            handle.remove()
    if missing := set(names) - {name for shared in found for name in shared.readers}:
        raise ModelError(f"no activation reached {', '.join(sorted(missing)[:3])}", hint="--kind int4")
    for shared in found:
        if shared.seen is not None:
            delattr(shared.seen[1], _READ)  # it would hold itself
    return found


def _recorder(found: list[Inputs], index: int, tuples: bool):
    """In place of a block's forward: note what it is called with, and hand the hidden states on."""

    def forward(self: nn.Module, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        if index == 0:
            found.append(Inputs(hidden))
        found[-1].rest.append((args, kwargs))
        return (hidden,) if tuples else hidden

    return forward


def _first(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple) else output

"""Layers of a plain module that are computed again in the backward pass: the same gradients, and nothing kept."""

from __future__ import annotations

import copy

import torch
from torch import nn

from whet.contracts.model import Capabilities
from whet.models.forward.activation_checkpointing import Checkpointing, apply_checkpointing
from whet.models.forward.tabular import FieldModel
from whet.models.loading.context import BuildContext
from whet.models.loading.drawn import drawn
from whet.models.loading.fill import filled

CAN = Capabilities(tokens=False, packed=False, head="none", generates=False)


class Block(nn.Module):
    def __init__(self, norm: type[nn.Module]) -> None:
        super().__init__()
        self.inner, self.norm, self.drop, self.calls = nn.Linear(6, 6), norm(6), nn.Dropout(0.3), 0

    def forward(self, x, *, scale=1.0):
        self.calls += 1
        return x + scale * self.drop(self.norm(self.inner(x)).relu())


class Deep(nn.Module):
    def __init__(self, norm: type[nn.Module] = nn.LayerNorm, blocks: int = 3) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(4, 6), nn.Linear(6, 2)
        self.blocks = nn.ModuleList(Block(norm) for _ in range(blocks))

    def forward(self, features):
        hidden = self.enter(features)
        for block in self.blocks:
            hidden = block(hidden, scale=0.5)
        return self.leave(hidden)


def model(build=Deep, *, forgets: bool):
    loaded = drawn(build, BuildContext(seed=4), CAN, FieldModel)
    if forgets:
        apply_checkpointing(loaded, Checkpointing("full"))
    return filled(loaded, torch.device("cpu"))


def gradients(module: nn.Module) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    module.train()(torch.randn(5, 4)).square().sum().backward()
    return {name: p.grad for name, p in module.named_parameters()}


def test_gradients_are_the_same_to_the_bit_and_layers_run_twice():
    plain, again = model(forgets=False).module, model(forgets=True).module
    expected, found = gradients(plain), gradients(again)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert [block.calls for block in plain.blocks] == [1, 1, 1]
    assert [block.calls for block in again.blocks] == [2, 2, 2]
    with torch.no_grad():
        again(torch.randn(5, 4))
    assert [block.calls for block in again.blocks] == [3, 3, 3]


def test_a_copy_has_layers_of_its_own():
    module = model(forgets=True).module
    twin = copy.deepcopy(module)
    gradients(twin)
    assert [block.calls for block in module.blocks] == [0, 0, 0] and module.leave.weight.grad is None
    assert [block.calls for block in twin.blocks] == [2, 2, 2]

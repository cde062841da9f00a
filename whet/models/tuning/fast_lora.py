"""Fast LoRA in a model: PEFT's layers keep their parameters and names, and our own autograd computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.kernels.lora import GELU, GELU_TANH, SILU, Activation, Projection, gated_mlp, project
from whet.models.forward.products import has_own
from whet.models.tuning.wrapper import NAME

SHARED = ("q_proj", "k_proj", "v_proj")
GATED = ("gate_proj", "up_proj", "down_proj")
AGREEMENT = 1e-4


def install(module: nn.Module) -> int:
    """Let plain LoRA layers of `module` run through our kernels; those with dropout, DoRA or biases stay PEFT's.

    Gated MLPs become one operation where their own forward is what the kernel computes (tried on random numbers),
    and projections that are called with the same input share their products. Returns how many layers changed.
    """
    done: set[int] = set()
    for part in module.modules():
        activation = _gated(part)
        if activation is not None:
            part.forward = MethodType(partial(_mlp_forward, activation=activation), part)
            done.update(id(getattr(part, name)) for name in GATED)
        group: list[Any] = [getattr(part, name, None) for name in SHARED]
        if all(is_plain(layer) for layer in group):
            share = _Shared(group)
            for index, layer in enumerate(group):
                layer.forward = MethodType(share.bound(index), layer)
                done.add(id(layer))
    for part in module.modules():
        if id(part) not in done and is_plain(part):
            part.forward = MethodType(_linear_forward, part)
            done.add(id(part))
    return len(done)


def is_plain(layer: Any) -> bool:
    """Whether a layer is LoRA and nothing else: one adapter, no dropout, no variant, a frozen base without hooks."""
    from peft.tuners.lora import Linear

    if type(layer) is not Linear or list(layer.lora_A) != [NAME] or layer.lora_variant or layer.fan_in_fan_out:
        return False
    base = layer.base_layer
    has_dropout = not isinstance(layer.lora_dropout[NAME], nn.Identity)
    frozen = not any(p.requires_grad for p in base.parameters())
    return type(base) is nn.Linear and frozen and not has_dropout and layer.lora_B[NAME].bias is None


def _of(layer: Any) -> Projection:
    base = layer.base_layer
    return Projection(base.weight, base.bias, layer.lora_A[NAME].weight, layer.lora_B[NAME].weight, layer.scaling[NAME])


def _is_free(layer: Any) -> bool:
    """Whether the layer has an adapter that is neither merged nor switched off, both of which are PEFT's business, and
    whose matrices are not cut over ranks; and that its base multiplies as our kernels do."""
    if getattr(layer, "disable_adapters", True) or layer.merged or has_own(layer.base_layer):
        return False
    return not isinstance(getattr(layer.base_layer, "weight", None), DTensor)


def _linear_forward(self: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if not _is_free(self) or args or kwargs:
        return type(self).forward(self, x, *args, **kwargs)
    return project(x, (_of(self),))[0]


@dataclass(slots=True)
class _Shared:
    """Layers that a block calls one after the other with the same input: the first call computes all of them."""

    layers: Sequence[Any]
    input: tuple[Tensor, bool] | None = None
    outputs: list[Tensor | None] | None = None

    def bound(self, index: int) -> Any:
        def forward(layer: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            if args or kwargs or not all(_is_free(one) for one in self.layers):
                return type(layer).forward(layer, x, *args, **kwargs)
            return self.take(index, x)

        return forward

    def take(self, index: int, x: Tensor) -> Tensor:
        is_same = self.input is not None and self.input[0] is x and self.input[1] == torch.is_grad_enabled()
        outputs = self.outputs if is_same else None
        if outputs is None or outputs[index] is None:
            outputs = list(project(x, [_of(layer) for layer in self.layers]))
            self.input, self.outputs = (x, torch.is_grad_enabled()), outputs
        found, outputs[index] = outputs[index], None
        if all(output is None for output in outputs):
            self.input = self.outputs = None  # nothing outlives the block
        assert found is not None
        return found


def _mlp_forward(self: Any, x: Tensor, *, activation: Activation) -> Tensor:
    parts = [getattr(self, name) for name in GATED]
    if not all(_is_free(part) for part in parts):
        return type(self).forward(self, x)
    gate, up, down = (_of(part) for part in parts)
    return gated_mlp(x, gate, up, down, activation)


def activation_of(function: Any) -> Activation | None:
    """The kernel's form of a module's activation, by what it gives for a few numbers; None for another one."""
    sample = torch.linspace(-4, 4, 33)
    try:
        with torch.no_grad():
            value = function(sample)
    except Exception:  # not a function of one tensor: then it is not one of those below
        return None
    for known in (SILU, GELU, GELU_TANH):
        if torch.allclose(value, known.forward(sample), atol=1e-6):
            return known
    return None


def _gated(part: Any) -> Activation | None:
    """The activation of a gated MLP of which all three layers are plain LoRA; None for anything else."""
    if not hasattr(part, "act_fn") or not all(is_plain(getattr(part, name, None)) for name in GATED):
        return None
    return activation_of(part.act_fn) if _computes_the_same(type(part)) else None


def _computes_the_same(kind: Any) -> bool:
    """Whether a class's forward is the gated MLP, tried with linear layers of random weights in place of its own."""
    width, inner = 4, 6
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        generator = torch.Generator().manual_seed(0)
        bare = kind.__new__(kind)
        nn.Module.__init__(bare)
        for name, shape in zip(GATED, ((inner, width), (inner, width), (width, inner)), strict=True):
            layer = nn.Linear(shape[1], shape[0], bias=False)
            layer.weight.copy_(torch.randn(shape, generator=generator))
            setattr(bare, name, layer)
        bare.act_fn = nn.SiLU()
        x = torch.randn(3, width, generator=generator)
        expected = bare.down_proj(nn.functional.silu(bare.gate_proj(x)) * bare.up_proj(x))
        try:
            return torch.allclose(bare(x), expected, atol=AGREEMENT)
        except Exception:  # the forward reads what this bare one lacks, so it is another
            return False

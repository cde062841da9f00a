"""The forward of a plain decoder in as few calls as it takes, over one packed row whose attention is somebody else's.

A token of a small model costs more time in the modules around its products than in these: of a llama of 4 layers with
one answer in the making nine tenths. What is computed is what transformers' classes of the same names compute, to
rounding; whoever uses it is tried on the model's twin (`together_proof.py`), and so is this.
"""

# T tokens of the forward  D model  H heads  K head dim  P positions  V vocab

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whet.kernels.attention_spec import Form
from whet.kernels.cpu_linear import Then, at_least, done
from whet.kernels.cpu_linear import linear as product
from whet.kernels.quantized import Quantized
from whet.models.decoding.manner import turn_of
from whet.models.forward.backbone import unwrapped
from whet.models.tuning.prompting import PLACE

# Classes whose layers differ in what their attributes say alone.
_PLAIN = ("Llama", "Mistral", "Qwen2", "Qwen3")
_LEAST_PLACES = 256
# Threads wait for the next product by spinning, where somebody else may want the processor: more are asked for in
# forwards of so many products of numbers (some milliseconds), counted as for so many tokens at least.
_LONG, _FEW = 1 << 28, 8
# Of so many numbers in the hidden states they pay for what is done to each of them too.
_WIDE = 1 << 17

# A layer's attention of new tokens (1, H, T, K) in place of that over packed segments.
Attend = Callable[..., Tensor]


def lean_of(module: nn.Module, threads: int = 0) -> Lean | None:
    """What stands for the module's forward; None where that does something else, or where it was not measured: on GPUs,
    and in half precision. Large products are made on at least so many threads."""
    own: Any = unwrapped(module)
    weight = next(own.parameters(), None)
    if weight is None or weight.device.type != "cpu" or weight.dtype != torch.float32:
        return None  # norms of float64 are computed in float32 there
    kind = type(own).__name__.removesuffix("ForCausalLM")
    is_known = kind in _PLAIN and type(own).__module__ == f"transformers.models.{kind.lower()}.modeling_{kind.lower()}"
    if not is_known or hasattr(own, PLACE) or turn_of(own.config)[0] is not None:
        return None
    if any(type(one).__name__.removeprefix(kind) != name or not is_bare(one) for name, one in _replaced(own)):
        return None
    return Lean(own, threads)


def _replaced(own: Any) -> Iterator[tuple[str, nn.Module]]:
    """The modules that are not called, with the names of their classes behind that of the model's kind."""
    yield "ForCausalLM", own
    yield "Model", own.model
    yield "RMSNorm", own.model.norm
    for layer in own.model.layers:
        yield "DecoderLayer", layer
        yield "Attention", layer.self_attn
        yield "MLP", layer.mlp
        yield "RMSNorm", layer.input_layernorm
        yield "RMSNorm", layer.post_attention_layernorm
        for name in ("q_norm", "k_norm"):
            if hasattr(layer.self_attn, name):
                yield "RMSNorm", getattr(layer.self_attn, name)


def is_bare(module: nn.Module) -> bool:
    """Whether calling it is nothing but its class's forward."""
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


class Lean:
    """One model's forward. Weights are looked up at each, so that they may change between two."""

    def __init__(self, own: Any, threads: int) -> None:
        self._own, self._layers, self._threads = own, [_Layer(layer) for layer in own.model.layers], threads
        self._num_weights = sum(weight.numel() for weight in own.model.layers.parameters())
        self._cos_PK, self._sin_PK = torch.empty(0), torch.empty(0)

    @property
    def products(self) -> list[list[nn.Linear]]:
        """The layers that it multiplies with itself; those together that may be one product (`joined`)."""
        return [[self._own.lm_head], *(linears for layer in self._layers for linears in layer.products)]

    def logits(self, ids_T: Tensor, places_T: Tensor, last: int, told_P: Tensor, attend: Attend) -> Tensor:
        """Logits (P, V) behind the told ones of these tokens, which stand at these positions, the largest `last`."""
        body = self._own.model
        turns = self._turns(places_T, last)
        hidden_TD = body.embed_tokens(ids_T)
        threads = self._threads if max(len(ids_T), _FEW) * self._num_weights >= _LONG else 0
        with at_least(threads if hidden_TD.numel() >= _WIDE else 0):
            for layer in self._layers:
                hidden_TD = layer.forward(hidden_TD, turns, attend, threads)
        if not len(told_P):
            return hidden_TD.new_empty(0, self._own.config.vocab_size)
        hidden_PD = hidden_TD if len(told_P) == len(ids_T) else hidden_TD[told_P]
        return _product(self._own.lm_head, _normed(body.norm, hidden_PD), threads)

    def _turns(self, places_T: Tensor, last: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines (T, 1, K) of rotary embeddings, the sines of the first half with the sign that they have in
        it: tables of all positions so far."""
        if last >= len(self._cos_PK):
            count = max(_LEAST_PLACES, 1 << int(last).bit_length())
            body = self._own.model
            like = body.embed_tokens.weight
            cos, sin = body.rotary_emb(like[:1], torch.arange(count, device=like.device)[None])
            half = cos.shape[-1] // 2
            self._cos_PK, self._sin_PK = cos[0], torch.cat((-sin[0, :, :half], sin[0, :, half:]), -1)
        return self._cos_PK[places_T][:, None], self._sin_PK[places_T][:, None]


class _Layer:
    def __init__(self, layer: Any) -> None:
        self._attention, self._mlp = layer.self_attn, layer.mlp
        self._before, self._between = layer.input_layernorm, layer.post_attention_layernorm
        *self._inner, self._outer = (getattr(self._attention, f"{name}_proj") for name in "qkvo")
        self._gate, self._up, self._down = (getattr(self._mlp, f"{name}_proj") for name in ("gate", "up", "down"))
        self._norms = [getattr(self._attention, f"{name}_norm", None) for name in "qk"]
        self._is_silu = type(self._mlp.act_fn).__name__ in ("SiLU", "SiLUActivation")
        self._dim = self._attention.head_dim
        window = getattr(self._attention, "sliding_window", None)
        if type(self._attention).__name__.startswith("Mistral"):
            window = getattr(self._attention.config, "sliding_window", None)
        self._form = Form(self._attention.scaling, window)

    @property
    def products(self) -> list[list[nn.Linear]]:
        return [self._inner, [self._outer], [self._gate], [self._up], [self._down]]

    def forward(self, hidden_TD: Tensor, turns: tuple[Tensor, Tensor], attend: Attend, threads: int) -> Tensor:
        """The hidden states behind it."""
        normed_TD = _normed(self._before, hidden_TD)
        inner = _products(self._inner, normed_TD, threads)
        query, key = (
            self._turned(states_TD, norm, turns) for states_TD, norm in zip(inner[:2], self._norms, strict=True)
        )
        value = inner[2].reshape(1, len(hidden_TD), -1, self._dim).transpose(1, 2)
        seen_TD = attend(None, self._attention, query, key, value, None, self._form).reshape(len(hidden_TD), -1)
        hidden_TD = _product(self._outer, seen_TD, threads, ("add", hidden_TD))
        normed_TD = _normed(self._between, hidden_TD)
        gate_TD = _product(self._gate, normed_TD, threads, "silu" if self._is_silu else None)
        if not self._is_silu:
            gate_TD = self._mlp.act_fn(gate_TD)
        gated_TD = _product(self._up, normed_TD, threads, ("mul", gate_TD))
        return _product(self._down, gated_TD, threads, ("add", hidden_TD))

    def _turned(self, states_TD: Tensor, norm: nn.Module | None, turns: tuple[Tensor, Tensor]) -> Tensor:
        """Queries or keys (1, H, T, K), normed where the model does, with their positions in them."""
        states_THK = states_TD.reshape(len(states_TD), -1, self._dim)
        if norm is not None:
            states_THK = _normed(norm, states_THK)
        turned_THK = torch.addcmul(states_THK * turns[0], states_THK.roll(self._dim // 2, -1), turns[1])
        return turned_THK.transpose(0, 1)[None]


def _normed(norm: Any, states: Tensor) -> Tensor:
    return F.rms_norm(states, states.shape[-1:], norm._parameters["weight"], norm.variance_epsilon)


def joined(linears: Sequence[nn.Linear]) -> bool:
    """Whether these layers are one product: the first one has the weights of all, and the others none."""
    return not len(linears[-1]._parameters["weight"])  # type: ignore[arg-type]


def _products(linears: Sequence[Any], inputs_TD: Tensor, threads: int) -> Sequence[Tensor]:
    """What each of them gives."""
    if type(linears[-1]) is nn.Linear and joined(linears):
        whole = _product(linears[0], inputs_TD, threads)
        return whole.split([linear.out_features for linear in linears], -1)
    return [_product(linear, inputs_TD, threads) for linear in linears]


def _product(linear: Any, inputs_TD: Tensor, threads: int, then: Then = None) -> Tensor:
    if type(linear) is nn.Linear and is_bare(linear):
        weight, bias = linear._parameters["weight"], linear._parameters["bias"]
        if type(weight) is nn.Parameter:
            return product(inputs_TD, weight, bias, threads, then)
        if isinstance(weight, Quantized):
            return product(inputs_TD, weight.dequantize(inputs_TD.dtype), bias, threads, then)
    return done(linear(inputs_TD[None])[0], then)  # adapters deal with places of a row

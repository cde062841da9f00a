"""Our attention under transformers' interface: segments reach it as a keyword argument of the model's forward."""

# B batch  H heads  T tokens  K head dim

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PretrainedConfig
from transformers.masking_utils import sdpa_mask

from whet.kernels.attention import SegmentPlan, band_mask, dense_attention, segment_attention
from whet.kernels.attention_spec import Form
from whet.kernels.cross import CrossPlan, cross_attention
from whet.models.text import text_config

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend

NAME = "whet"
# Marks the attention layers between a decoder and its encoder (`whet.models.forward.encoder_decoder`).
CROSS = "whet_cross"
_PACKED: ContextVar[bool] = ContextVar("packed", default=False)


def register() -> None:
    """Make `attn_implementation="whet"` known to transformers. Safe to call again."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, mask)


def own(config: PretrainedConfig) -> str | None:
    """The attention of a model's own forward: eager where SDPA computes another, else transformers' choice (None).

    transformers 5.17 chooses SDPA for soft-capped scores too, and leaves the cap out; 5.23 takes eager by itself.
    Its umt5 sees the whole target under SDPA.
    """
    capped = getattr(text_config(config), "attn_logit_softcapping", None)
    return "eager" if capped or config.model_type == "umt5" else None


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    alibi_slopes: Tensor | None = None,
    is_causal: bool | None = None,
    segments: SegmentPlan | None = None,
    around: Sequence[Around] = (),
    across: CrossPlan | None = None,
    around_across: Sequence[Around] = (),
    position_bias: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention (B, T, H, K) over packed `segments`, or, without them, causal with the newest token last.

    `around` are what features of the model compute in place of it (`whet.contracts.feature`), the last of them
    outermost. `across` is what layers between decoder and encoder take instead of `segments`, and `around_across`
    instead of `around`; `position_bias` is added to the scores.
    """
    query, key, value = _under_autocast(query, key, value)
    if is_causal is None:
        is_causal = getattr(module, "is_causal", True)
    if sliding_window is not None and not is_causal:
        sliding_window = _two_sided(module, sliding_window)
    form = Form(scaling, sliding_window, softcap, s_aux, alibi_slopes, dropout, position_bias)
    if across is not None and getattr(module, CROSS, False):
        return _changed(module, cross_attention, around_across)(query, key, value, across, form), None
    if segments is not None:
        return _changed(module, segment_attention, around)(query, key, value, segments, form), None
    if attention_mask is not None or not is_causal:
        if attention_mask is None and sliding_window is not None and query.shape[2] > sliding_window:
            attention_mask = band_mask(query.shape[2], key.shape[2], sliding_window, False, query.device)
        output = dense_attention(query, key, value, attention_mask, False, form)
    else:
        output = _plain(query, key, value, form)
    return output.transpose(1, 2).contiguous(), None


def _changed(module: nn.Module, attention: Attend, around: Sequence[Around]) -> Attend:
    for change in around:
        attention = partial(change, attention, module)
    return attention


def _two_sided(module: nn.Module, window: int) -> int:
    """How far tokens see to either side: by the config, as transformers' masks have it.

    What layers hand to the attention is counted for flash kernels, one more in modernbert and not in t5gemma (5.23).
    """
    return getattr(getattr(module, "config", None), "sliding_window", None) or window


def _plain(query: Tensor, key: Tensor, value: Tensor, form: Form) -> Tensor:
    """Causal attention (B, H, T, K) where `mask` gave none: a new token, a whole sequence, or one in a new static cache
    whose rest is still empty."""
    length = query.shape[2]
    if length == 1:
        return dense_attention(query, key, value, None, False, form)
    key, value = key[:, :, :length], value[:, :, :length]
    band = None
    if form.window is not None and length > form.window:
        band = band_mask(length, length, form.window, True, query.device)
    return dense_attention(query, key, value, band, band is None, form)


@contextmanager
def packed_row() -> Iterator[None]:
    """Inside, forwards of this thread are over one packed row, and need no masks."""
    token = _PACKED.set(True)
    try:
        yield
    finally:
        _PACKED.reset(token)


def mask(*, q_length: int, kv_length: int, attention_mask: Tensor | None = None, **facts: Any) -> Tensor | None:
    """None for a plain forward, where `attend` knows what each token sees; padding and caches get SDPA's mask.

    None for a packed row, too: transformers 5.23 finds by its positions that it is one, and would fill a mask of as
    many bytes as the row has pairs of tokens, which `attend` passes over for the row's segments.
    """
    if _PACKED.get():
        return None
    if attention_mask is None and q_length == kv_length and facts.get("allow_is_causal_skip", True):
        return None
    return sdpa_mask(q_length=q_length, kv_length=kv_length, attention_mask=attention_mask, **facts)


def _under_autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Autocast's dtype for all three: rotary embeddings leave query and key in float32 there, and values not."""
    kind = tensors[0].device.type
    if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(kind)) for tensor in tensors)

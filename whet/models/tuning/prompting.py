"""Virtual tokens: a trained beginning of every sample, in packed rows, in plain forwards, and while decoding.

The decoder's forward of one model object is replaced, so that whatever calls it sees hidden states of real tokens
only. Prompts (prompt tuning, p-tuning) are embeddings before the first token; prefixes (prefix tuning) are keys and
values of every layer, for which the packed row has places that the attention fills.
"""

# B batch  N virtual tokens  T tokens  D model  L layers  H heads  K head dim

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from whet.base.errors import ModelError, first_line
from whet.contracts.batch import Segment
from whet.kernels.attention import SegmentPlan
from whet.kernels.attention_spec import Form
from whet.kernels.host import sent
from whet.models.forward.language import decoder_of
from whet.models.text import text_config
from whet.models.tuners.full import Full
from whet.models.tuning.peft_tuner import config_class, refuse_new_tokens
from whet.models.tuning.wrapper import NAME, hold, quiet

if TYPE_CHECKING:
    from whet.contracts.feature import Attend

PLACE = "whet_prompt"
_VIRTUAL = "whet_virtual"


class PromptTuner(Full):
    """Trains PEFT's prompt encoder of a method; the model itself stays frozen. Nothing can be merged."""

    mergeable = False
    is_adapter = True
    holds_heads = False
    starts_from_weights = True  # a prompt may begin as a text

    def __init__(self, method: str, settings: Mapping[str, Any]) -> None:
        self._method, self._settings = method, dict(settings)

    def prepare(self, module: nn.Module) -> nn.Module:
        from peft import get_peft_model

        module.requires_grad_(False)
        refuse_new_tokens(module)
        if self._method == "prefix_tuning":
            _check_keys(module)
        config = config_class(self._method)(task_type="CAUSAL_LM", **self._settings)
        on_meta = any(p.is_meta for p in module.parameters())
        try:
            with quiet():
                wrapper = get_peft_model(module, config, adapter_name=NAME)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise ModelError(
                f"`{self._method}` does not fit this model: {first_line(error)}", at="tuner", hint="tuner=lora"
            ) from error
        if on_meta:
            wrapper.prompt_encoder.to("meta")
        return attach(module, wrapper)

    def untouched(self, module: nn.Module) -> frozenset[str]:
        named = module.named_parameters()
        return frozenset(name for name, p in named if not (p.requires_grad or name.startswith(f"{PLACE}.")))

    def saved_names(self, module: nn.Module) -> Mapping[str, str]:
        own = (name for name, _ in module.named_parameters() if name.startswith(f"{PLACE}."))
        return dict.fromkeys(own, "prompt_embeddings")


def _check_keys(module: Any) -> None:
    """Raise ModelError where a layer keeps no keys and values of its own, which a prefix is made of."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    lacks = any(not isinstance(layer, DynamicLayer) for layer in DynamicCache(config=module.config).layers)
    if lacks or getattr(text_config(module.config), "num_attention_heads", None) is None:
        raise ModelError(
            f"a prefix is keys and values of every layer, and layers of `{module.config.model_type}` keep none",
            at="tuner", hint="tuner=prompt",
        )  # fmt: skip


def attach(module: Any, wrapper: Any) -> nn.Module:
    """Put the wrapper's prompt encoder into the model, and its virtual tokens before everything the decoder reads."""
    setattr(module, PLACE, wrapper.prompt_encoder[NAME])
    decoder: Any = decoder_of(module)
    object.__setattr__(decoder, _VIRTUAL, (_Virtual(module, wrapper.peft_config[NAME]), wrapper))
    # A bound method, and what it needs on the module itself: a copy of the module then has its own of both.
    decoder.forward = MethodType(functools.wraps(type(decoder).forward)(_forward), decoder)
    return hold(module, wrapper)


def _forward(decoder: Any, *args: Any, **kwargs: Any) -> Any:
    """The decoder's forward with the virtual tokens before everything."""
    if args:
        raise ModelError("a model with virtual tokens takes its inputs by name", at="tuner", hint="tuner=lora")
    virtual, wrapper = vars(decoder)[_VIRTUAL]
    own = type(decoder).forward
    if wrapper._adapters_disabled:  # inside PEFT's `disable_adapter`
        return own(decoder, **kwargs)
    return virtual.run(functools.partial(own, decoder), **kwargs)


def stored_prompt(wrapper: Any, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What PEFT stores of a prompt encoder: the embeddings that it gives, without the network that made them."""
    own = {n.removeprefix(f"{PLACE}."): t for n, t in tensors.items() if n.startswith(f"{PLACE}.")}
    config, encoder = wrapper.peft_config[NAME], wrapper.prompt_encoder[NAME]
    places = torch.arange(config.num_virtual_tokens)[None]
    was_training = encoder.training
    try:
        with torch.no_grad():
            found = torch.func.functional_call(encoder.eval(), own, (places,))
    finally:
        encoder.train(was_training)
    return {"prompt_embeddings": found[0]}


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values (L, 2, N, H, K) of every layer, and the places (S, N) in a packed row that they fill."""

    values: Tensor
    places: Tensor

    def __call__(
        self, attend: Attend, layer: Any, query: Tensor, key: Tensor, value: Tensor, plan: SegmentPlan, form: Form
    ) -> Tensor:
        return attend(query, *self._filled(key, value, layer.layer_idx), plan, form)

    def _filled(self, key_BHTK: Tensor, value_BHTK: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values with those of the virtual tokens in their places."""
        at, count = self.places.reshape(-1), len(self.places)
        found = []
        for tensor, own_NHK in zip((key_BHTK, value_BHTK), self.values[layer], strict=True):
            repeated_HSK = own_NHK.repeat(count, 1, 1).transpose(0, 1).to(tensor.dtype)
            found.append(tensor.index_copy(2, at, repeated_HSK[None]))
        return found[0], found[1]


class _Row:
    """Where real and virtual tokens stand in a packed row that holds both."""

    def __init__(self, plan: SegmentPlan, count: int, device: torch.device) -> None:
        number = np.arange(len(plan.segments))
        starts = np.array([segment.start for segment in plan.segments])
        self.total = sum(plan.lengths) + len(plan.segments) * count
        sample_T = np.repeat(number, plan.lengths)
        self.real_T = sent(np.arange(len(sample_T)) + (sample_T + 1) * count, device)
        self.virtual_SN = sent((starts + number * count)[:, None] + np.arange(count), device)
        wide = (Segment(s.start + i * count, s.end + (i + 1) * count) for i, s in enumerate(plan.segments))
        self.plan = SegmentPlan(tuple(wide))


@dataclass(frozen=True, slots=True)
class _Virtual:
    """The virtual tokens of one model."""

    module: Any
    config: Any

    @property
    def is_prefix(self) -> bool:
        return self.config.peft_type.value == "PREFIX_TUNING"

    @property
    def count(self) -> int:
        return self.config.num_virtual_tokens

    def run(self, decode: Any, *, input_ids: Tensor, segments: SegmentPlan | None = None, **kwargs: Any) -> Any:
        kwargs.pop("inputs_embeds", None)
        if segments is not None:
            return self._packed(decode, input_ids, segments, **kwargs)
        return self._rows(decode, input_ids, **kwargs)

    def _packed(self, decode: Any, ids_1T: Tensor, plan: SegmentPlan, position_ids: Tensor, **kwargs: Any) -> Any:
        """A packed row with the virtual tokens before each segment; only real tokens come back."""
        if any(segment.prefix >= 0 or segment.kind != "causal" for segment in plan.segments):
            raise ModelError("virtual tokens need whole causal samples", at="tuner", hint="tuner=lora")
        row = _Row(plan, self.count, ids_1T.device)
        place_T = position_ids.new_empty(row.total)
        place_T[row.virtual_SN] = torch.arange(self.count, device=ids_1T.device, dtype=place_T.dtype)
        place_T[row.real_T] = position_ids[0] + self.count
        embedded_TD = self.module.get_input_embeddings()(ids_1T)[0]
        wide_TD = embedded_TD.new_zeros(row.total, embedded_TD.shape[-1]).index_copy(0, row.real_T, embedded_TD)
        if self.is_prefix:
            filled = Prefix(self._keys_and_values(), row.virtual_SN)
            kwargs["around"] = (filled, *kwargs.get("around", ()))
        else:
            own_ND = self._encoded().to(wide_TD.dtype)
            wide_TD = wide_TD.index_copy(0, row.virtual_SN.reshape(-1), own_ND.repeat(len(plan.segments), 1))
        inputs = {"inputs_embeds": wide_TD[None], "position_ids": place_T[None], "segments": row.plan}
        out = decode(**{**kwargs, **inputs, "use_cache": False})
        out.last_hidden_state = out.last_hidden_state[:, row.real_T]
        return out

    def _rows(
        self,
        decode: Any,
        ids_BT: Tensor,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Rows of tokens, or their continuation: the virtual tokens are in the cache from the first call on."""
        if attention_mask is not None:
            attention_mask = torch.cat(
                [attention_mask.new_ones(len(attention_mask), self.count), attention_mask], dim=1
            )
        if position_ids is not None:
            position_ids = position_ids + self.count
        inputs: dict[str, Any] = {"input_ids": ids_BT}
        is_first = past_key_values is None or past_key_values.get_seq_length() == 0
        if is_first and self.is_prefix:
            past_key_values = self._cache(len(ids_BT))
        elif is_first:
            embedded_BTD = self.module.get_input_embeddings()(ids_BT)
            own_BND = self._encoded().to(embedded_BTD.dtype).expand(len(ids_BT), -1, -1)
            inputs = {"inputs_embeds": torch.cat([own_BND, embedded_BTD], dim=1)}
            if position_ids is not None:
                before = torch.arange(self.count, device=ids_BT.device).expand(len(ids_BT), -1)
                position_ids = torch.cat([before, position_ids], dim=1)
        out = decode(
            **inputs, past_key_values=past_key_values, attention_mask=attention_mask, position_ids=position_ids,
            use_cache=use_cache, **kwargs,
        )  # fmt: skip
        out.last_hidden_state = out.last_hidden_state[:, -ids_BT.shape[1] :]
        if use_cache is False:
            out.past_key_values = None
        return out

    def _encoded(self) -> Tensor:
        """What the encoder gives (N, D), or for a prefix (N, 2 L H K)."""
        encoder = getattr(self.module, PLACE)
        device = next(encoder.parameters()).device
        if self.config.inference_mode:  # what is stored is what the encoder gave
            return encoder.embedding.weight
        return encoder(torch.arange(self.count, device=device)[None])[0]

    def _keys_and_values(self) -> Tensor:
        heads = self.config.num_attention_heads
        found = self._encoded().view(self.count, self.config.num_layers, 2, heads, -1)
        return found.permute(1, 2, 0, 3, 4)

    def _cache(self, rows: int) -> Any:
        from transformers import DynamicCache

        cache = DynamicCache(config=self.module.config)
        dtype = self.module.get_input_embeddings().weight.dtype
        for layer, (keys, values) in enumerate(self._keys_and_values().to(dtype)):
            pair = (tensor.transpose(0, 1)[None].expand(rows, -1, -1, -1) for tensor in (keys, values))
            cache.update(*pair, layer)
        return cache

"""The body of a model, all but its head: how a batch goes in, and how last hidden states come out."""

# T tokens  P trained positions  D model  V vocab  S samples  L longest sample

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutputWithPastAndCrossAttentions,
    BaseModelOutputWithPooling,
    ModelOutput,
)

from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Stream
from whet.kernels.attention import SegmentPlan
from whet.kernels.host import sent
from whet.models.features.carried import forward_kwargs
from whet.models.forward import mixers, positions
from whet.models.forward.attention import packed_row

Layout = Callable[[Tensor], Tensor]


def unwrapped(module: Any) -> PreTrainedModel:
    """The transformers model inside a PEFT wrapper, or the module itself."""
    return module.get_base_model() if hasattr(module, "get_base_model") else module


def decoder_of(model: PreTrainedModel) -> nn.Module:
    """The part that gives hidden states. Some classes name a part that they do not have (llama4's text model)."""
    if model.base_model is not model:
        return model.base_model
    return getattr(model, "model", model)  # a model without a head is all body


@dataclass(frozen=True, slots=True)
class Way:
    """How a body takes a batch: packed in one row, else a sample a row, padded, or (`alone`) a sample a forward.

    `first` is the number of a sample's first position. An encoder's tokens see all of their sample.
    """

    is_causal: bool = True
    packed: bool = True
    alone: bool = False
    first: int = 0

    @contextmanager
    def placed(self, module: nn.Module, stream: Stream) -> Iterator[None]:
        """Inside, parts that mix or number tokens in a way of their own know the samples of a packed row."""
        if not self.packed:
            yield
            return
        with packed_row(), mixers.placed(module, stream.segments), positions.placed(module, stream.positions):
            yield

    def inputs(self, module: nn.Module, stream: Stream) -> list[tuple[dict[str, Any], Layout]]:
        """What each forward takes, and where its outputs belong."""
        how = {"use_cache": False} if self.is_causal else {}
        if self.packed:
            inputs = packed_inputs(module, stream, self.first, self.is_causal)
            return [(inputs | self._types(stream, lambda values_T: values_T[None]) | how, _unpacked)]
        if self.alone:
            pieces = [slice(segment.start, segment.end) for segment in stream.segments]
            return [(self._part(stream, at) | how, _unpacked) for at in pieces]
        rows = Rows(stream, self.is_causal)
        return [(rows.inputs() | self._types(stream, rows.laid) | how, rows.flat)]

    def _part(self, stream: Stream, at: slice) -> dict[str, Tensor]:
        return {"input_ids": stream.ids[at][None]} | self._types(stream, lambda values_T: values_T[at][None])

    def _types(self, stream: Stream, laid: Layout) -> dict[str, Tensor]:
        """Which text of a pair each token is of, where an encoder's tokenizer numbers them."""
        types_T = None if self.is_causal else stream.values.get("token_types")
        return {} if types_T is None else {"token_type_ids": laid(types_T)}


def hidden(module: nn.Module, batch: Batch, way: Way) -> Tensor:
    """Last hidden states (T, D) of the flat row."""
    body = decoder_of(unwrapped(module))
    with way.placed(module, batch.text):
        parts = [flat(body(**inputs).last_hidden_state) for inputs, flat in way.inputs(module, batch.text)]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def own_logits(module: nn.Module, batch: Batch, trained_P: Tensor, way: Way) -> Tensor:
    """Logits (P, V) from the model's own forward."""
    if way.packed and way.is_causal:
        [(inputs, flat)] = way.inputs(module, batch.text)
        with way.placed(module, batch.text):
            return flat(module(**inputs, logits_to_keep=trained_P).logits)
    with way.placed(module, batch.text):
        parts = [flat(module(**inputs).logits) for inputs, flat in way.inputs(module, batch.text)]
    return torch.cat(parts)[trained_P]


def packed_inputs(module: nn.Module, stream: Stream, first: int, is_causal: bool) -> dict[str, Any]:
    """What a forward over one flat row takes: `first` is the number of a sample's first position."""
    inputs: dict[str, Any] = {"input_ids": stream.ids[None], "position_ids": stream.positions.unsqueeze(-2) + first}
    if _numbers_types(module):
        inputs["token_type_ids"] = torch.zeros_like(stream.ids)[None]
    segments = stream.segments
    if not is_causal:
        segments = tuple(segment._replace(kind="bidirectional") for segment in segments)
    return {**inputs, "segments": SegmentPlan(segments), **forward_kwargs(module, stream)}


def _numbers_types(module: nn.Module) -> bool:
    """Whether the model takes the types of texts from a buffer as long as its longest text, which a row may exceed."""
    return any("token_type_ids" in part._buffers for part in module.modules())


class Rows:
    """A stream laid out one sample a row, padded on the right: a causal model never looks there, others get a mask."""

    def __init__(self, stream: Stream, is_causal: bool = True) -> None:
        for segment in stream.segments:
            if segment.prefix >= 0 or (is_causal and segment.kind != "causal"):
                raise ModelError(
                    "a model that runs one sample a row takes only whole causal samples",
                    hint="data of whole conversations or texts: data.truncation=error",
                )
        lengths, device = [s.end - s.start for s in stream.segments], stream.ids.device
        row_T = np.repeat(np.arange(len(lengths)), lengths)
        place_T = np.arange(len(row_T)) - (np.cumsum(lengths) - lengths)[row_T]
        self.is_causal, self.shape = is_causal, (len(lengths), max(lengths))
        self.index = (sent(row_T, device), sent(place_T, device))
        self.ids_SL = self.laid(stream.ids)

    def laid(self, values_TX: Tensor, padding: int = 0) -> Tensor:
        """Values of the flat row, one sample a row (S, L, ...)."""
        rows_SLX = values_TX.new_full((*self.shape, *values_TX.shape[1:]), padding)
        return rows_SLX.index_put(self.index, values_TX)

    @property
    def mask_SL(self) -> Tensor:
        """1 for tokens, 0 for padding."""
        return self.laid(torch.ones_like(self.index[0]))

    def inputs(self) -> dict[str, Any]:
        inputs = {"input_ids": self.ids_SL}
        return inputs if self.is_causal else {**inputs, "attention_mask": self.mask_SL}

    def flat(self, values_SLX: Tensor) -> Tensor:
        return values_SLX[self.index]


def _unpacked(values_1TX: Tensor) -> Tensor:
    return values_1TX[0]


def before_output(model: PreTrainedModel, parts: Sequence[str], hidden_PD: Tensor) -> Tensor:
    """What the model's own forward makes of last hidden states before its output layer (P, E).

    Encoders have layers between, each class under names of its own, and T5 a factor, so the forward itself is asked:
    with the `parts` of its body replaced by the states, and its output layer by nothing. All are put back afterwards.
    """
    output = model.get_output_embeddings()
    place = next((name for name, part in model.named_modules() if part is output), None)
    if output is None or place is None:
        raise ModelError(f"{type(model).__name__} names no output layer", hint="another model")
    parent, _, last = place.rpartition(".")
    holders = [(model._modules, name, Given(hidden_PD[None])) for name in parts]
    with replaced([*holders, (model.get_submodule(parent)._modules, last, nn.Identity())]):
        ids = torch.zeros(1, len(hidden_PD), dtype=torch.long, device=hidden_PD.device)
        paired = {"decoder_input_ids": ids} if len(parts) > 1 else {}
        return type(model).forward(model, input_ids=ids, **paired).logits[0]


@contextmanager
def replaced(changes: Sequence[tuple[Any, str, nn.Module]]) -> Iterator[None]:
    """Let modules stand where others are, by who holds them and their name there, for a while."""
    before = [(holder, name, holder[name]) for holder, name, _ in changes]
    try:
        for holder, name, stand_in in changes:
            holder[name] = stand_in
        yield
    finally:
        for holder, name, part in before:
            holder[name] = part


class Output(BaseModelOutputWithPastAndCrossAttentions):
    """What a body gives, of which all but last hidden states is nothing, whatever else a model looks for."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class Pooled(BaseModelOutputWithPooling):
    """The same of a body that pools."""

    __getattr__ = Output.__getattr__


class Given(nn.Module):
    """Stands where a body is, and gives states (S, L, D) that are there already, and perhaps what it pools (S, D)."""

    def __init__(self, hidden_SLD: Tensor, pooled_SD: Tensor | None = None) -> None:
        super().__init__()
        self._hidden_SLD, self._pooled_SD = hidden_SLD, pooled_SD

    def forward(self, *_: Any, **__: Any) -> ModelOutput:
        if self._pooled_SD is not None:
            return Pooled(last_hidden_state=self._hidden_SLD, pooler_output=self._pooled_SD)  # type: ignore
        return Output(last_hidden_state=self._hidden_SLD)  # type: ignore

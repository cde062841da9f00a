"""Encoder-decoders: source and target of many samples in one row each, and the rules by which a target is fed."""

# S source tokens  T target tokens  P trained positions  D model  V vocab  N samples  L longest target

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Stream
from whet.kernels.attention import SegmentPlan
from whet.kernels.cross import CrossPlan
from whet.models.features.carried import across_kwargs, forward_kwargs, share_of
from whet.models.forward import positions
from whet.models.forward.attention import CROSS
from whet.models.forward.backbone import Rows, Way, before_output, unwrapped

# What classes call the attention layers between decoder and encoder.
_BETWEEN = ("encoder_attn", "EncDecAttention", "cross_attn")
RELATIVE = "whet_relative"  # the attribute of layers that may bias distances: whether this one does
LONGEST = "whet_longest"  # the attribute of a bias: the longest sample of the row that is computed


def isolate(module: nn.Module) -> None:
    """Let embeddings of positions and biases of distances follow the samples of a row. Only these instances change.

    T5 biases every pair of a row's tokens (transformers 5.23); without a packed row it does what it did.
    """
    positions.follow(module)
    for name, part in module.named_modules():
        if name.rpartition(".")[2] in _BETWEEN:
            for layer in (part, *part.children()):  # PEFT may have wrapped it
                object.__setattr__(layer, CROSS, True)
        if hasattr(part, "compute_bias") and hasattr(part, "has_relative_attention_bias"):
            part.compute_bias = MethodType(_bias, part)  # type: ignore[assignment]
            object.__setattr__(part, RELATIVE, part.has_relative_attention_bias)
            object.__setattr__(part, LONGEST, None)
            part.has_relative_attention_bias = True  # type: ignore[assignment]


def hidden(module: nn.Module, batch: Batch, way: Way) -> Tensor:
    """The decoder's last hidden states (T, D) of the flat target row."""
    model: Any = unwrapped(module)
    encoder, decoder = model.get_encoder(), model.get_decoder()
    source, target = _streams(batch)
    if not way.packed:
        inputs, rows = _rows(model, source, target)
        states = encoder(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
        written = decoder(
            input_ids=inputs["decoder_input_ids"],
            encoder_hidden_states=states,
            encoder_attention_mask=inputs["attention_mask"],
            use_cache=False,
        )
        return rows.flat(written.last_hidden_state)
    read = tuple(segment._replace(kind="bidirectional") for segment in source.segments)
    here = _shared(module, source)
    with _placed(encoder, here):
        states = encoder(
            input_ids=here.ids[None],
            segments=SegmentPlan(read),
            **_numbered(encoder, here),
            **forward_kwargs(module, source),
        ).last_hidden_state
    here = _shared(module, replace(target, ids=fed(model, target)))
    with _placed(decoder, here):
        written = decoder(
            input_ids=here.ids[None],
            encoder_hidden_states=states,
            segments=SegmentPlan(target.segments),
            across=CrossPlan(target.segments, source.segments),
            use_cache=False,
            **_numbered(decoder, here),
            **forward_kwargs(module, target),
            **across_kwargs(module, target, source),
        )
    return written.last_hidden_state[0]


def _shared(module: nn.Module, stream: Stream) -> Stream:
    """The tokens of a stream that this rank runs."""
    share = share_of(module, stream)
    return stream if share is None else share.own(stream)


def own_logits(module: nn.Module, batch: Batch, trained_P: Tensor, way: Way) -> Tensor:
    """Logits (P, V) from the model's own forward, a sample a row, or (`way.alone`) a sample a forward."""
    if way.packed:
        raise ModelError("an encoder-decoder's own forward takes a sample a row", hint="pack it with a chunked head")
    source, target = _streams(batch)
    if not way.alone:
        inputs, rows = _rows(unwrapped(module), source, target)
        return rows.flat(module(**inputs, use_cache=False).logits)[trained_P]
    fed_T, found = fed(unwrapped(module), target), []
    for read, written in zip(source.segments, target.segments, strict=True):
        ids = {"input_ids": source.ids[read.start : read.end], "decoder_input_ids": fed_T[written.start : written.end]}
        found.append(module(**{name: ids_T[None] for name, ids_T in ids.items()}, use_cache=False).logits[0])
    return torch.cat(found)[trained_P]


def fed(model: Any, target: Stream) -> Tensor:
    """What the decoder is fed (T,) to write the target: by the model's own rule, sample by sample."""
    rows = Rows(target)
    return rows.flat(_shifted(model, rows, target.ids))


def start_fed(model: Any) -> int | None:
    """The token that training feeds first, by the model's own rule; None without one, or where it is of the target."""
    if not hasattr(model, "prepare_decoder_input_ids_from_labels"):
        return None
    try:
        first, second = model.prepare_decoder_input_ids_from_labels(torch.tensor([[3], [5]]))[:, 0].tolist()
    except Exception:  # models say in as many ways that their config names none
        return None
    return first if first == second else None


def _shifted(model: Any, rows: Rows, ids_T: Tensor) -> Tensor:
    """Decoder inputs (N, L) of target tokens laid out a sample a row."""
    labels_NL = rows.laid(ids_T, padding=-100)
    if hasattr(model, "prepare_decoder_input_ids_from_labels"):
        return model.prepare_decoder_input_ids_from_labels(labels_NL)
    start, pad = model.config.decoder_start_token_id, model.config.pad_token_id
    fed_NL = torch.cat([labels_NL.new_full((len(labels_NL), 1), start), labels_NL[:, :-1]], dim=1)
    return fed_NL.masked_fill(fed_NL == -100, pad)


def output_bias(model: Any) -> Tensor | None:
    """What is added to the logits besides the output layer's own bias (Marian's is stored with the weights)."""
    bias = getattr(model, "final_logits_bias", None)
    return None if bias is None else bias[0]


def output_scale(model: Any) -> float:
    """By what T5 and its relatives multiply hidden states before the output layer: asked of their own forward."""
    if {"encoder", "decoder"} <= model._modules.keys():
        return float(before_output(model, ["encoder", "decoder"], torch.ones(1, 1)))
    return 1.0


def _streams(batch: Batch) -> tuple[Stream, Stream]:
    try:
        return batch.streams["source"], batch.streams["target"]
    except KeyError:
        raise ModelError(
            "an encoder-decoder reads a `source` and writes a `target`, and the batch has neither",
            hint="objective: sft, or span-corruption",
        ) from None


def _rows(model: Any, source: Stream, target: Stream) -> tuple[dict[str, Tensor], Rows]:
    """What the model's own forward takes, a sample a row, and where the target's tokens are in it."""
    read, written = Rows(source, is_causal=False), Rows(target)
    inputs = {**read.inputs(), "decoder_input_ids": _shifted(model, written, target.ids)}
    return inputs, written


def _numbered(part: Any, stream: Stream) -> dict[str, Tensor]:
    """Positions, for the classes that take them; the others have embeddings that are told, or none."""
    has_rope = any(hasattr(child, "rope_type") for child in part.modules())
    return {"position_ids": stream.positions[None]} if has_rope else {}


@contextmanager
def _placed(part: nn.Module, stream: Stream) -> Iterator[None]:
    """Inside, the part's embeddings of positions and biases of distances are those of the stream's samples."""
    touched = [p for p in part.modules() if hasattr(p, RELATIVE)]
    for one in touched:
        object.__setattr__(one, LONGEST, stream.max_length)
    try:
        with positions.placed(part, stream.positions):
            yield
    finally:
        for one in touched:
            object.__setattr__(one, LONGEST, None)


def _bias(self: Any, query_length: int, key_length: int, **how: Any) -> Tensor:
    """The bias of the longest sample instead of the row's; of layers without one a single zero."""
    if not self.whet_relative:
        return torch.zeros(1, 1, 1, 1, device=self.q.weight.device, dtype=self.q.weight.dtype)
    longest = self.__dict__.get(LONGEST)
    if longest is not None:
        query_length = key_length = longest
    # FSDP2 warns of views among what a layer gives, and the first layer gives its bias to the others.
    return type(self).compute_bias(self, query_length, key_length, **how).clone()

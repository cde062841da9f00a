"""Which form an objective's samples are drawn in: masked, corrupted, in two sides, or as they are."""

from __future__ import annotations

from typing import Any

from whet.base.errors import TOKENIZER, ConfigError, DataError
from whet.base.run import Run
from whet.data.chat.template import tokenizer_name
from whet.data.render.seq2seq import Pairing
from whet.data.render.seq2seq_texts import SideRenderer
from whet.data.transforms.forms import Form
from whet.data.transforms.masking import Masking
from whet.data.transforms.span_corruption import Denoiser, Spans, ul2
from whet.train.setup.chosen import facts_of


def form_of(run: Run, processor: Any | None, family: str) -> Form | None:
    """The form that the objective asks for, or the model. Raises ModelError where the tokenizer lacks what it needs."""
    form = facts_of(run).form
    if form is None and family != "seq2seq":
        return None
    if processor is None:
        raise DataError("texts need a tokenizer, and the model has none", at="model", hint=TOKENIZER)
    asked = run.objective.values()
    if form == "masking":
        return Masking.of(processor, run.seed, **asked)
    if form == "spans":
        return Spans.of(processor, run.seed, denoisers=_denoisers(asked, processor))
    return Pairing(SideRenderer(processor, scale=run.data.loss_scale))


def _denoisers(asked: dict[str, Any], tokenizer: Any) -> tuple[Denoiser, ...]:
    if asked["denoisers"] == "t5":
        return (Denoiser(asked["rate"], asked["span"]),)
    ids = [tokenizer.convert_tokens_to_ids(mode) for mode in asked["modes"]]
    unknown = [m for m, i in zip(asked["modes"], ids, strict=True) if i is None or i == tokenizer.unk_token_id]
    if unknown:
        raise ConfigError(
            f"`{unknown[0]}` is no token of {tokenizer_name(tokenizer)}",
            at="objective.modes",
            hint=f"model.new_tokens={list(asked['modes'])}".replace("'", ""),
        )
    return ul2(tuple(ids))

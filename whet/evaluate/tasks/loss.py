"""Held-out loss, as training counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import task
from whet.base.settings import Count, Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.evaluate.result import Result, Watch


@task("loss", families=("causal", "seq2seq"), less_is_better=("loss", "perplexity"))
def loss(
    loaded: Loaded,
    watch: Watch | None,
    *,
    file: Place,
    format: str = "auto",
    template: Place | None = None,
    train_on: Literal["assistant", "last", "all"] = "assistant",
    max_length: Count | None = None,
    truncation: Literal["auto", "error", "cut", "split", "skip"] = "auto",
    batch_tokens: Count = 8192,
) -> Result:
    """Mean loss and accuracy a trained token over a data file of any format, rendered as for training.

    file: data file or folder, such as held_out.jsonl; `path#500` takes 500 rows
    format: a data_format, or `auto` to detect it row by row
    template: a chat template file that replaces the tokenizer's
    train_on: which turns count
    max_length: tokens a sample may have; the model's context by default
    truncation: what happens to longer samples: `auto` splits raw text and refuses the rest
    batch_tokens: tokens computed at once
    """
    from whet.evaluate.loss import Rendering, measure

    return measure(loaded, file, format, Rendering(template, train_on, max_length, truncation), batch_tokens, watch)

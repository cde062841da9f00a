"""How well a model predicts text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import task
from whet.base.settings import Count, Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.evaluate.result import Result, Watch


@task("perplexity", less_is_better=("word_perplexity", "byte_perplexity", "token_perplexity", "bits_per_byte"))
def perplexity(
    loaded: Loaded,
    watch: Watch | None,
    *,
    file: Place,
    documents: Literal["auto", "file", "lines", "rows", "wikitext"] = "auto",
    column: str = "text",
    detokenize: Literal["none", "wikitext"] = "none",
    window: Count | None = None,
    limit: Count | None = None,
    batch_tokens: Count = 8192,
) -> Result:
    """Perplexity a word, a byte and a token, and bits a byte, over the documents of a text file.

    file: a text file or .jsonl, such as held_out.txt
    documents: a document is the file, a line, a row of a .jsonl, or an article of WikiText; `auto` looks at the file
    column: where a row has its text
    detokenize: `wikitext` removes the marks of its tokenisation; words and bytes are those of the original
    window: tokens read at once; by default the model's context
    limit: take this many documents, from the start
    batch_tokens: tokens computed at once
    """
    from whet.evaluate.perplexity import Reading, measure

    return measure(loaded, Reading(file, documents, column, detokenize, window, limit), batch_tokens, watch)

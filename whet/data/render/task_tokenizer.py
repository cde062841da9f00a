"""Reader: rows of text that are no conversation to samples in place, tokenised as the tokenizer does by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError, ModelError
from whet.contracts.reading import Apart, Classes, Reading, Steps, Tags, Together
from whet.contracts.rows import Row
from whet.contracts.sample import Origin, Sample
from whet.data.chat.template import tokenizer_name
from whet.data.refusal import Refused, RowRefused
from whet.data.render import embedding_texts, process_steps, reranker_texts, sequence_labels, token_labels
from whet.data.render.tokenizer_facts import facts_of

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

FORMS: dict[type, Any] = {
    Apart: embedding_texts,
    Together: reranker_texts,
    Classes: sequence_labels,
    Tags: token_labels,
    Steps: process_steps,
}


class Reader:
    """Reads rows with a tokenizer as an objective's `reading` asks. Pickles, for worker processes.

    With `cut` longer texts keep their first so many tokens, special ones included, as the tokenizer truncates.
    Raises ModelError for a tokenizer that cannot tell where tokens lie, ConfigError for pairs that it would glue.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, reading: Reading, *, cut: int | None = None) -> None:
        from tokenizers import Tokenizer

        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"{tokenizer_name(tokenizer)} is not a fast tokenizer, so it cannot tell where tokens lie in the text",
                hint="use a checkpoint with a tokenizer.json",
            )
        state = tokenizer.backend_tokenizer.to_str()
        self.reading = reading
        self._encoder: Tokenizer = Tokenizer.from_str(state)
        self._encoder.no_padding()
        self._encoder.no_truncation()
        self._facts = facts_of(self._encoder, tokenizer, cut)
        if cut is not None and not isinstance(reading, Steps):
            self._encoder.enable_truncation(cut)
        if isinstance(reading, Together) and reading.template is None and not self._facts.pairs:
            raise _glued("objective.template={query}\\n{document}")
        self.fingerprint = hashlib.sha256(repr((state, reading, cut)).encode()).hexdigest()[:32]

    def __call__(self, rows: Sequence[tuple[Row, Origin]]) -> list[tuple[Sample, bool] | Refused]:
        """The sample of each row and whether its texts were cut, or why it is refused, in order."""
        form = FORMS[type(self.reading)]
        asked = [_or_refused(form.texts, self.reading, row, self._facts) for row, _ in rows]
        flat = [text for texts in asked if not isinstance(texts, Refused) for text in texts]
        special = not isinstance(self.reading, Steps)
        encodings = iter(self._encoder.encode_batch(flat, add_special_tokens=special))
        return [
            texts if isinstance(texts, Refused) else self._made(row, origin, [next(encodings) for _ in texts])
            for (row, origin), texts in zip(rows, asked, strict=True)
        ]

    def _made(self, row: Row, origin: Origin, encodings: Sequence[Encoding]) -> tuple[Sample, bool] | Refused:
        if any(not encoding.ids for encoding in encodings):
            return Refused("empty", "a text has no token")
        made = _or_refused(FORMS[type(self.reading)].sample, self.reading, row, encodings, self._facts, origin)
        if isinstance(made, Refused):
            return made
        sample, was_cut = made
        return sample, was_cut or any(encoding.overflowing for encoding in encodings)


def _glued(hint: str) -> ConfigError:
    return ConfigError(
        "the tokenizer puts nothing between two texts, so they would be one", at="objective.template", hint=hint
    )


def _or_refused(step: Any, *arguments: Any) -> Any:
    try:
        return step(*arguments)
    except RowRefused as refusal:
        return refusal.refused


def readable(rows: Sequence[tuple[int, Row | Refused]], source: str) -> Iterator[tuple[Row, Origin]]:
    """The rows that are none refused, each with where it stands."""
    return ((row, Origin(source, number)) for number, row in rows if not isinstance(row, Refused))

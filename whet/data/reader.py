"""Reader: rows of text that are no conversation to samples in place, tokenised as the tokenizer does by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError, ModelError
from whet.contracts.reading import Apart, Classes, Reading, Steps, Tags, Together
from whet.contracts.rows import Row
from whet.contracts.sample import Origin, Sample
from whet.data import apart, classes, steps, tags, together
from whet.data.refusal import Refused, RowRefused
from whet.data.template import tokenizer_name

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

FORMS: dict[type, Any] = {Apart: apart, Together: together, Classes: classes, Tags: tags, Steps: steps}
PAIRED = (Together, Classes)


@dataclass(frozen=True, slots=True)
class Texts:
    """What the forms are told of the tokenizer: how long prompts are in tokens, and which token begins a text.

    `pairs`: it puts something between two texts. `typed`: it numbers the tokens of the second one otherwise.
    """

    encode: Callable[[str], list[int]]
    begin: tuple[int, ...]
    ends: bool
    pairs: bool
    typed: bool
    cut: int | None


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
        self._texts = _facts(self._encoder, tokenizer, cut)
        if cut is not None and not isinstance(reading, Steps):
            self._encoder.enable_truncation(cut)
        if isinstance(reading, Together) and reading.template is None and not self._texts.pairs:
            raise _glued("objective.template={query}\\n{document}")
        self.fingerprint = hashlib.sha256(repr((state, reading, cut)).encode()).hexdigest()[:32]

    def __call__(self, rows: Sequence[tuple[Row, Origin]]) -> list[tuple[Sample, bool] | Refused]:
        """The sample of each row and whether its texts were cut, or why it is refused, in order."""
        form = FORMS[type(self.reading)]
        asked = [_or_refused(form.texts, self.reading, row, self._texts) for row, _ in rows]
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
        made = _or_refused(FORMS[type(self.reading)].sample, self.reading, row, encodings, self._texts, origin)
        if isinstance(made, Refused):
            return made
        sample, was_cut = made
        return sample, was_cut or any(encoding.overflowing for encoding in encodings)


def _facts(encoder: Tokenizer, tokenizer: PreTrainedTokenizerBase, cut: int | None) -> Texts:
    pair = encoder.encode("a", "b")
    middle = pair.special_tokens_mask[1:-1]
    begin = tokenizer.bos_token_id
    adds_begin = begin is not None and encoder.encode("").ids[:1] == [begin]
    return Texts(
        encode=_Encode(encoder),
        begin=(begin,) if adds_begin else (),
        ends=bool(encoder.encode("a").special_tokens_mask[-1]),
        pairs=1 in middle,
        typed=1 in pair.type_ids and "token_type_ids" in tokenizer.model_input_names,
        cut=cut,
    )


@dataclass(frozen=True, slots=True)
class _Encode:
    """Ids of a text with special tokens: a value that pickles."""

    encoder: Tokenizer

    def __call__(self, text: str) -> list[int]:
        return self.encoder.encode(text).ids


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

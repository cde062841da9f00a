"""Renderer: rows to token ids and weights, many rows at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from whet.base.errors import ConfigError, ModelError
from whet.contracts.rows import Completion, Conversation, Row, Text
from whet.data.chat.assistant_mask import Turn, Turns
from whet.data.chat.control_tokens import check_markers, control_pattern
from whet.data.chat.masks import Span, Tokens, check_begin, check_ends, check_trained, tokens_inside
from whet.data.chat.speech import Speech
from whet.data.chat.template import ChatTemplate, chat_template, tokenizer_name, without_template
from whet.data.chat.template_wording import Wording
from whet.data.chat.thoughts import context_of
from whet.data.refusal import Refused, RowRefused, refusal
from whet.data.render.word_cache import word_encoder
from whet.data.transforms.fim import FillIn

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

TrainOn = Literal["assistant", "last", "all"]
ALLOWANCES = frozenset(
    {"nothing_to_train", "untrained_end", "doubled_bos", "render_mismatch", "missing_tokens", "unseen_tools"}
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row as tokens: `ids` (T,) int32 and `weights` (T,) float32, the weight of predicting each token.

    `roles` names what each token belongs to (a message's role, `template`, `begin`, `end`, ...), if asked for.
    """

    ids: np.ndarray
    weights: np.ndarray
    roles: tuple[str, ...] | None = None


@dataclass(slots=True)
class _Draft:
    """A row before tokenising: its text, the spans that are trained, and tokens to put before and after it.

    `ends` are the characters where a trained turn is over; `named` is what writes them. `factors` multiply the
    weights inside a span.
    """

    text: str
    spans: list[Span]
    named: str
    ends: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    roles: list[tuple[Span, str]] = field(default_factory=list)
    factors: list[tuple[Span, float]] = field(default_factory=list)


class Renderer:
    """Renders rows with a tokenizer and its chat template. Pickles, for worker processes.

    `template` is a name, a file or Jinja text that replaces the tokenizer's, and `wording` what is asked of it. Without
    any, conversations are an error. `train_on` is every assistant turn, the last one, or all tokens. `scale` multiplies
    the weights of tokens that lie inside a match of a regular expression. `allow` names checks that may fail. `fill_in`
    is for raw text, once it is cut to fit. Raises ModelError for a tokenizer or template that cannot be used,
    ConfigError for an unknown allowance.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        template: str | None = None,
        wording: Wording | None = None,
        train_on: TrainOn = "assistant",
        scale: Mapping[str, float] | None = None,
        allow: Collection[str] = frozenset(),
        fill_in: FillIn | None = None,
    ) -> None:
        _check_settings(train_on, allow)
        self.train_on, self.allow, self.fill_in = train_on, frozenset(allow), fill_in
        self._scale = [(compiled(text), factor) for text, factor in (scale or {}).items()]
        self._encoder, state = encoder_of(tokenizer)
        self._words = word_encoder(self._encoder)
        self.wording = wording or Wording()
        self.speech, self._tool_speech = self._speeches(tokenizer, template)
        self._without_template = None if self.speech else without_template(tokenizer)
        self._begin, self._end = tokenizer.bos_token_id, tokenizer.eos_token_id
        self._begin_text, self._end_text = tokenizer.bos_token, tokenizer.eos_token
        self._adds_begin = self._begin is not None and tokenizer.encode("")[:1] == [self._begin]
        parts: tuple[Any, ...] = (state, *self._texts(), train_on, sorted(allow), scale, self.wording.thinking)
        parts += (fill_in.key,) if fill_in else ()
        self.fingerprint = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def _speeches(
        self, tokenizer: PreTrainedTokenizerBase, template: str | None
    ) -> tuple[Speech | None, Speech | None]:
        """How conversations are written, and those with tools; nothing where there is no template."""
        if template is None and not tokenizer.chat_template:
            return None, None
        controls = control_pattern(tokenizer)
        plain, tools = (chat_template(tokenizer, template, with_tools=with_tools) for with_tools in (False, True))
        if "missing_tokens" not in self.allow:
            check_markers(plain, tokenizer, self._encoder, controls)
        mismatch, unseen = "render_mismatch" in self.allow, "unseen_tools" in self.allow
        written = Speech(plain, controls, self.wording, allow_mismatch=mismatch, allow_unseen=unseen)
        if tools.text == plain.text:
            return written, written
        return written, Speech(tools, controls, self.wording, allow_mismatch=mismatch, allow_unseen=unseen)

    def _texts(self) -> tuple[Any, ...]:
        if self.speech is None or self._tool_speech is None:
            return ()
        return self.speech.template.text, self._tool_speech.template.text, self.speech.template.tokens

    def render(self, rows: Sequence[Row], *, roles: bool = False) -> list[Rendered | Refused]:
        """Tokens and weights of each row, or why it is refused, in order."""
        drafts = [_or_refused(self._draft, row, roles) for row in rows]
        encodings = self._encode([draft.text for draft in drafts if isinstance(draft, _Draft)])
        return [
            draft if isinstance(draft, Refused) else _or_refused(self._finish, draft, next(encodings), roles)
            for draft in drafts
        ]

    def unmatched(self, rows: Sequence[Row]) -> list[str]:
        """The patterns of `scale` that match nothing in the rows as they are written; none where no row can be."""
        drafts = (_or_refused(self._draft, row, False) for row in rows)
        texts = [draft.text for draft in drafts if isinstance(draft, _Draft)]
        return [pattern.pattern for pattern, _ in self._scale if texts and not any(map(pattern.search, texts))]

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        """Each token as text on its own."""
        return [self._encoder.decode([int(i)], skip_special_tokens=False) for i in ids]

    def _encode(self, texts: Sequence[str]) -> Iterator[Tokens]:
        """The tokens of each text: looked up by words where that is possible, beside one call of the tokenizer."""
        words = self._words
        by_words = [words is not None and words.takes(text) for text in texts]
        plain = [text for text, is_plain in zip(texts, by_words, strict=True) if is_plain]
        others = [text for text, is_plain in zip(texts, by_words, strict=True) if not is_plain]
        with ThreadPoolExecutor(1) as beside:  # the tokenizer works without Python's lock
            encoding = beside.submit(self._encoder.encode_batch, others, add_special_tokens=False)
            found = iter(words(plain) if words is not None else ())
            encoded = iter(encoding.result())
        return (next(found if is_plain else encoded) for is_plain in by_words)

    def _draft(self, row: Row, roles: bool) -> _Draft:
        if isinstance(row, Conversation):
            return self._conversation(row, roles)
        if isinstance(row, Text):
            return self._text(row)
        if isinstance(row, Completion):
            return self._completion(row)
        error = refusal(row.kind, {"text", "completion", "conversation"})
        raise RowRefused("kind", error.message, error.hint)

    def _text(self, row: Text) -> _Draft:
        text, span = row.text, (0, len(row.text))
        return _Draft(text, [span], "text", [], self._opening(text), self._closing(text), [(span, "text")])

    def _completion(self, row: Completion) -> _Draft:
        if self._end is None and "untrained_end" not in self.allow:
            raise RowRefused(
                "untrained_end",
                "the tokenizer has no end-of-text token, so the completion would never be ended",
                "set the tokenizer's eos_token, or data.allow=[untrained_end]",
            )
        text, start = row.prompt + row.completion, len(row.prompt)
        span = (start, len(text))
        roles = [((0, start), "prompt"), (span, "completion")]
        return _Draft(text, [span], "completion", [], self._opening(text), self._closing(text), roles)

    def _opening(self, text: str) -> list[int]:
        """The begin token where the tokenizer puts one, unless the text has it already."""
        return [self._begin] if self._adds_begin and not text.startswith(self._begin_text) else []

    def _closing(self, text: str) -> list[int]:
        """The end token where the tokenizer has one, unless the text has it already."""
        return [] if self._end is None or text.endswith(self._end_text) else [self._end]

    def _conversation(self, row: Conversation, roles: bool) -> _Draft:
        speech = self._tool_speech if row.tools else self.speech
        if speech is None:
            assert self._without_template is not None
            raise self._without_template
        weights, messages = _messages(row.messages)
        messages = [dict(message) for message in speech.prepared(messages)]
        replies = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        if self.train_on == "last":
            replies = replies[-1:]
        wanted = replies if self.train_on == "all" else [i for i in replies if weights[i]]
        turns, text, found = speech.find(messages, row.tools, wanted)
        if self.wording.thinking != "keep":
            found = [self._without_context(turn, text) for turn in found]
        self._check_closed(found, turns.template)
        draft = _Draft(text, [span for turn in found for span in turn.spans], turns.template.named)
        if self.train_on == "all":
            draft.spans = _without([span for t in found if not weights[t.message] for span in t.spans], len(text))
        draft.ends = [turn.close[1] for turn in found if turn.close and weights[turn.message]]
        scaled = [turn for turn in found if weights[turn.message] not in (0, 1)]
        draft.factors = [(span, weights[turn.message]) for turn in scaled for span in turn.spans]
        if roles:
            draft.roles = _message_roles(turns, messages, row.tools, text, found)
        return draft

    def _without_context(self, turn: Turn, text: str) -> Turn:
        """The turn without the thought at its beginning, where that is only read."""
        first, *others = turn.spans
        context = context_of(self.wording.thinking, text, first)
        return turn if context is None else replace(turn, spans=((context[1], first[1]), *others))

    def _check_closed(self, turns: Sequence[Turn], template: ChatTemplate) -> None:
        still = [turn for turn in turns if turn.close is None]
        if still and "untrained_end" not in self.allow:
            raise RowRefused(
                "untrained_end",
                f"the {template.named} trains no end-of-turn token after message {still[0].message}: the model would "
                "not learn to stop",
                "let the template write the end of turn inside what is generated, or data.allow=[untrained_end]",
            )

    def _scaled(self, text: str) -> Iterator[tuple[Span, float]]:
        for pattern, factor in self._scale:
            yield from ((match.span(), factor) for match in pattern.finditer(text))

    def _finish(self, draft: _Draft, encoding: Tokens, roles: bool) -> Rendered:
        ids = np.array(draft.before + encoding.ids + draft.after, np.int32)
        weights = np.zeros(len(ids), np.float32)
        first, behind = len(draft.before), len(ids) - len(draft.after)
        inner = weights[first:behind]
        for span in draft.spans:
            inner[tokens_inside(encoding, span, len(draft.text))] = 1.0
        for span, factor in [*draft.factors, *self._scaled(draft.text)]:
            inner[tokens_inside(encoding, span, len(draft.text))] *= factor
        weights[:first], weights[behind:] = any(start == 0 for start, _ in draft.spans), 1.0
        if draft.ends and "untrained_end" not in self.allow:
            check_ends(encoding, inner, draft.ends, draft.named)
        if "doubled_bos" not in self.allow:
            check_begin(ids, self._begin)
        if "nothing_to_train" not in self.allow:
            check_trained(weights)
        return Rendered(ids, weights, _token_roles(draft, encoding) if roles else None)


def compiled(text: str) -> re.Pattern[str]:
    """A pattern of `data.loss_scale`. Raises ConfigError where it is none."""
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise ConfigError(
            f"`{text}` is no regular expression: {error}",
            at="data.loss_scale",
            hint="put a backslash before ( ) [ ] { } * + ? . | that are meant as they are",
        ) from None


def encoder_of(tokenizer: PreTrainedTokenizerBase) -> tuple[Tokenizer, str]:
    """The Rust tokenizer on its own, and its state.

    Without its post-processor: that adds special tokens, which is ours to do, and trims white space
    off the offsets, which would hide that a token begins in the prompt.
    """
    from tokenizers import Tokenizer

    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"{tokenizer_name(tokenizer)} is not a fast tokenizer, so it cannot tell where tokens lie in the text",
            hint="use a checkpoint with a tokenizer.json",
        )
    state = tokenizer.backend_tokenizer.to_str()
    encoder = _sharing(tokenizer.backend_tokenizer)
    if encoder is None:
        encoder = Tokenizer.from_str(state)
        encoder.post_processor = None
        encoder.no_truncation()
        encoder.no_padding()
    return encoder, state


def _sharing(backend: Tokenizer) -> Tokenizer | None:
    """A tokenizer of the same parts, without copying the model, which takes longer than tokenising a thousand rows.

    None where the added tokens cannot be numbered as they are (holes in their numbers).
    """
    from tokenizers import Tokenizer

    encoder = Tokenizer(backend.model)
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        if getattr(backend, part) is not None:
            setattr(encoder, part, getattr(backend, part))
    added = backend.get_added_tokens_decoder()
    for index in sorted(added):
        add = encoder.add_special_tokens if added[index].special else encoder.add_tokens
        add([added[index]])
    encoder.encode_special_tokens = backend.encode_special_tokens
    return encoder if encoder.get_added_tokens_decoder() == added else None


def _check_settings(train_on: str, allow: Collection[str]) -> None:
    if train_on not in ("assistant", "last", "all"):
        raise ConfigError(f"`train_on` is {train_on!r}", at="data.train_on", hint="one of: assistant, last, all")
    unknown = sorted(set(allow) - ALLOWANCES)
    if unknown:
        raise ConfigError(
            f"no check is called `{unknown[0]}`", at="data.allow", hint=f"one of: {', '.join(sorted(ALLOWANCES))}"
        )


def _or_refused(step: Any, *arguments: Any) -> Any:
    try:
        return step(*arguments)
    except RowRefused as refusal:
        return refusal.refused


def _messages(given: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[dict[str, Any]]]:
    """The messages' weights, and the messages as the template is to see them: without weights and empty keys."""
    messages = []
    for number, message in enumerate(given):
        kept = {key: value for key, value in message.items() if value is not None and key != "weight"}
        if not isinstance(kept.setdefault("content", ""), str):
            raise RowRefused("bad_row", f"the content of message {number} is not text")
        messages.append(kept)
    return [float(message.get("weight", 1)) for message in given], messages


def _without(holes: Sequence[Span], end: int) -> list[Span]:
    """The spans of 0 to `end` that are left around the holes."""
    edges = [0, *(edge for hole in holes for edge in hole), end]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _message_roles(turns: Turns, messages: Any, tools: Any, text: str, found: Sequence[Turn]) -> list[tuple[Span, str]]:
    contents = turns.contents(messages, tools, text)
    roles = [(contents[index], messages[index]["role"]) for index in contents]
    roles += [(span, "assistant") for turn in found for span in turn.spans]
    roles += [(turn.close, "end") for turn in found if turn.close]
    return roles


def _token_roles(draft: _Draft, encoding: Tokens) -> tuple[str, ...]:
    inner = ["template"] * len(encoding)
    for span, role in draft.roles:
        tokens = tokens_inside(encoding, span, len(draft.text))
        inner[tokens] = [role] * (tokens.stop - tokens.start)
    return ("begin",) * len(draft.before) + tuple(inner) + ("end",) * len(draft.after)

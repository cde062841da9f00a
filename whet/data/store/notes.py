"""Notes: what is trained as it stands and may not be meant so, counted by what it is, with where it stands first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from whet.base.errors import DataError
from whet.contracts.rows import Completion, Conversation, Labelled, Preference, Prompt, Ready, Row, Text
from whet.data.rows.transcript import is_transcript

# `{{name}}`, `{% if %}` and `{name}`, but no LaTeX, no `${shell}`, no f"{string}".
_DOUBLE = re.compile(r"(?<![$\\])\{\{ *[^\W\d][\w .-]{0,40}\}\}|\{% *(?:if|for|set|else|end)\w*")
_SINGLE = re.compile(r"(?<![\w\\$^{}])\{[^\W\d]\w{2,40}\}(?!\})")
_FENCED = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_CODE = re.compile(r"""\b(?:def|import|return|const|var|function) |print|f["']|=>|format\(""")
# Keys of messages that templates read, or that say nothing of what is trained.
_KNOWN_KEYS = frozenset(
    "role content tool_calls tool_call_id name weight reasoning_content reasoning thinking id index uuid message_id "
    "parent_id timestamp created_at create_time date time lang language model source recipient channel turn turn_id "
    "turn_identifier annotations metadata refusal audio tokens num_tokens token_count emotion hash hashed_ip".split()
)
# Columns that change what a row means, where the format does not read them.
_TELLING = (
    "context", "passage", "background", "system", "system_prompt", "system_message", "history", "input", "choices",
    "options", "tools", "functions", "weight", "reasoning", "reasoning_content", "thinking", "rejected_response",
    "systemInstruction",
)  # fmt: skip
# Columns that tell which split a row is of, and what those say that are kept for measuring.
_SPLITS = frozenset(("split", "subset", "set", "partition", "fold"))
_HELD_OUT = frozenset("test testing valid validation val dev eval evaluation heldout held_out".split())
_DOCUMENT = 4000  # characters from which on a text is no row of a conversation
_REPEATED = 24  # characters of a question that a reply begins with


@dataclass(frozen=True, slots=True)
class Note:
    """What was noticed, in how many rows, and the first of them."""

    what: str
    count: int
    at: str
    detail: str = ""

    def __str__(self) -> str:
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        return f"{rows}: {self.what}" + (f" ({self.detail})" if self.detail else "") + f", such as {self.at}"


class Notes:
    """The notes on a source's rows, and the columns that its formats did not read."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}
        self._splits: set[str] = set()

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes.values())

    def add(self, what: str, at: str, detail: str = "") -> None:
        """Count one more row of which this is to be said."""
        known = self._notes.get(what)
        self._notes[what] = replace(known, count=known.count + 1) if known else Note(what, 1, at, detail)

    def look(self, row: Row, at: str) -> None:
        """Count what is to be said of one row. Raises DataError for a text that no tokenizer takes."""
        if _is_plain(row):
            return
        seen: set[str] = set()
        found = False
        for text in _texts(row):
            if not text.isascii():
                _check_text(text)
            if not found and "{" in text and (placeholder := _placeholder(text)):
                found = True
                self.add("a placeholder that nobody filled is trained as it stands", at, placeholder)
        for message in _messages(row):
            if len(message) == 2:
                continue
            for key in message.keys() - _KNOWN_KEYS - seen:
                seen.add(key)
                self.add(f"the key `{key[:60]}` of messages is handed to the chat template, and not read otherwise", at)
            if message.get("weight") and message["role"] != "assistant" and not seen & {"weight"}:
                seen.add("weight")
                self.add("a weight on a turn that is no reply does nothing (data.train_on=all trains all turns)", at)
        if isinstance(row, Text) and is_transcript(row.text):
            self.add("a text of `Human:` and `Assistant:` is trained whole (format: transcript trains the replies)", at)
        if _repeats(row):
            self.add("the reply begins with the whole question, which then stands twice", at)

    def look_at_split(self, row: Mapping[str, Any], at: str) -> None:
        """Count a row that says that it is of a split which is kept for measuring, after rows of another."""
        if _SPLITS.isdisjoint(row):
            return
        for name in _SPLITS:
            value = row.get(name)
            if isinstance(value, str) and value.lower() not in _HELD_OUT:
                self._splits.add(name)
            elif isinstance(value, str) and name in self._splits:
                self.add(f"the column `{name}` says `{value[:40]}`, and the row is taken as the others are", at)

    def unread(self, names: list[str], at: str) -> None:
        """Note the columns that change what a row means and that its format does not read."""
        for name in names:
            if name in _TELLING:
                self.add(f"the column `{name}` is not read", at)


def to_json(notes: Notes) -> list[dict[str, Any]]:
    return [asdict(note) for note in notes]


def _is_plain(row: Row) -> bool:
    """Whether nothing can be to say of the row, found without looking closer: most rows."""
    if isinstance(row, Conversation):
        for message in row.messages:
            text = message["content"]
            if len(message) > 2 or "{" in text or not text.isascii():
                return False
        return not row.tools
    return isinstance(row, Ready)


def _placeholder(text: str) -> str | None:
    """The first placeholder outside of code, where single braces are something else."""
    prose = _FENCED.sub("", text)
    is_prose = "\\" not in prose and "$" not in prose and not _CODE.search(prose)
    found = _DOUBLE.search(prose) or (_SINGLE.search(prose) if is_prose else None)
    return found[0] if found else None


def _texts(row: Row) -> Iterator[str]:
    """The texts that are rendered; whole documents may well hold braces, and are only checked."""
    if isinstance(row, Text):
        if len(row.text) < _DOCUMENT:
            yield row.text
        elif not row.text.isascii():
            _check_text(row.text)
    elif isinstance(row, Completion):
        yield row.prompt
        yield row.completion
    elif isinstance(row, Prompt) and isinstance(row.messages, str):
        yield row.messages
    elif isinstance(row, Conversation | Labelled | Prompt | Preference):
        for message in _messages(row):
            yield message["content"]
            if len(message) > 2:
                for key, value in message.items():
                    if key not in ("role", "content"):
                        _check_value(value)
        _check_value(row.tools)
    else:
        _check_value([getattr(row, name) for name in row.__dataclass_fields__ if name != "media"])


def _messages(row: Row) -> Iterator[Mapping[str, Any]]:
    if isinstance(row, Preference):
        for side in (row.prompt, row.chosen, row.rejected):
            yield from side
    elif isinstance(row, Conversation | Labelled | Prompt) and not isinstance(row.messages, str):
        yield from row.messages


def _check_value(value: Any) -> None:
    """Every text inside a value, keys included."""
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _check_value(key)
            _check_value(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_value(inner)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"a text holds half a surrogate pair, \\u{ord(text[error.start]):04x} at character {error.start}, which is "
            "no character",
            hint="write the file anew with whole characters: text.encode('utf-16', 'surrogatepass').decode('utf-16')",
        ) from None


def _repeats(row: Row) -> bool:
    if isinstance(row, Completion):
        return len(row.prompt) >= _REPEATED and row.completion.startswith(row.prompt)
    if isinstance(row, Preference):
        asked = row.prompt[-1]["content"]
        sides = (row.chosen[0]["content"], row.rejected[0]["content"])
        return len(asked) >= _REPEATED and all(side.startswith(asked) for side in sides)
    return False

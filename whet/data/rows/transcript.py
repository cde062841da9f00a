"""Transcripts: conversations written as one text with the speakers' names, as in Anthropic's HH."""

from __future__ import annotations

import re
from typing import Any

from whet.base.errors import DataError
from whet.data.rows.messages import read_messages

_SPEAKER = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def is_transcript(text: str) -> bool:
    """Whether the text begins with a person's turn and goes on with the assistant's."""
    return text.lstrip().startswith("Human:") and "\n\nAssistant:" in text


def asks(text: str) -> bool:
    """Whether the text is a transcript that stops where the assistant is to answer."""
    return is_transcript(text) and text.rstrip().endswith("\n\nAssistant:")


def read_transcript(text: str) -> list[dict[str, Any]]:
    """The messages of a transcript. Raises DataError where it does not end with a reply."""
    messages = _turns(text)
    if not messages or messages[-1]["role"] != "assistant":
        raise DataError(
            "the transcript does not end with the assistant's reply", hint="end it with `\\n\\nAssistant: Blue.`"
        )
    return read_messages(messages)


def read_question(text: str) -> list[dict[str, Any]]:
    """The messages of a transcript that `asks`."""
    return read_messages(_turns(text)[:-1])


def _turns(text: str) -> list[dict[str, Any]]:
    parts = _SPEAKER.split("\n\n" + text.strip())[1:]
    return [
        {"role": _ROLES[speaker], "content": said.strip()}
        for speaker, said in zip(parts[::2], parts[1::2], strict=True)
    ]

"""Texts of several speakers, `Human:` and `Assistant:`, as conversations: only when the format is named."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.rows.columns import SYSTEMS, text_in
from whet.data.rows.messages import with_system
from whet.data.rows.transcript import is_transcript, read_transcript


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("text"), str) and is_transcript(row["text"])


# Below `text`: raw text that looks so stays raw text, with a notice, unless the format is named.
@data_format("transcript", matches=_matches, priority=5, columns=("text",))
def transcript(row: dict[str, Any]) -> Conversation:
    """A `text` of turns that begin with `Human:` and `Assistant:`, a blank line apart; replies alone are trained."""
    return Conversation(with_system(read_transcript(row["text"]), text_in(row, SYSTEMS)))

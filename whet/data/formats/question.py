"""Questions with their answers in two columns, as GSM8K comes."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Conversation
from whet.data.messages import read_messages, with_system


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("question"), str) and isinstance(row.get("answer"), str)


@data_format("question", matches=_matches, priority=40, columns=("question", "answer"))
def question(row: dict[str, Any]) -> Conversation:
    """A `question`, answered by `answer`."""
    if not row["answer"].strip():
        raise DataError("the answer is empty")
    messages = [{"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}]
    return Conversation(with_system(read_messages(messages), row.get("system")))

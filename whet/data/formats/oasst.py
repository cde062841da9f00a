"""OpenAssistant's trees: the conversation along the best-ranked replies."""

from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Conversation
from whet.data.rows.messages import read_messages


def _matches(row: dict[str, Any]) -> bool:
    root = row.get("prompt")
    is_tree = isinstance(root, Mapping) and "replies" in root and "text" in root
    return is_tree or ("parent_id" in row and "message_id" in row and "role" in row and "text" in row)


@data_format("oasst", matches=_matches, priority=92, columns=("prompt",))
def oasst(row: dict[str, Any]) -> Conversation:
    """A tree under `prompt` (`text`, `role`, `replies`): from its root along the replies of the best rank."""
    node = row.get("prompt")
    if not isinstance(node, Mapping):
        raise DataError(
            "the row is one message of a tree, and its conversation lies in other rows",
            hint="the file of whole trees (`oasst_ready.trees.jsonl`); or format: text, to train each message as prose",
        )
    messages = []
    while node is not None:
        messages.append({"role": node.get("role"), "content": node.get("text")})
        replies = [reply for reply in node.get("replies") or () if isinstance(reply, Mapping)]
        replies = [reply for reply in replies if not reply.get("deleted")]
        node = min(replies, key=_rank, default=None)
    if messages[-1]["role"] in ("prompter", "user"):
        messages.pop()  # nobody answered
    if not messages:
        raise DataError("the tree has no reply", hint="leave the row out")
    return Conversation(read_messages(messages))


def _rank(reply: Mapping[str, Any]) -> float:
    rank = reply.get("rank")
    return float(rank) if isinstance(rank, int | float) else 1e9

"""Worded: what is decided about the chat template for a run, from the tokenizer and the data, and said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from whet.contracts.rows import Row
from whet.data.chat.speech import Speech, settled, speech_of
from whet.data.chat.template_wording import Wording
from whet.data.refusal import Refused
from whet.data.render.branches import views
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LOOKED_AT = 64  # rows at the beginning of each source


def wording_for(
    wording: Wording, tokenizer: PreTrainedTokenizerBase, template: str | None, has_tools: Callable[[], bool]
) -> Wording:
    """The wording with `tools: auto` decided. `has_tools` is asked where the template has no words for them."""
    chosen = settled(wording, tokenizer, template)
    return chosen if chosen.tools == "native" or has_tools() else wording


def any_tools(sources: Sequence[Source], takes: Collection[str], *, seed: int = 0) -> bool:
    """Whether one of the first rows of a source shows tools or calls them."""
    return any(
        _uses_tools(row)
        for source in sources
        for _, row in islice(parse_rows(source, seed=seed, takes=takes), _LOOKED_AT)
    )


def decisions(
    tokenizer: PreTrainedTokenizerBase, template: str | None, wording: Wording, *, was_auto: bool
) -> tuple[str, ...]:
    """What a user should know of how conversations are written, where it is not simply the tokenizer's template."""
    return tuple(_decisions(speech_of(tokenizer, template, wording, with_tools=True), was_auto))


def facts(speech: Speech) -> dict[str, str]:
    """Template, dialect, tools, thoughts and system messages in words, for a listing."""
    wording = speech.wording
    dialect = str(speech.dialects(calls=False)[0])
    calls = "" if wording.as_text else str(speech.dialects(calls=True)[0])
    if wording.as_text:
        tools = f"as text, in the form `{wording.tools}`"
    elif speech.writes_calls() and speech.shows_tools():
        tools = "as the template writes them" + (f" ({calls})" if calls else "")
    elif speech.writes_calls():
        tools = "calls as the template writes them, and the tools not at all (data.tools=hermes shows them)"
    else:
        tools = "the template cannot write them (data.tools=hermes writes them as text)"
    thinking = {
        "keep": "trained where the template writes it",
        "ignore_empty": "an empty block is context, the others are trained",
        "ignore": "context",
        "strip": "taken out of the data; an empty block is context",
    }[wording.thinking]
    system = {"keep": "as the template writes it", "fold": "before the user's first message"}[wording.system]
    found = {"template": speech.bare.named, "tools": tools, "thinking": thinking, "system": system}
    return found | ({"messages": dialect} if dialect else {})


def _decisions(speech: Speech, was_auto: bool) -> Iterator[str]:
    wording = speech.wording
    if not speech.bare.is_own:
        yield f"conversations are written with the {speech.bare.named}, which the written model gets"
    if wording.tools == "hermes" and was_auto:
        yield (
            f"the {speech.bare.named} cannot write tools, and the data have some: they are written as text "
            "(data.tools=hermes), also in the written model's template"
        )
    dialects = [speech.dialects(calls=False)[0]]
    if not wording.as_text and speech.writes_calls():
        dialects.append(speech.dialects(calls=True)[0])
    if said := ", ".join(dict.fromkeys(part for one in dialects for part in str(one).split(", ") if part)):
        yield f"the {speech.bare.named} is given messages as it takes them: {said}"


def _uses_tools(row: Row | Refused) -> bool:
    if isinstance(row, Refused):
        return False
    given: list[Any] = [row] if row.kind == "prompt" else [view for _, view in views(row)]
    return any(getattr(one, "tools", None) or any(map(_calls, _messages(one))) for one in given)


def _messages(row: Any) -> Sequence[Any]:
    messages = getattr(row, "messages", ())
    return () if isinstance(messages, str) else messages


def _calls(message: Any) -> bool:
    return bool(message.get("tool_calls")) or message.get("role") == "tool"

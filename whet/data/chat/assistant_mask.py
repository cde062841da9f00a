"""Turns: which characters of a rendered conversation the assistant has to produce, proven from the template alone.

With generation tags the template says so. Without, the conversation is rendered a second time with
sentinels in place of its contents. The two renders must differ in nothing else, so the text around
the sentinels is the template's, and what stands in their place is the content. A turn begins where
the prompt ends that serving would render before it, and ends with the special tokens that close it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whet.data.chat.closing import closing
from whet.data.chat.sentinels import align, marked_render, trims
from whet.data.chat.template import ChatTemplate, Messages
from whet.data.refusal import RowRefused

Tools = Sequence[Mapping[str, Any]]
Span = tuple[int, int]
_REASONING = ("reasoning_content", "thinking", "reasoning")
_MAX_SHAPES = 512
_OPENING = 64  # characters at the end of a prompt in which a reply may begin


@dataclass(frozen=True, slots=True)
class Turn:
    """The characters that message `message` makes the assistant produce: one span, unless tags leave out a part.

    `close` is where the special tokens stand that end the turn, None if there are none.
    """

    message: int
    spans: tuple[Span, ...]
    close: Span | None


class Turns:
    """Finds the turns of conversations under one template. `controls` matches the special tokens."""

    def __init__(self, template: ChatTemplate, controls: re.Pattern[str], *, allow_mismatch: bool = False) -> None:
        self.template, self.controls, self.allow_mismatch = template, controls, allow_mismatch
        self._shapes: dict[tuple[str, ...], list[str] | None] = {}
        self._closing: str | None = None

    def find(self, messages: Messages, tools: Tools, wanted: Sequence[int]) -> tuple[str, list[Turn]]:
        """The rendered conversation and the turns of the messages `wanted`, in order. Raises RowRefused."""
        if self.template.is_tagged:
            return self._tagged(messages, tools, wanted)
        text = self.template.render(messages, tools)
        slots = self._slots(messages, tools, wanted, text)
        turns = []
        for index in wanted:
            prompt = self._prompt(messages, tools, index, text)
            slot = slots.get(index)
            turn = self._aligned(index, slot, prompt) if slot else self._replaced(messages, tools, index, prompt, text)
            if turn is None:
                turn = self._continued(messages, tools, index, prompt, text)
            if turn is None:
                raise self._refused(messages, index, "rewrites")
            self._check_whole(text[slice(*turn.spans[0])], messages, index, prompt)
            turns.append(turn)
        return text, turns

    def contents(self, messages: Messages, tools: Tools, text: str) -> dict[int, tuple[int, int]]:
        """Where the content of each message stands in the rendered text; without those that the template rewrites."""
        everything = range(len(messages))
        if found := self._written(messages, tools, text, everything):
            return found
        return {k: span for one in everything for k, span in self._written(messages, tools, text, [one]).items()}

    def _written(
        self, messages: Messages, tools: Tools, text: str, wanted: Sequence[int]
    ) -> dict[int, tuple[int, int]]:
        texts = marked_render(self.template, messages, tools, wanted)
        spans = align(texts, [messages[index]["content"] for index in wanted], text) if texts else None
        return dict(zip(wanted, spans or (), strict=False))

    def _tagged(self, messages: Messages, tools: Tools, wanted: Sequence[int]) -> tuple[str, list[Turn]]:
        text, spans = self.template.render_tagged(messages, tools)
        spans = [span for span in spans if span[0] < span[1]]
        prompts = {index: self._prompt(messages, tools, index, text) for index in wanted}
        grouped = self._grouped(messages, tools, prompts, text, spans)
        turns = []
        for index, prompt in prompts.items():
            if not grouped[index]:
                raise RowRefused(
                    "template_mask",
                    f"the {self.template.named} has no generation tags around message {index}",
                    "put {% generation %} and {% endgeneration %} around what the assistant writes",
                )
            *before, (last, end) = grouped[index]
            start = grouped[index][0][0] if prompt is None else len(prompt)
            self._check_whole(text[start:end], messages, index, prompt)
            close = self._close(text, last, end)
            turns.append(Turn(index, (*before, (last, max(end, close[1]) if close else end)), close))
        return text, turns

    def _grouped(
        self, messages: Messages, tools: Tools, prompts: Mapping[int, str | None], text: str, spans: list[Span]
    ) -> dict[int, list[Span]]:
        """The spans of each reply: one each, else those that lie behind its prompt and before the next reply's."""
        replies = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        if len(spans) == len(replies):
            return {index: [span] for index, span in zip(replies, spans, strict=True)}
        grouped: dict[int, list[Span]] = {index: [] for index in replies}
        known = {i: prompts[i] if i in prompts else self._prompt(messages, tools, i, text) for i in replies}
        starts = {i: len(prompt) for i, prompt in known.items() if prompt is not None}
        if len(starts) < len(replies):
            raise RowRefused(
                "template_mask",
                f"the {self.template.named} has {len(spans)} generation spans, and which "
                f"of the {len(replies)} replies they belong to is unknown",
            )
        for span in spans:
            grouped[max((i for i in replies if starts[i] <= span[0]), default=replies[0])].append(span)
        return grouped

    def _prompt(self, messages: Messages, tools: Tools, index: int, text: str) -> str | None:
        """What serving would show before message `index`: the training text must begin with it."""
        prompt = ""
        for other in self.template.prompts(messages[:index], tools):
            if text.startswith(other):
                return other
            prompt = prompt or other
        if self.allow_mismatch:
            return None
        at = len(os.path.commonprefix((prompt, text)))
        raise RowRefused(
            "render_mismatch",
            f"before message {index} training would read {text[max(0, at - 20) : at + 40]!r} where serving with the "
            f"{self.template.named} would read {prompt[max(0, at - 20) : at + 40]!r}",
            self._way_out(messages, index, "data.allow=[render_mismatch] if that is meant"),
        )

    def _slots(
        self, messages: Messages, tools: Tools, wanted: Sequence[int], text: str
    ) -> dict[int, tuple[int, int, str]]:
        """For each reply without tool calls: where its content stands, and the template's text behind it."""
        plain = [i for i in wanted if not messages[i].get("tool_calls")]
        if not plain:
            return {}
        for replaced, texts in self._marked(messages, tools, plain):
            spans = align(texts, [messages[i]["content"] for i in replaced], text) if texts else None
            if texts and spans:
                found = zip(replaced, spans, texts[1:], strict=True)
                return {i: (start, end, tail) for i, (start, end), tail in found}
        return {}

    def _marked(
        self, messages: Messages, tools: Tools, plain: list[int]
    ) -> Iterator[tuple[Sequence[int], list[str] | None]]:
        """The texts around every content, which depend on the roles alone and are kept; then around the replies."""
        if not tools and all(m.keys() == {"role", "content"} and m["content"] for m in messages):
            shape = tuple(message["role"] for message in messages)
            if shape not in self._shapes and len(self._shapes) < _MAX_SHAPES:
                self._shapes[shape] = marked_render(self.template, messages, tools, range(len(messages)))
            yield range(len(messages)), self._shapes.get(shape)
        yield plain, marked_render(self.template, messages, tools, plain)

    def _aligned(self, index: int, slot: tuple[int, int, str], prompt: str | None) -> Turn | None:
        start, end, tail = slot
        if prompt is not None:
            if len(prompt) > start:
                return None
            start = len(prompt)
        return self._closed_by(index, start, end, tail)

    def _replaced(self, messages: Messages, tools: Tools, index: int, prompt: str | None, text: str) -> Turn | None:
        """A turn with tool calls, or one whose content the template takes apart: a plain reply takes its place.

        What comes before the turn and after it must be the same with either. The message after it is marked too:
        some templates write a tool's answer only behind a call, and then it would pass for part of the turn.
        """
        plain = {"role": messages[index]["role"], "content": ""}
        marked = [plain if i == index else message for i, message in enumerate(messages)]
        replaced = [index]
        if index + 1 < len(messages) and not messages[index + 1].get("tool_calls"):
            replaced.append(index + 1)
        texts = marked_render(self.template, marked, tools, replaced)
        if texts is None or prompt is None or not texts[0].startswith(prompt):
            return None
        next_content = messages[replaced[-1]]["content"] if len(replaced) > 1 else ""
        for said in trims(next_content):
            tail = said.join(texts[1:])
            end = len(text) - len(tail)
            if text.endswith(tail) and len(prompt) <= end:
                return self._closed_by(index, len(prompt), end, texts[1])
        return None

    def _continued(self, messages: Messages, tools: Tools, index: int, prompt: str | None, text: str) -> Turn | None:
        """Where calls end on another token than plain replies: the turn is what its message adds to the prompt."""
        upto = text if index == len(messages) - 1 else self.template.render(messages[: index + 1], tools)
        if prompt is None or not (text.startswith(upto) and upto.startswith(prompt)):
            return None
        close = self._close(text, len(prompt), len(upto))
        return Turn(index, ((len(prompt), close[1] if close else len(upto.rstrip())),), close)

    def _closed_by(self, index: int, start: int, end: int, tail: str) -> Turn:
        """The turn from `start` to the end of the special tokens that close it in the tail that follows `end`.

        That is the first one, and what the template always writes right behind it.
        """
        found = self.controls.search(tail)
        close = (end + found.start(), end + self._closed_at(tail, found)) if found else None
        return Turn(index, ((start, close[1] if close else end),), close)

    def _closed_at(self, tail: str, first: re.Match[str]) -> int:
        if self._closing is None:
            self._closing = closing(self._rendered, self.controls)
        is_whole = len(self._closing) > len(first.group()) and tail.startswith(self._closing, first.start())
        return first.start() + len(self._closing) if is_whole else first.end()

    def _rendered(self, messages: Messages) -> str | None:
        try:
            return self.template.render(messages)
        except RowRefused:
            return None

    def _close(self, text: str, start: int, end: int) -> Span | None:
        """The last special token that begins between `start` and `end`, if only white space comes after it there."""
        spans = [match.span() for match in self.controls.finditer(text, start) if match.start() < end]
        return spans[-1] if spans and not text[spans[-1][1] : end].strip() else None

    def _check_whole(self, said: str, messages: Messages, index: int, prompt: str | None) -> None:
        """Raise RowRefused unless content, reasoning and called functions are said, but for white space."""
        message = messages[index]
        if len(message) == 2 and message["content"] in said:  # a role and a content: most messages
            return
        missing = [(key, message[key]) for key in ("content", *_REASONING) if isinstance(message.get(key), str)]
        missing += [("call of", call["function"]["name"]) for call in message.get("tool_calls") or ()]
        missing = [(what, part) for what, part in missing if part not in said]
        if not missing:
            return
        said, opening = _dense(said), _dense((prompt or "")[-_OPENING:])
        for what, part in missing:
            if not (_dense(part) in said or _begins(_dense(part), opening, said)):
                raise self._refused(messages, index, f"drops or rewrites the {what} `{part[:40]}` of")

    def _refused(self, messages: Messages, index: int, does: str) -> RowRefused:
        return RowRefused(
            "template_mask",
            f"the {self.template.named} {does} message {index}, so what would be trained there is not what was said",
            self._way_out(messages, index, "data.template=chatml, or a file with one that writes it whole"),
        )

    def _way_out(self, messages: Messages, index: int, otherwise: str) -> str:
        later = any(message["role"] == "assistant" for message in messages[index + 1 :])
        return f"data.train_on=last, or {otherwise}" if later else otherwise


def _begins(part: str, opening: str, said: str) -> bool:
    """Whether the part begins with the end of the prompt, as `<think>` may, and goes on as the text does."""
    ends = (opening[i:] for i in range(len(opening)))
    return any(part.startswith(end) and said.startswith(part[len(end) :]) for end in ends)


def _dense(text: str) -> str:
    return "".join(text.split())

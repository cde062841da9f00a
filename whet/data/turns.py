"""Turns: which characters of a rendered conversation the assistant has to produce, proven from the template alone.

With generation tags the template says so. Without, the conversation is rendered a second time with
sentinels in place of its contents. The two renders must differ in nothing else, so the text around
the sentinels is the template's, and what stands in their place is the content. A turn begins where
the prompt ends that serving would render before it, and ends with the special token after it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whet.data.refusal import RowRefused
from whet.data.template import ChatTemplate, Messages

Tools = Sequence[Mapping[str, Any]]
Span = tuple[int, int]
_REASONING = ("reasoning_content", "thinking", "reasoning")
_MAX_SKELETONS = 512
_OPENING = 64  # characters at the end of a prompt in which a reply may begin


@dataclass(frozen=True, slots=True)
class Turn:
    """The characters that message `message` makes the assistant produce: one span, unless tags leave out a part.

    `is_closed` tells that they end with a special token, the one that ends the turn.
    """

    message: int
    spans: tuple[Span, ...]
    is_closed: bool

    @property
    def end(self) -> int:
        return self.spans[-1][1]


class Turns:
    """Finds the turns of conversations under one template. `controls` matches the special tokens."""

    def __init__(self, template: ChatTemplate, controls: re.Pattern[str], *, allow_mismatch: bool = False) -> None:
        self.template, self.controls, self.allow_mismatch = template, controls, allow_mismatch
        self._skeletons: dict[tuple[str, ...], list[str] | None] = {}

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
            if turn is None or not _carries(text[slice(*turn.spans[0])], messages[index], prompt):
                raise self._unproven(messages, index)
            turns.append(turn)
        return text, turns

    def contents(self, messages: Messages, tools: Tools, text: str) -> dict[int, tuple[int, int]]:
        """Where the content of each message stands in the rendered text; empty when the template rewrites them."""
        skeleton = self._skeleton(messages, tools, range(len(messages)))
        spans = align(skeleton, [m["content"] for m in messages], text) if skeleton else None
        return dict(enumerate(spans or ()))

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
            end = grouped[index][-1][1]
            start = grouped[index][0][0] if prompt is None else len(prompt)
            if not _carries(text[start:end], messages[index], prompt):
                raise self._unproven(messages, index)
            turns.append(Turn(index, tuple(grouped[index]), self._closes(text[start:end]) is not None))
        return text, turns

    def _grouped(
        self, messages: Messages, tools: Tools, prompts: Mapping[int, str | None], text: str, spans: list[Span]
    ) -> dict[int, list[Span]]:
        """The spans of each reply: one each, else those that lie behind its prompt and before the next reply's."""
        replies = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        if len(spans) == len(replies):
            return {index: [span] for index, span in zip(replies, spans, strict=True)}
        grouped: dict[int, list[Span]] = {index: [] for index in replies}
        ends = {i: prompts[i] if i in prompts else self._prompt(messages, tools, i, text) for i in replies}
        if None in ends.values():
            raise RowRefused(
                "template_mask",
                f"the {self.template.named} has {len(spans)} generation spans, and which "
                f"of the {len(replies)} replies they belong to is unknown",
            )
        for span in spans:
            grouped[max((i for i in replies if len(ends[i]) <= span[0]), default=replies[0])].append(span)
        return grouped

    def _prompt(self, messages: Messages, tools: Tools, index: int, text: str) -> str | None:
        """What serving would show before message `index`: the training text must begin with it."""
        prompt = self.template.render(messages[:index], tools, prompt=True)
        if text.startswith(prompt):
            return prompt
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
        for replaced, skeleton in self._candidates(messages, tools, plain):
            spans = align(skeleton, [messages[i]["content"] for i in replaced], text) if skeleton else None
            if spans:
                found = zip(replaced, spans, skeleton[1:], strict=True)
                return {i: (start, end, tail) for i, (start, end), tail in found}
        return {}

    def _candidates(self, messages: Messages, tools: Tools, plain: list[int]) -> Iterator[tuple[Sequence[int], Any]]:
        """With every content replaced, the render depends on the roles alone and is kept; then on the replies alone."""
        if not tools and all(m.keys() == {"role", "content"} and m["content"] for m in messages):
            shape = tuple(message["role"] for message in messages)
            if shape not in self._skeletons and len(self._skeletons) < _MAX_SKELETONS:
                self._skeletons[shape] = self._skeleton(messages, tools, range(len(messages)))
            yield range(len(messages)), self._skeletons.get(shape)
        yield plain, self._skeleton(messages, tools, plain)

    def _skeleton(self, messages: Messages, tools: Tools, replaced: Sequence[int]) -> list[str] | None:
        """The template's texts before, between and behind the contents replaced; None if it does not show each once."""
        sentinels = {index: _sentinel(index) for index in replaced}
        marked = [{**m, "content": sentinels[i]} if i in sentinels else m for i, m in enumerate(messages)]
        try:
            rest = self.template.render(marked, tools)
        except RowRefused:
            return None
        texts = []
        for sentinel in sentinels.values():
            before, found, rest = rest.partition(sentinel)
            if not found or _SENTINEL.search(before):
                return None
            texts.append(before)
        return None if _SENTINEL.search(rest) else [*texts, rest]

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
        skeleton = self._skeleton(marked, tools, replaced)
        if skeleton is None or prompt is None or not skeleton[0].startswith(prompt):
            return None
        for tail in _tails(skeleton[1:], [messages[i]["content"] for i in replaced[1:]]):
            end = len(text) - len(tail)
            if text.endswith(tail) and len(prompt) <= end:
                return self._closed_by(index, len(prompt), end, skeleton[1])
        return None

    def _continued(self, messages: Messages, tools: Tools, index: int, prompt: str | None, text: str) -> Turn | None:
        """Where calls end on another token than plain replies: the turn is what its message adds to the prompt."""
        upto = text if index == len(messages) - 1 else self.template.render(messages[: index + 1], tools)
        if prompt is None or not (text.startswith(upto) and upto.startswith(prompt)):
            return None
        close = self._closes(upto[len(prompt) :])
        end = len(prompt) + close if close is not None else len(upto.rstrip())
        return Turn(index, ((len(prompt), end),), close is not None)

    def _closed_by(self, index: int, start: int, end: int, tail: str) -> Turn:
        """The turn from `start` to the end of the first special token in the tail that follows `end`."""
        close = self.controls.search(tail)
        return Turn(index, ((start, end + close.end() if close else end),), close is not None)

    def _closes(self, said: str) -> int | None:
        """Where the special token ends that closes `said`, with nothing but white space behind it."""
        ends = [match.end() for match in self.controls.finditer(said)]
        return ends[-1] if ends and not said[ends[-1] :].strip() else None

    def _unproven(self, messages: Messages, index: int) -> RowRefused:
        return RowRefused(
            "template_mask",
            f"the {self.template.named} drops or rewrites part of message {index}, so what is trained in it is unknown",
            self._way_out(messages, index, "give a template that writes it whole with `data.template=FILE`"),
        )

    def _way_out(self, messages: Messages, index: int, otherwise: str) -> str:
        later = any(message["role"] == "assistant" for message in messages[index + 1 :])
        return f"data.train_on=last, or {otherwise}" if later else otherwise


def align(skeleton: Sequence[str], contents: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Where each content stands if the text is the skeleton's texts with the contents between them, else None.

    A content may have lost white space at its ends.
    """
    at, spans = 0, []
    if not text.startswith(skeleton[0]):
        return None
    at = len(skeleton[0])
    for content, after in zip(contents, skeleton[1:], strict=True):
        for said in _trims(content):
            end = at + len(said)
            if text.startswith(said, at) and text.startswith(after, end):
                break
        else:
            return None
        spans.append((at, end))
        at = end + len(after)
    return spans if at == len(text) else None


def _tails(texts: Sequence[str], contents: Sequence[str]) -> Iterator[str]:
    """The end of the render with one content, or none, between its texts."""
    if not contents:
        yield texts[0]
    else:
        for said in _trims(contents[0]):
            yield texts[0] + said + texts[1]


_SENTINEL = re.compile(r"QzSentinel\d+Qz")


def _sentinel(index: int) -> str:
    return f"QzSentinel{index}Qz"


def _trims(content: str) -> Iterator[str]:
    yield content
    yield content.strip()
    for ends in (None, "\n"):
        yield content.rstrip(ends)
        yield content.lstrip(ends)
    yield content.strip("\n")


def _carries(said: str, message: Mapping[str, Any], prompt: str | None) -> bool:
    """Whether content, reasoning and the names of called functions stand in the text, but for white space."""
    parts = [message["content"], *(message[key] for key in _REASONING if isinstance(message.get(key), str))]
    parts += [call["function"]["name"] for call in message.get("tool_calls") or ()]
    missing = [part for part in parts if part not in said]
    if not missing:
        return True
    said, opening = _dense(said), _dense((prompt or "")[-_OPENING:])
    return all(_dense(part) in said or _begins(_dense(part), opening, said) for part in missing)


def _begins(part: str, opening: str, said: str) -> bool:
    """Whether the part begins with the end of the prompt, as `<think>` may, and goes on as the text does."""
    ends = (opening[i:] for i in range(len(opening)))
    return any(part.startswith(end) and said.startswith(part[len(end) :]) for end in ends)


def _dense(text: str) -> str:
    return "".join(text.split())

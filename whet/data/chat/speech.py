"""Speech: how the conversations of one run become text: the template, what words messages for it, and the dialect."""

from __future__ import annotations

import keyword
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from whet.base.errors import ModelError, WhetError
from whet.data.chat import dialects
from whet.data.chat.assistant_mask import Tools, Turn, Turns
from whet.data.chat.dialects import PLAIN, Dialect
from whet.data.chat.template import ChatTemplate, Messages, chat_template
from whet.data.chat.template_wording import Wording
from whet.data.chat.thoughts import REASONING, without_thoughts
from whet.data.refusal import RowRefused

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Speech:
    """Conversations as text, the same in training, in rollouts and in what reads the written template.

    A conversation is written in the first dialect in which the mask's proof holds, of those that the template takes.
    """

    def __init__(
        self, template: ChatTemplate, controls: re.Pattern[str], wording: Wording, *,
        allow_mismatch: bool = False, allow_unseen: bool = False,
    ) -> None:  # fmt: skip
        self.bare, self.wording, self.controls = template, wording, controls
        self._mismatch, self._unseen = allow_mismatch, allow_unseen
        takes_system = not wording.as_text or _takes_system(template)
        text = wording.around(template.text, takes_system=takes_system)
        self.template = template
        if text != template.text:
            self.template = ChatTemplate(
                text, template.named, template.tokens, is_own=template.is_own, marks=template.marks
            )  # fmt: skip
        tokens = repr(sorted(template.tokens.items()))
        self._key = (self.template.text, tokens, controls, wording.as_text, allow_mismatch)
        self._turns: dict[Dialect, Turns] = {}
        self._taken: dict[tuple[bool, bool], tuple[Dialect, ...]] = {}
        self._shows: bool | None = None

    @property
    def is_worded(self) -> bool:
        """Whether something is put before the template."""
        return self.template is not self.bare

    def find(self, messages: Messages, tools: Tools, wanted: Sequence[int]) -> tuple[Turns, str, list[Turn]]:
        """The rendered conversation, the turns of the messages `wanted`, and what found them. Raises RowRefused."""
        if tools and not self._unseen and not self.shows_tools():
            raise self._without_tools("show the row's tools")
        first: RowRefused | None = None
        for dialect in self.taken(messages):
            turns = self._speaking(dialect)
            try:
                return turns, *turns.find(messages, tools, wanted)
            except RowRefused as refused:
                first = first or refused
        assert first is not None
        raise self._explained(first, messages)

    def prompt(self, messages: Messages, tools: Tools = ()) -> str:
        """What the model is to go on with: after the last message, or inside it if it is the assistant's.

        Raises ModelError where the template refuses the messages.
        """
        try:
            prepared = self.prepared(messages)
        except RowRefused as error:
            raise ModelError(error.refused.detail, hint=error.refused.hint) from None
        continues = bool(prepared) and prepared[-1].get("role") == "assistant"
        first: RowRefused | None = None
        for dialect in self.taken(prepared):
            template = self.template.speaking(dialect)
            try:
                return (
                    template.continued(prepared, tools) if continues else template.render(prepared, tools, prompt=True)
                )
            except RowRefused as refused:
                first = first or refused
        assert first is not None
        raise ModelError(first.refused.detail, hint=first.refused.hint)

    def whole(self, messages: Messages, tools: Tools = ()) -> str | None:
        """The messages as text, None where they cannot be rendered in any dialect."""
        try:
            prepared = self.prepared(messages)
        except RowRefused:
            return None
        for dialect in self.taken(prepared):
            try:
                return self.template.speaking(dialect).render(prepared, tools)
            except RowRefused:
                continue
        return None

    def prepared(self, messages: Messages) -> Messages:
        """The messages as the template is to see them, and checked for what their form of calls cannot say."""
        if self.wording.tools == "pythonic":
            _check_pythonic(messages)
        return without_thoughts(messages) if self.wording.thinking == "strip" else messages

    def taken(self, messages: Messages) -> tuple[Dialect, ...]:
        """The dialects to try for these messages, the likeliest first."""
        calls = reasons = False
        for message in messages:
            if len(message) > 2:
                calls = calls or bool(message.get("tool_calls")) or message["role"] == "tool"
                reasons = reasons or any(message.get(key) for key in REASONING)
        return self.dialects(calls=calls, reasoning=reasons)

    def dialects(self, *, calls: bool, reasoning: bool = False) -> tuple[Dialect, ...]:
        """Those in which the template writes conversations with calls or reasoning whole; the plain one if in none."""
        if (calls, reasoning) not in self._taken:
            self._taken[calls, reasoning] = self._tried(calls, reasoning) or (PLAIN,)
        return self._taken[calls, reasoning]

    def writes_calls(self) -> bool:
        """Whether the template writes calls and results, in some dialect, so that the mask can be proven."""
        if self.wording.as_text:
            return self._takes(self.dialects(calls=True)[0], calls=True, reasoning=False)
        return bool(self._tried(calls=True, reasoning=False))

    def shows_tools(self) -> bool:
        """Whether the template shows the tools that may be called."""
        if self._shows is None:
            text = self.whole(dialects.plain_probe(reasoning=False), [dialects.TOOL]) or ""
            self._shows = all(word in text for word in (dialects.NAME, dialects.KEY, dialects.DESCRIPTION))
        return self._shows

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_turns": {}}

    def _speaking(self, dialect: Dialect) -> Turns:
        if dialect not in self._turns:
            template = self.template if dialect == PLAIN else self.template.speaking(dialect)
            self._turns[dialect] = Turns(template, self.controls, allow_mismatch=self._mismatch)
        return self._turns[dialect]

    def _tried(self, calls: bool, reasoning: bool) -> tuple[Dialect, ...]:
        return _tried(_Trial((*self._key, calls, reasoning), self, calls and not self.wording.as_text, reasoning))

    def _takes(self, dialect: Dialect, *, calls: bool, reasoning: bool) -> bool:
        probe = dialects.calling_probe() if calls else dialects.plain_probe(reasoning=reasoning)
        wanted = [i for i, message in enumerate(probe) if message["role"] == "assistant"]
        turns_of, tools = self._speaking(dialect), [dialects.TOOL] if calls else ()
        try:
            if calls and not dialects.may_write(turns_of.template.render(probe, tools)):
                return False  # as most do, and found sooner than by the proof
            text, turns = turns_of.find(probe, tools, wanted)
        except RowRefused:
            return False
        if not calls:
            return True
        said = "".join(text[slice(*span)] for span in turns[0].spans)
        closed = all(turn.close is not None for turn in turns) or turns[-1].close is None
        return dialects.writes_call(said) and text.count(dialects.RESULT) == 1 and closed

    def _explained(self, refused: RowRefused, messages: Messages) -> RowRefused:
        """The refusal, with the way out where it is the template that has no words for what the row says."""
        has_calls = any(message.get("tool_calls") or message["role"] == "tool" for message in messages)
        if has_calls and not self.wording.as_text and not self.writes_calls():
            return self._without_tools("write calls of tools")
        found = refused.refused
        if messages[0]["role"] == "system" and self.wording.system == "keep" and not _takes_system(self.bare):
            hint = "data.system=fold puts the system message before the user's first"
            return RowRefused(found.reason, found.detail, hint)
        return refused

    def _without_tools(self, what: str) -> RowRefused:
        return RowRefused(
            "template_tools",
            f"the {self.bare.named} does not {what}",
            "data.tools=hermes writes tools, calls and results as text, or a template that writes them",
        )


@dataclass(frozen=True, slots=True)
class _Trial:
    """The dialects of a template are asked for: `key` is all that the answer depends on."""

    key: Hashable
    speech: Speech = field(compare=False)
    calls: bool = field(compare=False)
    reasoning: bool = field(compare=False)


@lru_cache(maxsize=64)
def _tried(trial: _Trial) -> tuple[Dialect, ...]:
    """A few that the template takes: rows may still hold what the first of them has no place for.

    Kept: a run asks several times, each time with a speech of its own, and one answer takes some 100 renders.
    """
    found: list[Dialect] = []
    for dialect in dialects.candidates(calls=trial.calls, reasoning=trial.reasoning):
        if trial.speech._takes(dialect, calls=trial.calls, reasoning=trial.reasoning):
            found.append(dialect)
            if len(found) == 3 or not trial.calls:
                break
    return tuple(found)


def speech_of(
    tokenizer: PreTrainedTokenizerBase, template: str | None = None, wording: Wording | None = None, *,
    with_tools: bool = False,
) -> Speech:  # fmt: skip
    """How a tokenizer's conversations are written. Raises ConfigError and ModelError as `chat_template` does."""
    from whet.data.chat.control_tokens import control_pattern

    found = chat_template(tokenizer, template, with_tools=with_tools)
    return Speech(found, control_pattern(tokenizer), wording or Wording())


def settled(wording: Wording, tokenizer: PreTrainedTokenizerBase, template: str | None) -> Wording:
    """The wording for conversations with tools, `auto` decided: the template's own way, or Hermes' where it has none.

    Raises as `chat_template` does.
    """
    if wording.tools != "auto":
        return wording
    own = speech_of(tokenizer, template, wording, with_tools=True)
    is_whole = own.writes_calls() and own.shows_tools()
    return replace(wording, tools="native" if is_whole else "hermes")


def _takes_system(template: ChatTemplate) -> bool:
    """Whether a system message comes out: some templates raise for it, some leave it out."""
    word = "qz system of probe"
    try:
        return word in template.render([{"role": "system", "content": word}, *dialects.plain_probe(reasoning=False)])
    except (RowRefused, WhetError):
        return False


def _check_pythonic(messages: Messages) -> None:
    """Raise RowRefused for a call that has no form in Python's syntax."""
    for number, message in enumerate(messages):
        for call in message.get("tool_calls") or ():
            function = call["function"]
            names = [*function["name"].split("."), *function["arguments"]]
            wrong = [name for name in names if not name.isidentifier() or keyword.iskeyword(name)]
            if wrong:
                raise RowRefused(
                    "bad_row",
                    f"the call in message {number} has the name `{wrong[0]}`, which Python's syntax cannot hold",
                    "data.tools=hermes",
                )

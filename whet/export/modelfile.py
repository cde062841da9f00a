"""Ollama's Modelfile: where the weights are, how turns are written, where an answer ends, how tokens are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whet.base.errors import ModelError
from whet.data.chat.template import chat_template
from whet.data.refusal import RowRefused
from whet.generate.prompts import opening_ids, stop_ids
from whet.generate.protocol import recommended
from whet.generate.serving.caches import context_length

_NAMES = {"repetition_penalty": "repeat_penalty"}
# Contents that no template holds; without blanks around them, since some templates strip those.
_SYSTEM, _FIRST, _REPLY, _SECOND = "qzx-system", "qzx-first", "qzx-reply", "qzx-second"


def modelfile(module: Any, tokenizer: Any, file: str, system: str | None = None) -> str:
    """The text of the Modelfile for the GGUF file `file` beside it.

    Where the chat template is no plain sequence of turns, TEMPLATE is left to Ollama, which knows many models' by the
    template inside the file.
    """
    lines = [f"FROM ./{file}"]
    turns = turns_of(tokenizer)
    if turns is not None:
        lines.append(f'TEMPLATE """{turns.go()}"""')
    elif getattr(tokenizer, "chat_template", None):
        lines.append("# The chat template is more than turns in a row: Ollama goes by the one inside the file.")
    if system:
        lines.append(f'SYSTEM """{system}"""')
    for token in sorted(stop_ids(module, tokenizer)):
        lines.append(f'PARAMETER stop "{tokenizer.convert_ids_to_tokens(token)}"')
    context = context_length(module)
    if context is not None:
        lines.append(f"PARAMETER num_ctx {context}")
    for name, value in recommended(getattr(module, "generation_config", None)).items():
        lines.append(f"PARAMETER {_NAMES.get(name, name)} {value}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Turns:
    """A chat template as what stands before and after each role's content, and what asks for an answer.

    `begin` stands before the first turn, unless that is a system message, which has it in its own. A role that is
    missing is left out.
    """

    begin: str
    around: Mapping[str, tuple[str, str]]
    asks: str

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """What Ollama makes of the messages with `go`."""
        parts = [] if messages[0]["role"] == "system" else [self.begin]
        for message in messages:
            before, after = self.around[message["role"]]
            parts += [before, message["content"], after]
        return "".join([*parts, self.asks])

    def go(self) -> str:
        """The template in Go's language, as Ollama reads it."""
        roles = []
        for role, (before, after) in self.around.items():
            end = "{{ if not $last }}" + after + "{{ end }}" if role == "assistant" else after
            roles.append(f'if eq $message.Role "{role}" }}}}{before}{{{{ $message.Content }}}}{end}')
        is_first = 'and (eq $i 0) (ne $message.Role "system")' if "system" in self.around else "eq $i 0"
        first = f"{{{{ if {is_first} }}}}{self.begin}{{{{ end }}}}" if self.begin else ""
        return (
            "{{ range $i, $message := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
            + first
            + "{{ "
            + "{{ else ".join(roles)
            + '{{ end }}{{ if and $last (ne $message.Role "assistant") }}'
            + self.asks
            + "{{ end }}{{ end }}"
        )


def turns_of(tokenizer: Any) -> Turns | None:
    """The chat template taken apart; None where putting it together again does not give what the template gives."""
    talk = [_said("user", _FIRST), _said("assistant", _REPLY), _said("user", _SECOND)]
    led = [_said("system", _SYSTEM), *talk]
    whole = _rendered(tokenizer, talk)
    pieces = _split(whole, (_FIRST, _REPLY, _SECOND))
    if pieces is None:
        return None
    start, answer, again, asks = pieces
    before_user = _common_end(start, again)
    after_reply = again.removesuffix(before_user)
    after_user = _common_start(answer, asks, after_reply)
    around = {
        "user": (before_user, after_user),
        "assistant": (answer.removeprefix(after_user), after_reply),
    }
    begin = start.removesuffix(before_user)
    with_system = _rendered(tokenizer, led)
    opened = _split(with_system, (_SYSTEM, _FIRST, _REPLY, _SECOND))
    is_heard = with_system is not None and with_system != whole  # some templates leave a system message out
    if is_heard and (opened is None or not opened[1].endswith(before_user)):
        return None
    if opened is not None:
        around = {"system": (opened[0], opened[1].removesuffix(before_user)), **around}
    turns = Turns(begin, around, asks.removeprefix(after_user))
    thought = [talk[0], _said("assistant", f"<think>\n{_SECOND}\n</think>\n\n{_REPLY}"), talk[2]]
    tried = [(one, _rendered(tokenizer, one)) for one in (talk, talk[:1], thought)]
    tried += [(led, with_system), (led[:2], _rendered(tokenizer, led[:2]))] if opened is not None else []
    if any(turns.render(messages) != text for messages, text in tried) or any(m in turns.go() for m in ('"""', _REPLY)):
        return None
    return turns


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _rendered(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> str | None:
    """Rendered for an answer, without the begin token that llama.cpp puts first itself; None if it is refused."""
    if not getattr(tokenizer, "chat_template", None):
        return None
    try:
        text = chat_template(tokenizer).render(messages, prompt=True)
    except (RowRefused, ModelError):  # a template refuses roles as it likes
        return None
    return text.removeprefix(tokenizer.bos_token) if opening_ids(tokenizer) else text


def _split(text: str | None, marks: Sequence[str]) -> list[str] | None:
    """What stands around the marks, each of which must stand once and in this order."""
    if text is None:
        return None
    parts = []
    for mark in marks:
        before, found, text = text.partition(mark)
        if not found or mark in text:
            return None
        parts.append(before)
    return [*parts, text]


def _common_end(one: str, other: str) -> str:
    return _common_start(one[::-1], other[::-1])[::-1]


def _common_start(*texts: str) -> str:
    import os

    return os.path.commonprefix(list(texts))

"""Chat templates: the tokenizer's own, one by name, or one from a file, rendered as transformers does."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError, ModelError
from whet.base.facts import TemplateFacts
from whet.data.chat.dialects import PLAIN, Dialect
from whet.data.refusal import RowRefused

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Messages = Sequence[Mapping[str, Any]]
_TAG = re.compile(r"\{%-?\s*generation\s*-?%\}")
_CONTINUED = "QzContinuedHereQz"


class ChatTemplate:
    """One template with the tokenizer's special tokens filled in. Keeps only values, so it pickles.

    `named` is what messages call it. `is_own` tells that it came with the tokenizer. `is_tagged` tells that
    generation tags mark what is trained. `marks` are the tokens that it needs, None where that has to be found out.
    Messages are handed to it in `dialect`. Raises ModelError for what is no
    template, also while rendering: one that takes too long or writes too much.
    """

    def __init__(
        self, text: str, named: str, tokens: Mapping[str, Any], *,
        is_own: bool = False, marks: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        self.marks = marks
        self.text, self.named, self.tokens, self.is_own = text, named, dict(tokens), is_own
        self.is_tagged = _TAG.search(text) is not None
        self.dialect = PLAIN
        _check_syntax(text, named)

    def speaking(self, dialect: Dialect) -> ChatTemplate:
        """The same template, messages handed to it in another dialect."""
        other = copy.copy(self)
        other.dialect = dialect
        return other

    def render(self, messages: Messages, tools: Sequence[Mapping[str, Any]] = (), *, prompt: bool = False) -> str:
        """The conversation as text, with `prompt` up to where the model is to go on. Raises RowRefused."""
        return self._render(messages, tools, {"add_generation_prompt": prompt})[0]

    def render_tagged(self, messages: Messages, tools: Sequence[Mapping[str, Any]] = ()) -> tuple[str, list]:
        """The conversation as text and the (start, end) characters of its generation tags. Raises RowRefused."""
        return self._render(messages, tools, {"add_generation_prompt": False})

    def prompts(self, messages: Messages, tools: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
        """What serving would show before the next reply: by default, then with thinking switched on."""
        yield self.render(messages, tools, prompt=True)
        if "enable_thinking" in self.text:
            yield self._render(messages, tools, {"add_generation_prompt": True, "enable_thinking": True})[0]

    def continued(self, messages: Messages, tools: Sequence[Mapping[str, Any]] = ()) -> str:
        """The conversation up to the end of its last message, which the model is to go on with. Raises RowRefused."""
        last = messages[-1]
        marked = {**last, "content": (last.get("content") or "") + _CONTINUED}
        before, found, after = self.render([*messages[:-1], marked], tools).rpartition(_CONTINUED)
        if not found:
            raise RowRefused(
                "template_error",
                f"the {self.named} does not write the last message as it is, so it cannot be continued",
                "let the last message be the user's",
            )
        return before

    def _render(self, messages: Messages, tools: Sequence[Mapping[str, Any]], mode: Mapping[str, Any]) -> tuple:
        from whet.data.chat.jinja import TooMuch, compiled, render

        given = messages if self.dialect == PLAIN else self.dialect.adapt(messages)
        try:
            text, spans = render(compiled(self.text), given, tools, {**self.tokens, **mode})
            if not text.isascii():
                text.encode()
            return text, spans
        except UnicodeEncodeError as error:
            detail = f"the text holds half a surrogate pair: {ascii(error.object[error.start : error.start + 8])}"
            raise RowRefused("bad_row", detail, "write the file in UTF-8") from None
        except TooMuch as error:
            raise ModelError(
                f"the {self.named} is no chat template: {error.message}",
                at="data.template",
                hint="a template by name, data.template=chatml, or another file",
            ) from None
        except Exception as error:  # a template raises what it likes: jinja2's errors, but also TypeError and KeyError
            detail = f"the {self.named} cannot render the row: {type(error).__name__}: {error}"
            raise RowRefused("template_error", detail, "check the roles and their order") from None


def chat_template(
    tokenizer: PreTrainedTokenizerBase, given: str | None = None, *, with_tools: bool = False
) -> ChatTemplate:
    """The template to render with: `given` (a name, a file, or Jinja text), else the tokenizer's own.

    Some tokenizers hold a second template for conversations with tools. Raises ConfigError, and ModelError for a
    tokenizer without a template where none is given.
    """
    tokens = tokenizer.special_tokens_map
    if given is not None:
        text, named, facts = _read(given)
        if facts is not None and facts.needs_end and not tokenizer.eos_token:
            raise ModelError(
                f"the {named} ends turns with the end-of-text token, and {tokenizer_name(tokenizer)} has none",
                at="data.template",
                hint="a tokenizer with an eos_token, or data.template=chatml",
            )
        return ChatTemplate(text, named, tokens, marks=None if facts is None else facts.marks)
    if not tokenizer.chat_template:
        raise without_template(tokenizer)
    named = f"chat template of {tokenizer_name(tokenizer)}"
    try:
        text = tokenizer.get_chat_template(tools=[{}] if with_tools else None)
    except ValueError as error:
        raise ModelError(f"the {named} is unclear: {error}", hint="data.template=chatml, or a file with one") from None
    return ChatTemplate(text, named, tokens, is_own=True)


def without_template(tokenizer: PreTrainedTokenizerBase) -> ModelError:
    """The error for conversations with a tokenizer that has no template, with those by name that fit it."""
    fitting = fitting_templates(tokenizer)
    return ModelError(
        f"{tokenizer_name(tokenizer)} has no chat template, as base models have none, and the rows are conversations",
        at="data.template",
        hint=" or ".join(f"data.template={name}" for name in fitting)
        + " (what its marks allow; `whet slots template` lists all)",
    )


def fitting_templates(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Names of templates that write no mark which the tokenizer lacks: of its own family first, `plain` last."""
    from whet.base.catalogue import template

    known = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens}
    families = {name: template.get(name).facts.marks for name in template.names()}
    fitting = [name for name, marks in families.items() if marks and set(marks) <= known]
    fitting.sort(key=lambda name: (name not in ("chatml", "llama3", "gemma"), -len(families[name])))
    ending = "plain" if tokenizer.eos_token else "chatml"
    return [*[name for name in fitting if name != ending][:2], ending]


def tokenizer_name(tokenizer: PreTrainedTokenizerBase) -> str:
    """What to call a tokenizer in a message."""
    return f"the tokenizer {tokenizer.name_or_path}" if tokenizer.name_or_path else "the tokenizer"


def _read(given: str) -> tuple[str, str, TemplateFacts | None]:
    """The text of a template, what to call it, and what one by name declares."""
    from whet.base.catalogue import template
    from whet.base.paths import user_path
    from whet.base.regular import opened

    if "{{" in given or "{%" in given:
        return given, "given template", None
    if given in template.names():
        kind = template.get(given)
        return kind.build(), f"template `{given}`", kind.facts
    path = user_path(given, at="data.template")
    try:
        with opened(path, encoding="utf-8") as file:
            return file.read(), f"template {given}", None
    except FileNotFoundError:
        raise _unknown(given) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(
            f"the template file {given} cannot be read: {reason}", at="data.template", hint="give a Jinja file"
        ) from None


def _unknown(given: str) -> ConfigError:
    import difflib

    from whet.base.catalogue import template

    names = template.names()
    near = difflib.get_close_matches(given.lower(), names, n=2, cutoff=0.5)
    choice = " or ".join(f"data.template={name}" for name in near)
    hint = f"did you mean {choice}?" if near else f"a Jinja file, or one of: {', '.join(names)}"
    return ConfigError(f"`{given}` is neither a file nor the name of a chat template", at="data.template", hint=hint)


def _check_syntax(text: str, named: str) -> None:
    from jinja2 import TemplateSyntaxError

    from whet.data.chat.jinja import TooMuch, compiled

    hint = "a template by name, such as data.template=chatml"
    try:
        compiled(text)
    except TemplateSyntaxError as error:
        raise ModelError(
            f"the {named} is not valid Jinja: {error.message}", at=f"line {error.lineno}", hint=hint
        ) from None
    except TooMuch as error:
        raise ModelError(f"the {named} is no chat template: {error.message}", hint=hint) from None

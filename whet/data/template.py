"""Chat templates: the tokenizer's own, one from a file, or our default, rendered as transformers does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError, ModelError
from whet.data.refusal import RowRefused

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Messages = Sequence[Mapping[str, Any]]

# For base models without a template. It needs no new tokens: headings are plain text, and the tokenizer's eos ends a
# turn. What the model writes, and so what is trained, is the reply and that eos.
DEFAULT_TEMPLATE = """\
{{- bos_token if bos_token else '' }}
{%- if tools %}
    {{- '### Tools:\\n' }}
    {%- for tool in tools %}
        {{- (tool.function if tool.function else tool) | tojson + '\\n' }}
    {%- endfor %}
    {{- '\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '### ' + message.role | capitalize + ':\\n' }}
    {%- if message.role == 'assistant' %}
        {%- generation %}
        {{- message.content }}
        {%- for call in message.tool_calls or [] %}
            {{- '\\n' if message.content or not loop.first else '' }}
            {{- {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
        {%- endfor %}
        {{- eos_token }}
        {%- endgeneration %}
    {%- else %}
        {{- message.content }}
    {%- endif %}
    {{- '\\n\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Assistant:\\n' }}
{%- endif %}
"""

_TAG = re.compile(r"\{%-?\s*generation\s*-?%\}")


class ChatTemplate:
    """One template with the tokenizer's special tokens filled in. Keeps only strings, so it pickles.

    `named` is what messages call it. `is_own` tells that it came with the tokenizer. `is_tagged` tells that
    generation tags mark what is trained.
    """

    def __init__(self, text: str, named: str, tokens: Mapping[str, Any], *, is_own: bool = False) -> None:
        self.text, self.named, self.tokens, self.is_own = text, named, dict(tokens), is_own
        self.is_tagged = _TAG.search(text) is not None
        _check_syntax(text, named)

    def render(self, messages: Messages, tools: Sequence[Mapping[str, Any]] = (), *, prompt: bool = False) -> str:
        """The conversation as text, with `prompt` up to where the model is to go on. Raises RowRefused."""
        return self._render(messages, tools, add_generation_prompt=prompt)[0][0]

    def render_tagged(self, messages: Messages, tools: Sequence[Mapping[str, Any]] = ()) -> tuple[str, list]:
        """The conversation as text and the (start, end) characters of its generation tags. Raises RowRefused."""
        texts, spans = self._render(messages, tools, return_assistant_tokens_mask=True)
        return texts[0], spans[0]

    def _render(self, messages: Messages, tools: Sequence[Mapping[str, Any]], **mode: bool) -> tuple[list, list]:
        # The function under `apply_chat_template`: the same environment as serving, compiled once a template.
        from transformers.utils.chat_template_utils import render_jinja_template

        try:
            return render_jinja_template(
                [messages], tools=list(tools) or None, chat_template=self.text, **mode, **self.tokens
            )
        except Exception as error:  # a template raises what it likes: jinja2's errors, but also TypeError and KeyError
            detail = f"the {self.named} cannot render the row: {type(error).__name__}: {error}"
            raise RowRefused("template_error", detail, "check the roles and their order") from None


def chat_template(
    tokenizer: PreTrainedTokenizerBase, given: str | None = None, *, with_tools: bool = False
) -> ChatTemplate:
    """The template to render with: `given` (a file, or Jinja text), else the tokenizer's own, else our default.

    Some tokenizers hold a second template for conversations with tools. Raises ConfigError and ModelError.
    """
    tokens = tokenizer.special_tokens_map
    if given is not None:
        return ChatTemplate(*_read(given), tokens)
    if tokenizer.chat_template:
        named = f"chat template of {tokenizer_name(tokenizer)}"
        try:
            text = tokenizer.get_chat_template(tools=[{}] if with_tools else None)
        except ValueError as error:
            raise ModelError(f"the {named} is unclear: {error}", hint="give one with `data.template=FILE`") from None
        return ChatTemplate(text, named, tokens, is_own=True)
    if not tokenizer.eos_token:
        raise ModelError(
            f"{tokenizer_name(tokenizer)} has neither a chat template nor an end-of-text token to end a turn with",
            hint="set the tokenizer's eos_token, or give a template with `data.template=FILE`",
        )
    return ChatTemplate(DEFAULT_TEMPLATE, "default template of whet", tokens)


def tokenizer_name(tokenizer: PreTrainedTokenizerBase) -> str:
    """What to call a tokenizer in a message."""
    return f"the tokenizer {tokenizer.name_or_path}" if tokenizer.name_or_path else "the tokenizer"


def _read(given: str) -> tuple[str, str]:
    if "{{" in given or "{%" in given:
        return given, "given template"
    try:
        return Path(given).expanduser().read_text(encoding="utf-8"), f"template {given}"
    except OSError as error:
        raise ConfigError(
            f"the template file {given} cannot be read: {error.strerror}", at="data.template", hint="give a Jinja file"
        ) from None


def _check_syntax(text: str, named: str) -> None:
    from jinja2 import TemplateSyntaxError
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        render_jinja_template([], chat_template=text)  # compiles, renders nothing
    except TemplateSyntaxError as error:
        raise ModelError(f"the {named} is not valid Jinja: {error.message}", at=f"line {error.lineno}") from None

"""Wording: what is put before a chat template, so that tools, system messages and thoughts come out as asked.

It is Jinja that makes other messages of those given, for the template behind it to write. So whatever reads the written
model's template, such as a server, words conversations as training did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tools = Literal["auto", "native", "hermes", "json", "pythonic"]
Thinking = Literal["keep", "ignore_empty", "ignore", "strip"]
System = Literal["keep", "fold"]

TOOLS: tuple[Tools, ...] = ("auto", "native", "hermes", "json", "pythonic")
THINKING: tuple[Thinking, ...] = ("keep", "ignore_empty", "ignore", "strip")
SYSTEM: tuple[System, ...] = ("keep", "fold")


@dataclass(frozen=True, slots=True)
class Wording:
    """How conversations are worded, beyond the template (`data.tools`, `data.thinking`, `data.system`)."""

    tools: Tools = "auto"
    thinking: Thinking = "keep"
    system: System = "keep"

    @property
    def as_text(self) -> bool:
        """Whether tools, calls and results are written as text of ordinary turns."""
        return self.tools in _FORMS

    def around(self, template: str, *, takes_system: bool) -> str:
        """The template with what words messages for it; the template itself where there is nothing to do."""
        parts = []
        if self.thinking == "strip" and "enable_thinking" in template:
            parts.append("{%- if enable_thinking is not defined %}{%- set enable_thinking = false %}{%- endif %}")
        if self.as_text:
            parts.append(_TOOLS.replace("{FORM}", _FORMS[self.tools].strip("\n")))
        if self.system == "fold" or (self.as_text and not takes_system):
            parts.append(_FOLD.strip("\n"))
        return "".join(part if part.endswith("\n") else part + "\n" for part in parts) + template


# What each form defines: the text that shows the tools, of a call, of a result; `call_end` closes all calls of a turn.
_FORMS = {
    "hermes": r"""
{%- set whet_head = '# Tools\n\nYou may call one or more of these functions to help the user:\n<tools>' %}
{%- set whet_foot = '\n</tools>\n\nTo call a function, answer with a JSON object with its name and arguments inside of <tool_call></tool_call>:\n<tool_call>\n{"name": <function-name>, "arguments": <arguments-object>}\n</tool_call>\nThe result comes inside of <tool_response></tool_response>.' %}
{%- set whet_call = '<tool_call>\n' %}
{%- set whet_called = '\n</tool_call>' %}
{%- set whet_result = '<tool_response>\n' %}
{%- set whet_given = '\n</tool_response>' %}
""",  # noqa: E501
    "json": r"""
{%- set whet_head = 'You can call these functions:' %}
{%- set whet_foot = '\n\nTo call a function, answer with only a JSON object with its name and arguments, one on a line for each call: {"name": <function-name>, "arguments": <arguments-object>}' %}
{%- set whet_call = '' %}
{%- set whet_called = '' %}
{%- set whet_result = 'Result: ' %}
{%- set whet_given = '' %}
""",  # noqa: E501
    "pythonic": r"""
{%- set whet_head = 'You can call these functions:' %}
{%- set whet_foot = '\n\nTo call functions, answer with only a list of calls in the syntax of Python: [name(argument=value), name(argument=value)]' %}
{%- set whet_call = none %}
{%- set whet_called = '' %}
{%- set whet_result = 'Result: ' %}
{%- set whet_given = '' %}
""",  # noqa: E501
}  # fmt: skip

# Tools go behind the system message, calls into the assistant's text, results into a turn of the user.
_TOOLS = r"""{FORM}
{%- set whet = namespace(messages=[], said='', results='', shown='', sep='') %}
{%- if tools %}
    {%- set whet.shown = whet_head %}
    {%- for tool in tools %}
        {%- set whet.shown = whet.shown ~ '\n' ~ ((tool.function if tool.function is defined else tool) | tojson) %}
    {%- endfor %}
    {%- set whet.shown = whet.shown ~ whet_foot %}
    {%- if messages and messages[0].role == 'system' %}
        {%- set whet.shown = messages[0].content ~ '\n\n' ~ whet.shown %}
    {%- endif %}
    {%- set whet.messages = [{'role': 'system', 'content': whet.shown}] %}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'system' and loop.first and whet.shown %}
    {%- elif message.role == 'assistant' and message.tool_calls %}
        {%- set whet.said = message.content or '' %}
        {%- set whet.sep = '\n' if whet.said else '' %}
        {%- if whet_call is none %}
            {%- set whet.said = whet.said ~ whet.sep ~ '[' %}
            {%- for one in message.tool_calls %}
                {%- set call = one.function if one.function is defined else one %}
                {%- set whet.said = whet.said ~ (', ' if not loop.first else '') ~ call.name ~ '(' %}
                {%- for key, value in call.arguments.items() %}
                    {%- set whet.said = whet.said ~ (', ' if not loop.first else '') ~ key ~ '=' ~ (value | tojson if value is string else value | string) %}
                {%- endfor %}
                {%- set whet.said = whet.said ~ ')' %}
            {%- endfor %}
            {%- set whet.said = whet.said ~ ']' %}
        {%- else %}
            {%- for one in message.tool_calls %}
                {%- set call = one.function if one.function is defined else one %}
                {%- set whet.said = whet.said ~ whet.sep ~ whet_call ~ '{"name": ' ~ (call.name | tojson) ~ ', "arguments": ' ~ (call.arguments if call.arguments is string else call.arguments | tojson) ~ '}' ~ whet_called %}
                {%- set whet.sep = '\n' %}
            {%- endfor %}
        {%- endif %}
        {%- if message.reasoning_content %}
            {%- set whet.messages = whet.messages + [{'role': 'assistant', 'content': whet.said, 'reasoning_content': message.reasoning_content}] %}
        {%- else %}
            {%- set whet.messages = whet.messages + [{'role': 'assistant', 'content': whet.said}] %}
        {%- endif %}
    {%- elif message.role == 'tool' %}
        {%- set whet.results = whet.results ~ ('\n' if whet.results else '') ~ whet_result ~ (message.content if message.content is string else message.content | tojson) ~ whet_given %}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
            {%- set whet.messages = whet.messages + [{'role': 'user', 'content': whet.results}] %}
            {%- set whet.results = '' %}
        {%- endif %}
    {%- else %}
        {%- set whet.messages = whet.messages + [message] %}
    {%- endif %}
{%- endfor %}
{%- set messages = whet.messages %}
{%- set tools = none %}
"""  # noqa: E501

# A system message becomes the beginning of the first user's turn.
_FOLD = r"""
{%- if messages and messages[0].role == 'system' %}
    {%- set whet_folded = namespace(messages=[], text=messages[0].content ~ '\n\n') %}
    {%- for message in messages %}
        {%- if message.role == 'user' and whet_folded.text %}
            {%- set whet_folded.messages = whet_folded.messages + [{'role': 'user', 'content': whet_folded.text ~ message.content}] %}
            {%- set whet_folded.text = '' %}
        {%- elif not (message.role == 'system' and loop.first) %}
            {%- set whet_folded.messages = whet_folded.messages + [message] %}
        {%- endif %}
    {%- endfor %}
    {%- set messages = whet_folded.messages %}
{%- endif %}
"""  # noqa: E501

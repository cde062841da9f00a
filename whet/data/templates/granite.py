"""Granite 3."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- if tools %}
    {{- '<|start_of_role|>available_tools<|end_of_role|>\n' }}
    {%- for tool in tools %}
        {{- tool | tojson(indent=4) + ('' if loop.last else '\n\n') }}
    {%- endfor %}
    {{- '<|end_of_text|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'assistant' and message.tool_calls %}
        {{- '<|start_of_role|>assistant<|end_of_role|>' + message.content + '<|tool_call|>[' }}
        {%- for call in message.tool_calls %}
            {{- {'name': call.function.name, 'arguments': call.function.arguments} | tojson + ('' if loop.last else ', ') }}
        {%- endfor %}
        {{- ']<|end_of_text|>\n' }}
    {%- else %}
        {{- '<|start_of_role|>' + ('tool_response' if message.role == 'tool' else message.role) + '<|end_of_role|>' }}
        {{- message.content + '<|end_of_text|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_of_role|>assistant<|end_of_role|>' }}
{%- endif %}
"""  # noqa: E501 - lines of the template


@template("granite", marks=("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"))
def granite() -> str:
    """Granite 3.0: roles between tokens, tools in a turn of their own."""
    return TEMPLATE

"""A template for models that have none."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token if bos_token else '' }}
{%- if tools %}
    {{- '### Tools:\n' }}
    {%- for tool in tools %}
        {{- (tool.function if tool.function else tool) | tojson + '\n' }}
    {%- endfor %}
    {{- '\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '### ' + message.role | capitalize + ':\n' }}
    {%- if message.role == 'assistant' %}
        {%- generation %}
        {{- message.content }}
        {%- for call in message.tool_calls or [] %}
            {{- '\n' if message.content or not loop.first else '' }}
            {{- {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
        {%- endfor %}
        {{- eos_token }}
        {%- endgeneration %}
    {%- else %}
        {{- message.content }}
    {%- endif %}
    {{- '\n\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Assistant:\n' }}
{%- endif %}
"""


@template("plain", needs_end=True)
def plain() -> str:
    """Headings of plain text, for base models: no new token is needed, the tokenizer's end token ends a turn."""
    return TEMPLATE

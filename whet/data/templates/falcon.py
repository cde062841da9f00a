"""Falcon."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- if messages[0].role == 'system' %}
    {{- messages[0].content + '\n\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- 'User: ' + message.content + '\n\n' }}
    {%- elif message.role == 'assistant' %}
        {{- 'Assistant: ' + message.content + eos_token + '\n\n' }}
    {%- elif not (loop.first and message.role == 'system') %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'Assistant:' }}
{%- endif %}
"""


@template("falcon", needs_end=True)
def falcon() -> str:
    """Falcon Instruct: User and Assistant as plain text; the end token, which the published one lacks, ends replies."""
    return TEMPLATE

"""Tülu."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|assistant|>\n' + message.content + (eos_token if loop.last else eos_token + '\n') }}
    {%- else %}
        {{- '<|' + message.role + '|>\n' + message.content + '\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>\n' }}
{%- endif %}
"""


@template("tulu", needs_end=True)
def tulu() -> str:
    """Tülu 2 and 3: roles as plain text, the end token behind replies."""
    return TEMPLATE

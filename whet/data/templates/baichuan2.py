"""Baichuan 2."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {%- if message.role == 'system' %}
        {{- message.content }}
    {%- elif message.role == 'user' %}
        {{- '<reserved_106>' + message.content }}
    {%- elif message.role == 'assistant' %}
        {{- '<reserved_107>' + message.content + eos_token }}
    {%- else %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<reserved_107>' }}
{%- endif %}
"""


@template("baichuan2", marks=("<reserved_106>", "<reserved_107>"), needs_end=True)
def baichuan2() -> str:
    """Baichuan 2 chat: reserved tokens before each turn; no end but the next turn's, so the end token is written."""
    return TEMPLATE

"""Mistral, seventh version."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == 'system' %}
        {{- '[SYSTEM_PROMPT] ' + message.content + '[/SYSTEM_PROMPT]' }}
    {%- elif message.role == 'user' %}
        {{- '[INST] ' + message.content + '[/INST]' }}
    {%- elif message.role == 'assistant' %}
        {{- ' ' + message.content + eos_token }}
    {%- else %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
"""


@template("mistral-v7", marks=("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"), needs_end=True)
def mistral_v7() -> str:
    """Mistral Large 2411 (v7): a turn of its own for the system message."""
    return TEMPLATE

"""Orion."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token if bos_token else '' }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- 'Human: ' + message.content + '\n\nAssistant: ' + eos_token }}
    {%- elif message.role == 'assistant' %}
        {{- message.content + eos_token }}
    {%- else %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
"""


@template("orion", needs_end=True)
def orion() -> str:
    """Orion 14B chat."""
    return TEMPLATE

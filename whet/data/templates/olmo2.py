"""OLMo 2."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
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


@template("olmo2", needs_end=True)
def olmo2() -> str:
    """OLMo 2 Instruct: Tülu's turns behind the begin token."""
    return TEMPLATE

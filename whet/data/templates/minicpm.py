"""MiniCPM."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token if bos_token else '' }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- '<用户>' + message.content | trim + '<AI>' }}
    {%- elif message.role == 'assistant' %}
        {{- message.content | trim + eos_token }}
    {%- else %}
        {{- message.content | trim }}
    {%- endif %}
{%- endfor %}
"""


@template("minicpm", needs_end=True)
def minicpm() -> str:
    """MiniCPM 1 and 2: marks before question and reply; the end token, which the published one lacks, ends it."""
    return TEMPLATE

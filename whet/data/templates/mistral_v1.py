"""Mistral, first version."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content + '\n\n' %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set system = '' %}
    {%- set turns = messages %}
{%- endif %}
{%- for message in turns %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('after the system message, user and assistant take turns') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- ' [INST] ' + (system if loop.first else '') + message.content + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message.content + eos_token }}
    {%- endif %}
{%- endfor %}
"""


@template("mistral-v1", needs_end=True)
def mistral_v1() -> str:
    """Mistral 7B Instruct 0.1 and 0.2, Mixtral 8x7B: `[INST]` and `[/INST]` as plain text."""
    return TEMPLATE

"""Gemma 1 and 2."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('after the system message, user and assistant take turns') }}
    {%- endif %}
    {{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\n' }}
    {{- message.content | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<start_of_turn>model\n' }}
{%- endif %}
"""


@template("gemma", marks=("<start_of_turn>", "<end_of_turn>"))
def gemma() -> str:
    """Gemma 1 and 2: no system message (`data.system: fold` puts it into the first turn)."""
    return TEMPLATE

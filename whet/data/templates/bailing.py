"""Ling."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- '<role>' + ('HUMAN' if message.role == 'user' else message.role | upper) + '</role>' + message.content }}
    {{- eos_token if message.role == 'assistant' else '' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<role>ASSISTANT</role>' }}
{%- endif %}
"""


@template("bailing", marks=("<role>", "</role>"), needs_end=True)
def bailing() -> str:
    """Ling and Ring (Bailing MoE); the end token, which the published one lacks, ends replies."""
    return TEMPLATE

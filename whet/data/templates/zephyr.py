"""Zephyr."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- '<|' + message.role + '|>\n' + message.content + eos_token + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>\n' }}
{%- endif %}
"""


@template("zephyr", needs_end=True)
def zephyr() -> str:
    """Zephyr, TinyLlama chat, StableLM 2: roles as plain text, the end token behind every turn."""
    return TEMPLATE

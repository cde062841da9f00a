"""StarChat."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- if messages[0].role != 'system' %}
    {{- '<|system|>\n<|end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|' + message.role + '|>\n' + message.content + '<|end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>\n' }}
{%- endif %}
"""


@template("starchat", marks=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"))
def starchat() -> str:
    """StarChat: tokens for the roles and the end of a turn."""
    return TEMPLATE

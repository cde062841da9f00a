"""Phi 3."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- '<|' + message.role + '|>\n' + message.content + '<|end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>\n' }}
{%- else %}
    {{- eos_token }}
{%- endif %}
"""


@template("phi3", marks=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"))
def phi3() -> str:
    """Phi 3 and 3.5: the text's end token behind a whole conversation."""
    return TEMPLATE

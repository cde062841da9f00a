"""Phi 4."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '<|im_sep|>' + message.content + '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant<|im_sep|>' }}
{%- endif %}
"""


@template("phi4", marks=("<|im_start|>", "<|im_sep|>", "<|im_end|>"))
def phi4() -> str:
    """Phi 4: ChatML with `<|im_sep|>` behind the role."""
    return TEMPLATE

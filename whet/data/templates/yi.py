"""Yi."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""


@template("yi", marks=("<|im_start|>", "<|im_end|>"))
def yi() -> str:
    """Yi 1 and 1.5 chat: ChatML."""
    return TEMPLATE

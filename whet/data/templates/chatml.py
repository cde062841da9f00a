"""ChatML."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""


@template("chatml", marks=("<|im_start|>", "<|im_end|>"))
def chatml() -> str:
    """ChatML: turns between `<|im_start|>` and `<|im_end|>`, as Yi, Dolphin, OpenHermes and many others have it."""
    return TEMPLATE

"""InternLM 2."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""


@template("internlm2", marks=("<|im_start|>", "<|im_end|>"))
def internlm2() -> str:
    """InternLM 2 and 2.5 chat: ChatML behind the begin token."""
    return TEMPLATE

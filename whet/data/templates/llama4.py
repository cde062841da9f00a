"""Llama 4."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
    {{- '<|header_start|>' + message.role + '<|header_end|>\n\n' + message.content | trim + '<|eot|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|header_start|>assistant<|header_end|>\n\n' }}
{%- endif %}
"""


@template("llama4", marks=("<|header_start|>", "<|header_end|>", "<|eot|>"))
def llama4() -> str:
    """Llama 4 Instruct, without tools and images."""
    return TEMPLATE

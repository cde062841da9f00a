"""Llama 3."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"""


@template("llama3", marks=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"))
def llama3() -> str:
    """Llama 3 Instruct, without tools."""
    return TEMPLATE

"""Megrez."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- if messages[0].role != 'system' %}
    {{- '<|role_start|>system<|role_end|>你是Megrez-3B-Instruct，将针对用户的问题给出详细的、积极的回答。<|turn_end|>' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|role_start|>' + message.role + '<|role_end|>' + message.content + '<|turn_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|role_start|>assistant<|role_end|>' }}
{%- endif %}
"""  # noqa: E501 - lines of the template


@template("megrez", marks=("<|role_start|>", "<|role_end|>", "<|turn_end|>"))
def megrez() -> str:
    """Megrez 3B Instruct, with its own system message."""
    return TEMPLATE

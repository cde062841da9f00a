"""Seed-OSS."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- bos_token + message.role + '\n' + (message.content | trim if message.role == 'assistant' else message.content) + eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- bos_token + 'assistant\n' }}
{%- endif %}
"""  # noqa: E501 - lines of the template


@template("seed-oss", needs_end=True)
def seed_oss() -> str:
    """Seed-OSS, without tools and thinking budgets: turns between the begin and the end token."""
    return TEMPLATE

"""SOLAR."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token if bos_token else '' }}
{%- for message in messages %}
    {{- '### ' + message.role | capitalize + ':\n' + message.content + (eos_token if message.role == 'assistant' else '') + '\n\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Assistant:\n' }}
{%- endif %}
"""  # noqa: E501 - lines of the template


@template("solar", needs_end=True)
def solar() -> str:
    """SOLAR 10.7B Instruct: headings; the end token, which the published one lacks, ends replies."""
    return TEMPLATE

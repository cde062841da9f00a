"""Alpaca."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token if bos_token else '' }}
{%- if messages[0].role != 'system' %}
    {{- 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'system' %}
        {{- message.content + '\n\n' }}
    {%- elif message.role == 'user' %}
        {{- '### Instruction:\n' + message.content + '\n\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '### Response:\n' + message.content + eos_token + '\n\n' }}
    {%- else %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Response:\n' }}
{%- endif %}
"""  # noqa: E501 - lines of the template


@template("alpaca", needs_end=True)
def alpaca() -> str:
    """Stanford Alpaca: an instruction and a response under headings, with its own system text unless one is given."""
    return TEMPLATE

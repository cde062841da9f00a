"""Vicuna."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token if bos_token else '' }}
{%- if messages[0].role == 'system' %}
    {{- messages[0].content }}
{%- else %}
    {{- "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions." }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- ' USER: ' if loop.first or messages[loop.index0 - 1].role != 'assistant' else 'USER: ' }}
        {{- message.content }}
    {%- elif message.role == 'assistant' %}
        {{- ' ASSISTANT: ' + message.content + eos_token }}
    {%- elif not loop.first %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- ' ASSISTANT:' }}
{%- endif %}
"""  # noqa: E501 - lines of the template


@template("vicuna", needs_end=True)
def vicuna() -> str:
    """Vicuna 1.1 and 1.5: USER and ASSISTANT on one line, with its own system text unless one is given."""
    return TEMPLATE

"""DeepSeek V2."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- 'User: ' + message.content + '\n\n' }}
    {%- elif message.role == 'assistant' %}
        {{- 'Assistant: ' + message.content + '<｜end▁of▁sentence｜>' }}
    {%- elif message.role == 'system' %}
        {{- message.content + '\n\n' }}
    {%- else %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'Assistant:' }}
{%- endif %}
"""


@template("deepseek2", marks=("<｜end▁of▁sentence｜>",))
def deepseek2() -> str:
    """DeepSeek V2 and LLM chat: plain text roles."""
    return TEMPLATE

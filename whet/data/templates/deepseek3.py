"""DeepSeek V3."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- set system = namespace(text='') %}
{%- for message in messages %}
    {%- if message.role == 'system' %}
        {%- set system.text = system.text + ('\n\n' if system.text else '') + message.content %}
    {%- endif %}
{%- endfor %}
{{- system.text }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- '<｜User｜>' + message.content }}
    {%- elif message.role == 'assistant' %}
        {{- '<｜Assistant｜>' + message.content + '<｜end▁of▁sentence｜>' }}
    {%- elif message.role != 'system' %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<｜Assistant｜>' }}
{%- endif %}
"""


@template("deepseek3", marks=("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"))
def deepseek3() -> str:
    """DeepSeek V2.5 and V3, without tools."""
    return TEMPLATE

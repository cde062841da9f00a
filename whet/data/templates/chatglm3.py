"""ChatGLM 3."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- '[gMASK]sop' }}
{%- for message in messages %}
    {{- '<|' + (message.role if message.role != 'tool' else 'observation') + '|>\n ' + message.content }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- elif messages[-1].role == 'assistant' %}
    {{- '<|user|>' }}
{%- endif %}
"""


@template("chatglm3", marks=("<|system|>", "<|user|>", "<|assistant|>"))
def chatglm3() -> str:
    """ChatGLM 3, without tools. The user's next turn is what ends a reply, so its mark is written."""
    return TEMPLATE

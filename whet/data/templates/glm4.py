"""GLM 4."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- '[gMASK]<sop>' }}
{%- for message in messages %}
    {{- '<|' + (message.role if message.role != 'tool' else 'observation') + '|>\n' + message.content }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>\n' }}
{%- elif messages[-1].role == 'assistant' %}
    {{- '<|user|>' }}
{%- endif %}
"""


@template("glm4", marks=("<|system|>", "<|user|>", "<|assistant|>"))
def glm4() -> str:
    """GLM 4 (9B, 0414), without tools. The user's next turn is what ends a reply, so its mark is written."""
    return TEMPLATE

"""Phi 4 mini."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {%- if message.role == 'system' and message.tools %}
        {{- '<|system|>' + message.content + '<|tool|>' + message.tools + '<|/tool|><|end|>' }}
    {%- else %}
        {{- '<|' + message.role + '|>' + message.content + '<|end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- else %}
    {{- eos_token }}
{%- endif %}
"""


@template("phi4-mini", marks=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"))
def phi4_mini() -> str:
    """Phi 4 mini, tools in the system turn."""
    return TEMPLATE

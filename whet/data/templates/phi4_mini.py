"""Phi 4 mini."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- for message in messages %}
    {{- '<|' + message.role + '|>' + message.content + '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- else %}
    {{- eos_token }}
{%- endif %}
"""


@template("phi4-mini", marks=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"))
def phi4_mini() -> str:
    """Phi 4 mini; tools as `data.tools` says, since the published text takes them ready-made in the system turn."""
    return TEMPLATE

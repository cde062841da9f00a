"""EXAONE 3."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{%- if messages[0].role != 'system' %}
    {{- '[|system|][|endofturn|]\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '[|' + message.role + '|]' + message.content + ('\n' if message.role == 'user' else '[|endofturn|]\n') }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '[|assistant|]' }}
{%- endif %}
"""


@template("exaone3", marks=("[|endofturn|]",))
def exaone3() -> str:
    """EXAONE 3 and 3.5."""
    return TEMPLATE

"""OpenChat."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- for message in messages %}
    {{- 'GPT4 Correct ' + message.role.title() + ': ' + message.content + '<|end_of_turn|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'GPT4 Correct Assistant:' }}
{%- endif %}
"""


@template("openchat", marks=("<|end_of_turn|>",))
def openchat() -> str:
    """OpenChat 3.5 and Starling."""
    return TEMPLATE

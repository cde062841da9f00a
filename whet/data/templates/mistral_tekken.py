"""Mistral, third version with Tekken."""

from __future__ import annotations

from whet.base.catalogue import template

TEMPLATE = r"""{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content + '\n\n' %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set system = '' %}
    {%- set turns = messages %}
{%- endif %}
{%- set last = namespace(user=-1) %}
{%- for message in turns %}
    {%- if message.role == 'user' %}
        {%- set last.user = loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for message in turns %}
    {%- if message.role == 'user' %}
        {%- if tools and loop.index0 == last.user %}
            {{- '[AVAILABLE_TOOLS]' + tools | tojson + '[/AVAILABLE_TOOLS]' }}
        {%- endif %}
        {{- '[INST]' + (system if loop.first else '') + message.content + '[/INST]' }}
    {%- elif message.role == 'assistant' and message.tool_calls %}
        {{- '[TOOL_CALLS][' }}
        {%- for call in message.tool_calls %}
            {{- {'name': call.function.name, 'arguments': call.function.arguments, 'id': call.id} | tojson }}
            {{- ', ' if not loop.last else ']' + eos_token }}
        {%- endfor %}
    {%- elif message.role == 'assistant' %}
        {{- message.content + eos_token }}
    {%- elif message.role == 'tool' %}
        {{- '[TOOL_RESULTS]' + {'content': message.content, 'call_id': message.tool_call_id} | tojson + '[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception('there is no turn of the role ' + message.role) }}
    {%- endif %}
{%- endfor %}
"""  # noqa: E501 - lines of the template


@template("mistral-tekken", marks=("[INST]", "[/INST]"), needs_end=True)
def mistral_tekken() -> str:
    """Mistral Nemo, Pixtral and Ministral (v3 with the Tekken tokenizer), with tools."""
    return TEMPLATE

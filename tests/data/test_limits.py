"""Limits: a template that asks for too much is refused, soon and in a sentence, and others render as ever."""

import pytest

from tests.data.conversations import CHATML, assistant, make_tokenizer, user
from whet.base.errors import ModelError
from whet.contracts.rows import Conversation
from whet.data.chat import jinja, limits, value_sizes
from whet.data.chat.speech import speech_of
from whet.data.render.renderer import Renderer

NESTED = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
# 2^60 items in a few kilobytes: whatever writes, compares or hashes them meets them all, in C.
OF_THEMSELVES = """{% set n = namespace(x=['a'], y=['a'], t=(1,), d={}) %}{% for i in range(60) %}
{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% set n.t = (n.t, n.t) %}{% set n.d = {'a': n.d, 'b': n.d} %}
{% endfor %}"""
USES = (
    "{{ n.x }}", "{{ n }}", "{{ n.x ~ '' }}", "{{ n.x | string | length }}", "{{ n.d | tojson | length }}",
    "{{ n.x == n.y }}", "{{ n.x in [n.y] }}", "{{ n.x is eq(n.y) }}", "{{ [n.x, n.y] | unique | list }}",
    "{{ [n.x] | join }}", "{{ [n.x, n.y].index(n.y) }}", "{{ {n.t: 1} }}", "{{ {}[n.t] }}", "{{ {}.get(n.t) }}",
    "{{ '%s' % n.x }}", "{{ '{}'.format(n.x) }}", "{{ n.d.items() }}", "{{ raise_exception(n.x) }}",
    "{{ [n.x, n.y] | sort }}", "{{ [n.x, n.y] | select('equalto', n.y) | list }}",
    "{{ [n.x, n.y] | map('string') | list }}",
)  # fmt: skip
MANY = {
    "a product": "{{ 'x' * 10000000000 }}",
    "a product of two numbers": "{{ 'x' * (100000 * 100000) }}",
    "a power": "{{ (9 ** 9) ** 999999999 }}",
    "doubled by a sum": "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "doubled by a joint": "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "a doubled list": "{% set n = namespace(x=[0]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a doubled tuple": "{% set n = namespace(x=(0,)) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a sum of lists": "{% set n = namespace(x=[[1]]) %}{% for i in range(18) %}{% set n.x = n.x + n.x %}{% endfor %}"
    "{{ n.x | sum(start=[]) | length }}",
    **{f"lists of themselves, {use}": OF_THEMSELVES + use for use in USES},
    "a width": "{{ 'x' | center(10000000000) }}{{ 'x'.ljust(10000000000) }}",
    "a width in a format": "{{ '%10000000000d' | format(1) }}",
    "a width in another format": "{{ '{:10000000000}'.format(1) }}",
    "a width after a percent": "{{ '%*d' % (10000000000, 1) }}",
    "a replacement": "{{ ('x' * 1000000).replace('x', 'y' * 1000000) }}",
    "a join": "{{ (['x' * 100000] * 100000) | join(',') }}",
    "an indentation": "{{ messages | tojson(indent=1000000000) }}",
    "tabs": "{{ 'a\t'.expandtabs(1000000000) }}",
    "much written": "{% set x = 'x' * 10000000 %}{% for i in range(100000) %}{{ x }}{% endfor %}",
    "a power of squares": "{% set n = namespace(x=3) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "a long template": "{# x #}" * 50_000,
    "deep brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep loops": "{% for a in [] %}" * 40 + "{% endfor %}" * 40,
}


@pytest.mark.case("B4")
@pytest.mark.parametrize("what", MANY)
def test_what_would_be_too_large_is_refused_before_it_is_made(what, monkeypatch):
    monkeypatch.setattr(value_sizes, "ITEMS", 2**14)  # counted sooner
    with pytest.raises(ModelError, match="is no chat template") as error:
        Renderer(make_tokenizer(CHATML + MANY[what])).render([Conversation([user("a"), assistant("b")])])
    assert "data.template" in error.value.hint


@pytest.mark.case("B4")
@pytest.mark.parametrize(
    "template",
    [NESTED, "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(99) }}"],
)
def test_what_would_never_end_is_ended(template, monkeypatch):
    monkeypatch.setattr(limits, "DEADLINE_S", 0.3)
    with pytest.raises(ModelError, match="takes more than"):
        speech_of(make_tokenizer(CHATML + template)).prompt([user("a")])
    assert speech_of(make_tokenizer(CHATML)).prompt([user("a")]).endswith("assistant\n")


def test_recursion_without_end_refuses_the_row():
    template = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"
    [refused] = Renderer(make_tokenizer(CHATML + template)).render([Conversation([user("a"), assistant("b")])])
    assert refused.reason == "template_error"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ 'a' ~ 1 ~ none ~ nothing ~ 2.5 }}", "a1None2.5"),
        ("{{ [1] + [2] }}{{ 1 + 2 }}{{ 3 * 'ab' }}{{ 2 ** 10 }}{{ '%s-%d' % ('x', 3) }}", "[1, 2]3ababab1024x-3"),
        ("{{ '{} and {:>3}'.format('a', 1) }}{{ 'a\tb'.expandtabs(4) }}{{ 'x'.ljust(3, '.') }}", "a and   1a   bx.."),
        ("{{ ['a', 'b'] | join(', ') }}{{ 'aXa' | replace('X', '--') }}{{ 'a\nb' | indent(2) }}", "a, ba--aa\n  b"),
        ("{{ {'ü': [1, none, true]} | tojson }}", '{"ü": [1, null, true]}'),
    ],
)  # fmt: skip
def test_ordinary_operations_are_those_of_transformers(template, text):
    from transformers.utils.chat_template_utils import render_jinja_template

    ours, _ = jinja.render(jinja.compiled(template), [], (), {})
    assert ours == text == render_jinja_template([[]], chat_template=template)[0][0]


def test_generation_tags_are_where_transformers_has_them():
    from transformers.utils.chat_template_utils import render_jinja_template

    template = "{% for m in messages %}ü{% generation %}{{ m.content }}{% endgeneration %}-{% endfor %}"
    messages = [user("a"), assistant("bc")]
    texts, spans = render_jinja_template([messages], chat_template=template, return_assistant_tokens_mask=True)
    assert jinja.render(jinja.compiled(template), messages, (), {}) == (texts[0], spans[0])

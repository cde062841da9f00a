"""Two texts as one."""

from __future__ import annotations

from whet.data.render.text_pairs import joined


def test_a_template_is_filled_at_once():
    assert joined("{query}: {document}", query="a {document}", document="{query}") == "a {document}: {query}"


def test_the_places_may_stand_in_any_order_and_other_braces_stay():
    assert joined("{second} {x} {first}", first="1", second="2") == "2 {x} 1"


def test_without_a_template_the_pair_is_left_to_the_tokenizer():
    assert joined(None, first="1", second="2") == ("1", "2")

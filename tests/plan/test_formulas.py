"""Formulas of bytes: what an expression is worth, and what is left of a sum."""

from __future__ import annotations

import pytest

from whet.plan.formulas import added, names, total, value

SIZES = {"tokens": 7.0, "heads": 3.0, "width": 5.0, "rope": 2.0}


def test_a_product_has_sums_in_brackets_and_numbers():
    assert value("tokens*heads*(width+2*rope)", SIZES) == 7 * 3 * (5 + 2 * 2)
    assert value("", SIZES) == 1
    assert names("tokens*heads*(width+2*rope)") == {"tokens", "heads", "width", "rope"}


def test_a_size_that_is_missing_is_named():
    with pytest.raises(KeyError, match="experts"):
        value("tokens*experts", SIZES)


def test_terms_add_up_and_what_cancels_is_gone():
    both = added([{"tokens": 4.0, "width": 2.0}, {"tokens": -4.0, "heads": 1.0}])
    assert both == {"width": 2.0, "heads": 1.0}
    assert total(both, SIZES) == 2 * 5 + 3

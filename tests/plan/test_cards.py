"""The catalogue of cards: every figure says how it is known, and a name that is none gets the one that was meant."""

from __future__ import annotations

import pytest

from whet.base.errors import ConfigError
from whet.plan.hardware.cards import RATES, SOURCES, card, cards


def test_every_card_has_memory_and_a_bandwidth_and_every_figure_says_how_it_is_known():
    for one in cards().values():
        assert 0 < one.figures["usable_gib"].value <= one.figures["memory"].value, one.name
        assert one.figures["bandwidth_gbs"].value > 0, one.name
        assert any(one.rate(dtype) for dtype in RATES), one.name
        assert all(figure.how in SOURCES and figure.value > 0 for figure in one.figures.values()), one.name
    assert {"nvidia", "amd", "apple", "huawei"} <= {one.vendor for one in cards().values()}


def test_a_name_may_be_written_as_people_do():
    assert card("NVIDIA RTX 4090").name == card("rtx_4090").name == "rtx-4090"
    assert card("GeForce RTX4090").name == card("4090").name == "rtx-4090"
    assert card("MacBook Pro M4 Max 128GB").name == "m4-max-40c-128gb"
    assert card("RTX 3060 Laptop").name == "rtx-3060-laptop" and card("3060").name == "rtx-3060"
    assert card("rtx 3090 24 GB").name == "rtx-3090" and card("M2 Ultra 192 GB 76c").name == "m2-ultra-76c-192gb"
    assert card("h200-sxm").figures["bandwidth_gbs"].how == "measured"


def test_unified_memory_is_not_all_for_the_gpu():
    small, large = card("m1-pro-16c-16gb"), card("m4-max-40c-64gb")
    assert small.usable_bytes == int(16 * 2 / 3 * 2**30)
    assert large.usable_bytes == 48 * 2**30


def test_a_name_that_is_none_gets_the_one_that_was_meant():
    with pytest.raises(ConfigError, match="no card is called `rtx-4900`") as caught:
        card("rtx-4900")
    assert caught.value.hint == "did you mean `rtx-4090`?"
    for typed, meant in (("4909", "4090"), ("H1000", "h100")):
        with pytest.raises(ConfigError) as caught:
            card(typed)
        assert meant in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="may be several cards: h100-pcie, h100-nvl, h100-sxm"):
        card("h100")
    with pytest.raises(ConfigError, match="may be several cards: m4-8c-16gb, m4-10c-16gb\n"):
        card("M4 16 GB")

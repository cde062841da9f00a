"""Facts: what kinds declare is typed, and a fact that no kind of the slot has is refused where it is written."""

from __future__ import annotations

import pytest

from whet.base.catalogue import SLOTS, objective, optimizer
from whet.base.errors import ConfigError


def test_a_misspelt_fact_is_refused_with_the_one_meant():
    with pytest.raises(ConfigError, match="declares `takse`") as caught:
        objective("odd", takse=("text",))
    assert caught.value.hint == "did you mean `takes`?"


def test_a_fact_that_every_kind_of_a_slot_declares_is_asked_for():
    with pytest.raises(ConfigError, match="does not declare `state_bytes`") as caught:
        optimizer("odd")
    assert caught.value.hint == "`state_bytes` in its @optimizer, as others declare it: whet slots optimizer"


@pytest.mark.parametrize("name", SLOTS)
def test_every_kind_of_ours_holds_the_facts_of_its_slot(name):
    slot = SLOTS[name]
    for kind in map(slot.get, slot.names()):
        assert type(kind.facts) is slot.facts

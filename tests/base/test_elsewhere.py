"""Other names of settings: each leads to a setting that there is."""

import pytest

from whet.base.catalogue import SLOTS
from whet.base.elsewhere import BEFORE, OTHERS
from whet.base.run import Run
from whet.base.settings import Choice


def names_in(section: str) -> set[str]:
    """The settings of a section, those within them too (`offload.weights`), or of all kinds that it takes."""
    field = Run.model_fields[section]
    chosen = next((mark for mark in field.metadata if isinstance(mark, Choice)), None)
    if chosen is None:
        fields = field.annotation.model_fields
        inner = ((name, getattr(one.annotation, "model_fields", {})) for name, one in fields.items())
        return {*fields, *(f"{name}.{part}" for name, parts in inner for part in parts)}
    slot = SLOTS[chosen.slot]
    return {name for kind in slot.names() for name in slot.get(kind).settings.model_fields}


@pytest.mark.parametrize("now", sorted({*OTHERS.values(), *(renamed.now for renamed in BEFORE.values())}))
def test_every_other_name_leads_to_a_setting(now):
    section, _, name = now.partition("=")[0].partition(".")
    assert section in Run.model_fields and (not name or name in names_in(section))


def test_no_setting_is_called_by_a_name_that_leads_to_another():
    sections = [getattr(field.annotation, "model_fields", {}) for field in Run.model_fields.values()]
    ours = {*Run.model_fields, *(name for section in sections for name in section)}
    assert not ours & OTHERS.keys() and not {name.rpartition(".")[2] for name in BEFORE} & ours

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import whet
from whet.base.catalogue import SLOTS, optimizer, schedule
from whet.base.errors import ConfigError
from whet.base.facts import Facts
from whet.base.settings import Positive
from whet.base.slots import Slot, load_plugin

BUILT_IN = Path(whet.__file__).parent


def test_names_are_listed_without_importing_files():
    sys.modules.pop("whet.optim.schedules.wsd", None)
    assert "wsd" in schedule.names() and "inverse-sqrt" in schedule.names()
    assert "whet.optim.schedules.wsd" not in sys.modules


def test_the_signature_is_the_schema():
    slot = Slot("thing", home="whet.optim.schedules", facts=Facts)

    @slot("box")
    def box(content: NotImported, *, size: Positive, lid: bool = True) -> None:  # noqa: F821
        """A box.

        size: edge in metres
        """

    fields = slot.get("box").settings.model_fields
    assert set(fields) == {"kind", "size", "lid"}
    assert fields["size"].is_required() and fields["size"].description == "edge in metres"
    assert slot.get("box").doc == "A box."


def test_an_unknown_kind_suggests_the_near_one():
    with pytest.raises(ConfigError) as error:
        optimizer.get("adamW")
    assert error.value.hint == "did you mean `adamw`?"


def test_two_files_cannot_define_one_kind(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(
            "from whet.base.catalogue import schedule\n@schedule('twice')\ndef f(step, total):\n    return 1.0\n"
        )
    load_plugin(tmp_path / "one.py")
    try:
        with pytest.raises(ConfigError, match="two files define schedule `twice`"):
            load_plugin(tmp_path / "two.py")
    finally:
        schedule._kinds.pop("twice", None)


def test_a_plugin_that_fails_names_its_file_and_error(tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError, match="ZeroDivisionError") as error:
        load_plugin(tmp_path / "bad.py")
    assert error.value.at.endswith("bad.py:1")


@pytest.mark.parametrize("slot", SLOTS.values(), ids=SLOTS)
def test_every_built_in_kind_has_a_doc_line_and_documented_settings(slot):
    kinds = {name: slot.get(name) for name in slot.names()}
    for name, kind in kinds.items():
        if not Path(kind.source).is_relative_to(BUILT_IN):
            continue  # another test's
        assert kind.doc, f"{slot.name} {name} has no docstring"
        undocumented = [n for n, f in kind.settings.model_fields.items() if n != "kind" and not f.description]
        assert not undocumented, f"{slot.name} {name}: no docstring line for {undocumented}"

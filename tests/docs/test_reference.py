"""The reference pages are what the code says now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from docs.reference import FOLDER, pages, words_of
from whet.base.catalogue import SLOTS
from whet.base.run import Run
from whet.base.schema import Settings
from whet.base.slots import load_plugin
from whet.cli.main import COMMANDS


@pytest.mark.parametrize("page", ["config.md", "slots.md", "cli.md"])
def test_a_reference_page_is_fresh(page: str):
    assert (FOLDER / page).read_text(encoding="utf-8") == pages()[page], "run `make docs`"


def test_the_config_page_has_every_setting():
    text = pages()["config.md"]
    sections = {name: field.annotation.model_fields for name, field in Run.model_fields.items() if is_section(field)}
    settings = [(section, name) for section, names in sections.items() for name in names]
    missing = [(s, n) for s, n in settings if f"| `{n}` |" not in text and f"### {s}.{n}\n" not in text]
    assert len(sections) >= 5 and missing == []


def is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Settings)


def test_the_commands_page_has_every_command():
    text = pages()["cli.md"]
    assert [name for name in COMMANDS if f"## whet {name}\n" not in text] == []


def test_kinds_of_a_plugin_are_not_part_of_the_reference(tmp_path: Path):
    plugin = tmp_path / "stray.py"
    plugin.write_text("from whet.base.catalogue import sink\n@sink('stray')\ndef stray(folder, rank): 'Nothing.'\n")
    load_plugin(plugin)
    assert "stray" in SLOTS["sink"].names() and "stray" not in pages()["slots.md"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]}, "integer ≥ 1 or `auto`"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"enum": ["a", "b", "c"], "type": "string"}, "`a`, `b` or `c`"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "number ≥ 0, < 1"),
    ],
)
def test_types_are_told_in_words(schema: dict[str, Any], words: str):
    assert words_of(schema) == words

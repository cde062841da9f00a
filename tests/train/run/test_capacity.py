"""What is noted of tokens at once is read again, and damage is no number of tokens."""

from __future__ import annotations

import pytest

from whet.train.run.capacity import NAME, Capacity, note, noted


def test_what_was_noted_last_is_read(tmp_path):
    assert noted(tmp_path) is None
    for tokens in (120, 60):
        note(tmp_path, Capacity(tokens, "memory ran out"))
    assert noted(tmp_path) == Capacity(60, "memory ran out") and [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tokens": 0, "words": ""}', '{"tokens": "x", "words": ""}', "\xff"])
def test_damage_is_passed_over(tmp_path, text):
    (tmp_path / NAME).write_text(text, encoding="latin-1")
    assert noted(tmp_path) is None

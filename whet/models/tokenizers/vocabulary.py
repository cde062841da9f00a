"""Vocabularies: whether two tokenizers number the same tokens alike, and where they do not."""

from __future__ import annotations

import hashlib
from typing import Any


def differences(student: Any, teacher: Any) -> str | None:
    """In words, how a teacher's vocabulary differs from a student's; None where each token has the same number."""
    ours, theirs = student.get_vocab(), teacher.get_vocab()
    if ours == theirs:
        return None
    lacking, further = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    moved = [token for token in ours.keys() & theirs.keys() if ours[token] != theirs[token]]
    parts = [f"{len(theirs):,} tokens beside {len(ours):,}"]
    for found, what in ((lacking, "only the student has"), (further, "only the teacher has")):
        if found:
            parts.append(f"{what} {len(found):,} ({_some(found)})")
    if moved:
        first = min(moved, key=ours.__getitem__)
        parts.append(f"{len(moved):,} have other numbers ({first!r} is {theirs[first]} beside {ours[first]})")
    return "; ".join(parts)


def fingerprint(tokenizer: Any) -> str:
    """A hash of which number each token has."""
    numbered = sorted((number, token) for token, number in tokenizer.get_vocab().items())
    return hashlib.sha256(repr(numbered).encode()).hexdigest()[:32]


def _some(tokens: set[str]) -> str:
    shown = [repr(token) for token in sorted(tokens)[:3]]
    return ", ".join(shown) + (", ..." if len(tokens) > 3 else "")

"""An edit: what somebody changes of what is said of a run, checked, and folded over what the run says itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whet.base.errors import RunError

KIND = "edit"
# Whose log an edit stands in: a writer of this name and a number (`whet.track.edits.journal`).
WRITER = "edits"

_TAG, _GROUP, _NOTES, _LABEL = 100, 200, 64 << 10, 8000
# Tags of a run that was given no more of them.
_MOST_TAGS = 200


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes of one run. What is None stays as it is; a label of None is taken away. `by` is who said it."""

    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    notes: str | None = None
    group: str | None = None
    pinned: bool | None = None
    archived: bool | None = None
    labels: Mapping[str, str | None] = field(default_factory=dict)
    by: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.add_tags or self.remove_tags or self.labels or self.values())

    def values(self) -> dict[str, Any]:
        """What is set, by name."""
        given = {name: getattr(self, name) for name in _SET}
        return {name: value for name, value in given.items() if value is not None}

    def payload(self) -> dict[str, Any]:
        """As an event of a log."""
        said = {
            "add_tags": list(self.add_tags), "remove_tags": list(self.remove_tags), "set": self.values(),
            "labels": dict(self.labels), "by": self.by,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value}

    def undone(self, tags: Sequence[str], values: Mapping[str, Any]) -> Edit:
        """The edit that takes this one back, of a run that had these tags, and values by name, before it."""
        before = {name: values[name] for name in self.values()}
        fresh = tuple(tag for tag in self.add_tags if tag not in tags)
        return Edit(tuple(tag for tag in self.remove_tags if tag in tags), fresh, **before)

    def check(self) -> None:
        """Raise RunError for what no listing could show."""
        for tag in self.add_tags:
            _check("a tag", tag, _TAG, is_line=True)
            if not tag or tag != tag.strip():
                raise RunError(f"{ascii(tag)} is no tag", hint="a word or a few: best")
        _check("a group", self.group or "", _GROUP, is_line=True)
        _check("notes", self.notes or "", _NOTES, is_line=False)
        for name, value in self.labels.items():
            _check("a label", name, _GROUP, is_line=True)
            _check("a label", value or "", _LABEL, is_line=False)
        if both := set(self.add_tags) & set(self.remove_tags):
            raise RunError(f"the tag {ascii(min(both))} is both added and removed", hint="one of them")


_SET = {"notes": str, "group": str, "pinned": bool, "archived": bool}


def is_editor(writer: str) -> bool:
    """Whether a writer is one whose log holds edits."""
    return writer.partition("-")[0] == WRITER


def folded(
    about: Mapping[str, Any], labels: Mapping[str, str], edits: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What is said of a run, and its labels, after edits in their order. What is none of an edit is passed over."""
    about, labels = dict(about), dict(labels)
    tags = [str(tag) for tag in about.get("tags") or ()]
    for edit in edits:
        gone, fresh = (set(_texts(edit, "remove_tags")), _texts(edit, "add_tags"))
        tags = [tag for tag in tags if tag not in gone] + [tag for tag in fresh if tag not in tags]
        for name, value in _mapping(edit, "set").items():
            if name in _SET and isinstance(value, _SET[name]):
                about[name] = value
        for name, value in _mapping(edit, "labels").items():
            labels.pop(name, None)
            if value is not None:
                labels[name] = str(value)
    return ({**about, "tags": list(dict.fromkeys(tags))[:_MOST_TAGS]} if edits else about), labels


def _check(what: str, text: str, most: int, *, is_line: bool) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise RunError(f"{what} is no text that can be encoded", hint="write it in UTF-8") from None
    if size > most:
        raise RunError(f"{what} has at most {most} bytes, this has {size}", hint="shorten it")
    if is_line and not text.isprintable():
        raise RunError(f"{ascii(text)} is no {what.removeprefix('a ')}", hint="printable letters, on one line")


def _texts(edit: Mapping[str, Any], name: str) -> list[str]:
    found = edit.get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _mapping(edit: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = edit.get(name)
    return found if isinstance(found, Mapping) else {}

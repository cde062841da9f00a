"""Values of other trackers as ours: their pictures, tables, histograms and texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whet.track.script.media import Audio, Histogram, Html, Image, Object3D, Table, Text, Video
from whet.track.script.media.base import Media

_LIBRARIES = ("wandb", "swanlab", "trackio")
_OF_FILES = {"Image": Image, "Audio": Audio, "Video": Video, "Html": Html, "Object3D": Object3D}
# Where their classes keep what they were made of: an array or picture, a path, bytes.
_FIELDS = ("_image", "_value", "_path", "path", "buffer")


def converted(values: Mapping[str, Any]) -> dict[str, Any]:
    """A call's values, with media of other libraries as ours."""
    return {name: _one(value) for name, value in values.items()}


def _one(value: Any) -> Any:
    if isinstance(value, Mapping):
        return converted(value)
    if isinstance(value, list | tuple) and any(_is_theirs(one) for one in value):
        return [_one(one) for one in value]
    return _ours(value) if _is_theirs(value) else value


def _is_theirs(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in _LIBRARIES


def _ours(value: Any) -> Media | str:
    """Our kind for theirs, or its text where there is none."""
    kind, caption = type(value).__name__, getattr(value, "caption", None) or getattr(value, "_caption", None)
    match kind:
        case "Table":
            return Table(columns=value.columns, data=[[_one(cell) for cell in row] for row in value.data])
        case "Histogram":
            return Histogram(np_histogram=(value.histogram, value.bins))
        case "Text" | "Markdown":
            return Text(getattr(value, "content", getattr(value, "_value", value)), caption=caption)
        case _ if kind in _OF_FILES:
            found = [getattr(value, name) for name in _FIELDS if getattr(value, name, None) is not None]
            return _OF_FILES[kind](_readable(found[0]), caption=caption) if found else str(value)
    return str(value)


def _readable(found: Any) -> Any:
    """What a picture was made of; encoded bytes are decoded."""
    if callable(getattr(found, "getvalue", None)):
        import io

        from PIL import Image as pictures

        return pictures.open(io.BytesIO(found.getvalue()))
    return found

"""PNG and animated PNG of arrays, with nothing but zlib (W3C: PNG, third edition)."""

# T frames   H height   W width   C channels, 1 to 4

from __future__ import annotations

import struct
import zlib
from typing import Any

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def png(pixels: Any) -> bytes:
    """A PNG of uint8 pixels (H, W, C)."""
    return SIGNATURE + _header(pixels) + _chunk(b"IDAT", _deflated(pixels)) + _chunk(b"IEND", b"")


def animated_png(frames: Any, fps: float) -> bytes:
    """An animated PNG of uint8 frames (T, H, W, C) that repeats for ever; viewers without it show the first."""
    delay = struct.pack(">HH", *((round(1000 / fps), 1000) if fps < 1000 else (1, 1000)))
    height, width = frames.shape[1:3]
    parts, number = [SIGNATURE, _header(frames[0]), _chunk(b"acTL", struct.pack(">II", len(frames), 0))], 0
    for index, frame in enumerate(frames):
        control = struct.pack(">IIIII", number, width, height, 0, 0) + delay + b"\0\0"
        parts.append(_chunk(b"fcTL", control))
        number += 1
        if index == 0:
            parts.append(_chunk(b"IDAT", _deflated(frame)))
        else:
            parts.append(_chunk(b"fdAT", struct.pack(">I", number) + _deflated(frame)))
            number += 1
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _header(pixels: Any) -> bytes:
    height, width, channels = pixels.shape
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0))


def _deflated(pixels: Any) -> bytes:
    """Rows, each behind the number of its filter, which is 0 for none."""
    import numpy as np

    height = pixels.shape[0]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    return zlib.compress(rows.tobytes(), 6)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

"""Image, Audio, Video and Object3D: from a file, or from arrays of numpy, torch and others."""

# T frames   H height   W width   C channels   N samples or points

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import Any

from whet.track.script.media.base import Media, MediaFolder, as_array, as_file, without_empty
from whet.track.script.media.png import animated_png, png


class Image(Media):
    """A picture: a file, a PIL image, a figure of matplotlib, or an array (H, W), (H, W, C) or, of torch, (C, H, W).

    Of floats, 0 to 1 (or -1 to 1, where some are below 0) is dark to bright; anything larger is taken for 0 to 255.
    `boxes` and `masks` are kept as they are.
    """

    kind = "image"

    def __init__(
        self,
        data_or_path: Any = None,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Any = None,
        boxes: Any = None,
        masks: Any = None,
        file_type: str | None = None,
        size: Any = None,
        normalize: bool = True,
        *,
        data: Any = None,
    ) -> None:
        self.caption = caption
        self._data = data_or_path if data is None else data
        self._mode, self._normalize = mode, normalize
        self._marks = {"boxes": boxes, "masks": masks, "classes": classes}

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        if path := as_file(self._data):
            kept = folder.copy(path)
        else:
            kept = folder.put(self._png(), ".png")
        return without_empty({**kept, "caption": self.caption, **self._marks})

    def _png(self) -> bytes:
        buffer = io.BytesIO()
        data = self._data
        if isinstance(data, Image):
            return data._png()
        if sys.modules.get("matplotlib.pyplot") is data and data is not None:
            data = data.gcf()
        # Of packages that need not be here: a figure of matplotlib and an image of PIL write themselves.
        if callable(getattr(data, "savefig", None)):
            data.savefig(buffer, format="png")
            return buffer.getvalue()
        if callable(getattr(data, "save", None)) and callable(getattr(data, "convert", None)):
            (data.convert(self._mode) if self._mode else data).save(buffer, format="PNG")
            return buffer.getvalue()
        if data is None or isinstance(data, str):
            raise ValueError(f"there is no image {data!r}")
        return png(_pixels(data, self._normalize))


class Video(Media):
    """A film: a file, or an array (T, C, H, W) of 0 to 255, which becomes an animated PNG."""

    kind = "video"

    def __init__(
        self, data_or_path: Any, caption: str | None = None, fps: float | None = None, format: str | None = None
    ) -> None:
        self.caption, self._data, self._fps = caption, data_or_path, fps or 4

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        if path := as_file(self._data):
            kept = folder.copy(path)
        else:
            kept = folder.put(animated_png(self._frames(), self._fps), ".png")
        return without_empty({**kept, "caption": self.caption})

    def _frames(self) -> Any:
        import numpy as np

        frames = as_array(self._data)
        if frames.ndim == 5:  # several beside each other
            frames = np.concatenate(list(frames), axis=-1)
        if frames.ndim != 4:
            raise ValueError(f"a video has the shape (T, C, H, W), not {frames.shape}")
        return np.stack([_pixels(frame.transpose(1, 2, 0), True) for frame in frames])


class Audio(Media):
    """A sound: a file, or samples (N,) or (N, C), floats from -1 to 1 or 16-bit integers, which become a WAV."""

    kind = "audio"

    def __init__(self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        self.caption, self._data, self._rate = caption, data_or_path, int(sample_rate or 44100)

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        if path := as_file(self._data):
            return without_empty({**folder.copy(path), "caption": self.caption})
        return without_empty({**folder.put(self._wav(), ".wav"), "caption": self.caption, "sample_rate": self._rate})

    def _wav(self) -> bytes:
        import wave

        import numpy as np

        samples = as_array(self._data)
        samples = samples[:, None] if samples.ndim == 1 else samples
        if samples.ndim != 2:
            raise ValueError(f"audio has the shape (N,) or (N, C), not {samples.shape}")
        if samples.dtype.kind == "f":
            samples = np.rint(np.clip(np.nan_to_num(samples), -1, 1) * 32767)
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(samples.shape[1])
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes(samples.astype("<i2").tobytes())
        return buffer.getvalue()


class Object3D(Media):
    """Points in space, (N, 3) with x y z, (N, 4) with a class, (N, 6) with 0 to 255 of red, green and blue; or a file.

    Points become a binary PLY. Of W&B's `{"type": "lidar/beta", "points": ..., "boxes": ...}` all else is kept beside.
    """

    kind = "object3d"

    def __init__(self, data_or_path: Any, caption: str | None = None, **more: Any) -> None:
        self.caption, self._data, self._more = caption, data_or_path, more

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        if path := as_file(self._data):
            return without_empty({**folder.copy(path), "caption": self.caption})
        points, more = self._data, dict(self._more)
        if isinstance(points, Mapping):
            more.update({name: value for name, value in points.items() if name not in ("type", "points")})
            points = points["points"]
        return without_empty({**folder.put(_ply(as_array(points)), ".ply"), "caption": self.caption, **more})


def _pixels(data: Any, normalize: bool) -> Any:
    """uint8 (H, W, C) of numbers of any form."""
    import numpy as np

    torch = sys.modules.get("torch")
    is_tensor = torch is not None and isinstance(data, torch.Tensor)
    pixels = as_array(data)
    if pixels.ndim == 4:  # a batch, side by side
        pixels = np.concatenate(list(pixels), axis=-1 if is_tensor else 1)
    if pixels.ndim == 3 and is_tensor and pixels.shape[0] <= 4:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4:
        raise ValueError(f"an image has the shape (H, W) or (H, W, C) with 1 to 4 channels, not {pixels.shape}")
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind == "f":
        pixels = np.nan_to_num(pixels)
        if normalize and pixels.size and pixels.max() <= 1 and pixels.min() >= -1:
            pixels = 255 * ((pixels + 1) / 2 if pixels.min() < 0 else pixels)
        pixels = np.rint(pixels)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _ply(points: Any) -> bytes:
    import numpy as np

    kinds = {3: (), 4: (("class", "float"),), 6: (("red", "uchar"), ("green", "uchar"), ("blue", "uchar"))}
    if points.ndim != 2 or points.shape[1] not in kinds:
        raise ValueError(f"points have the shape (N, 3), (N, 4) or (N, 6), not {points.shape}")
    more = kinds[points.shape[1]]
    layout = np.dtype([(a, "<f4") for a in "xyz"] + [(n, "<f4" if kind == "float" else "u1") for n, kind in more])
    rows = np.empty(len(points), layout)
    for column, name in enumerate(layout.names or ()):
        rows[name] = points[:, column]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    lines += [f"property float {a}" for a in "xyz"] + [f"property {kind} {n}" for n, kind in more]
    return "\n".join([*lines, "end_header", ""]).encode() + rows.tobytes()

"""Writers of TensorBoard's form: what each of their methods means here, and one that stands alone."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from whet.track.integrations.patched.patching import Patch
from whet.track.script import plot
from whet.track.script.media import Audio, Histogram, Image, Text, Video
from whet.track.script.media.base import as_array
from whet.track.script.script_run import Run

Tell = Callable[..., Mapping[str, Any]]


def _images(tag: str, img_tensor: Any, dataformats: str) -> Mapping[str, Any]:
    """Pictures of (C, H, W), (H, W, C), (H, W), or several with N in front, as `dataformats` names their axes."""
    import numpy as np

    array, axes = as_array(img_tensor), dataformats.upper()
    wanted = [axis for axis in "NHWC" if axis in axes]
    array = np.transpose(array, [axes.index(axis) for axis in wanted])
    return {tag: [Image(one) for one in array] if "N" in axes else Image(array)}


def _raw_histogram(tag: str, bucket_limits: Any, bucket_counts: Any) -> Mapping[str, Any]:
    limits = list(map(float, bucket_limits))
    first = 2 * limits[0] - limits[1] if len(limits) > 1 else limits[0] - 1.0
    return {tag: Histogram(np_histogram=(list(bucket_counts), [first, *limits]))}


def _binary_pr(tag: str, labels: Any, predictions: Any) -> Mapping[str, Any]:
    import numpy as np

    shares = as_array(predictions).ravel()
    return {tag: plot.pr_curve(as_array(labels).ravel(), np.stack([1 - shares, shares], axis=1))}


# Method -> what its arguments, the step aside, say as values of `Run.log`.
TOLD: dict[str, Tell] = {
    "add_scalar": lambda tag, scalar_value, **_: {tag: scalar_value},
    "add_scalars": lambda main_tag, tag_scalar_dict, **_: {f"{main_tag}/{k}": v for k, v in tag_scalar_dict.items()},
    "add_histogram": lambda tag, values, **_: {tag: Histogram(values)},
    "add_histogram_raw": lambda tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, **_: _raw_histogram(
        tag, bucket_limits, bucket_counts
    ),
    "add_image": lambda tag, img_tensor, dataformats="CHW", **_: _images(tag, img_tensor, dataformats),
    "add_images": lambda tag, img_tensor, dataformats="NCHW", **_: _images(tag, img_tensor, dataformats),
    "add_figure": lambda tag, figure, **_: {
        tag: [Image(one) for one in figure] if isinstance(figure, list) else Image(figure)
    },
    "add_text": lambda tag, text_string, **_: {tag: Text(text_string)},
    "add_audio": lambda tag, snd_tensor, sample_rate=44100, **_: {
        tag: Audio(as_array(snd_tensor).squeeze(), sample_rate=sample_rate)
    },
    "add_video": lambda tag, vid_tensor, fps=4, **_: {tag: [Video(one, fps=fps) for one in as_array(vid_tensor)]},
    "add_pr_curve": lambda tag, labels, predictions, **_: _binary_pr(tag, labels, predictions),
}  # fmt: skip
_IGNORED = ("add_graph", "add_onnx_graph", "add_embedding", "add_mesh", "add_custom_scalars", "add_tensor", "flush")


def follow_class(patch: Patch, writer: type) -> None:
    """Record what the methods of a library's writer are called with."""
    for name, tell in TOLD.items():
        if hasattr(writer, name):
            patch.before(writer, name, _recorded(patch, writer, name, tell))
    if hasattr(writer, "add_hparams"):
        patch.before(writer, "add_hparams", lambda self, hparam_dict, metric_dict, *args, **named: hyperparameters(
            ours(patch, self), hparam_dict, metric_dict
        ))  # fmt: skip
    patch.before(writer, "close", lambda self: patch.ended(id(self)))


def stand_alone(patch: Patch) -> type:
    """A class to use as a `SummaryWriter` that writes no event files."""

    class SummaryWriter:
        def __init__(self, log_dir: Any = None, comment: str = "", *more: Any, **named: Any) -> None:
            self.log_dir = self.logdir = str(
                log_dir or named.get("logdir") or f"runs/{time.strftime('%b%d_%H-%M-%S')}{comment}"
            )
            patch.tried(lambda: ours(patch, self))

        def get_logdir(self) -> str:
            return self.log_dir

        def add_hparams(self, hparam_dict: Any, metric_dict: Any, *more: Any, **named: Any) -> None:
            patch.tried(lambda: hyperparameters(ours(patch, self), hparam_dict, metric_dict))

        def close(self) -> None:
            patch.ended(id(self))

        def __enter__(self) -> SummaryWriter:
            return self

        def __exit__(self, *error: Any) -> None:
            self.close()

    for name, tell in TOLD.items():
        setattr(SummaryWriter, name, _alone(patch, tell))
    for name in _IGNORED:
        setattr(SummaryWriter, name, _nothing)
    return SummaryWriter


def override(patch: Patch, writer: type, alone: type) -> None:
    """Let a library's own class be the one that writes no event files, for those who have taken it already."""
    for name in dir(writer):
        is_ours = callable(vars(alone).get(name))
        if is_ours or (name[0] != "_" and callable(getattr(writer, name))):
            patch.put(writer, name, getattr(alone, name, _nothing))


def _nothing(self: Any, *args: Any, **named: Any) -> None:
    """A method that means nothing here."""


def ours(patch: Patch, writer: Any) -> Run:
    """The run that stands for a writer, named after its folder."""
    folder = Path(str(getattr(writer, "log_dir", None) or getattr(writer, "logdir", "")))
    return patch.begun(
        id(writer), {"name": folder.name, "group": folder.parent.name, "config": {"log_dir": str(folder)}}
    )


def hyperparameters(run: Run, settings: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Settings go into the config, and what came of them into the summary."""
    run.config.update(dict(settings))
    run.summary.update({name: float(value) for name, value in metrics.items()})


def _recorded(patch: Patch, writer: type, name: str, tell: Tell) -> Callable[..., None]:
    """Bind the arguments of a method as its signature says, and log what they mean."""
    import inspect

    signature = inspect.signature(getattr(writer, name))

    def recorded(self: Any, *args: Any, **named: Any) -> None:
        bound = dict(signature.bind(self, *args, **named).arguments)
        bound.pop("self")
        _log(patch, self, tell, bound)

    return recorded


def _alone(patch: Patch, tell: Tell) -> Callable[..., None]:
    import inspect

    order = [name for name, one in inspect.signature(tell).parameters.items() if one.kind != one.VAR_KEYWORD]
    place = 2 if len(order) >= 2 else 1

    def method(self: Any, *args: Any, **named: Any) -> None:
        names = [*order[:place], "global_step", "walltime", *order[place:]] if "bucket_limits" not in order else [
            *order, "global_step"
        ]  # fmt: skip
        patch.tried(lambda: _log(patch, self, tell, {**dict(zip(names, args, strict=False)), **named}))

    return method


def _log(patch: Patch, writer: Any, tell: Tell, bound: dict[str, Any]) -> None:
    step = bound.pop("global_step", None)
    for tag, value in tell(**bound).items():
        ours(patch, writer).log({tag: value}, patch.step(id(writer), tag, step))


def stand_in_of(library: str, patch: Patch) -> Mapping[str, Any]:
    """A `SummaryWriter` of our own under the name of a library that has one."""
    alone = stand_alone(patch)
    if library in sys.modules:
        override(patch, sys.modules[library].SummaryWriter, alone)
    return {"SummaryWriter": alone}


def follow_library(library: str, patch: Patch) -> None:
    """Record what the writers of a library are told."""
    follow_class(patch, importlib.import_module(library).SummaryWriter)

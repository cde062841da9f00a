"""Progress bars of transformers and compressed-tensors, shown where somebody watches and only when it takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from transformers.utils.logging import set_tqdm_hook

# Seconds before a bar appears: a small model is loaded sooner.
PATIENCE_S = 2.0


_PATIENT = {"delay": PATIENCE_S, "disable": None}
# Where compressed-tensors 0.20 makes bars of its own, without a hook for them; earlier versions make fewer.
_UNPACKING = (
    "compressed_tensors.quantization.lifecycle.apply",
    "compressed_tensors.compressors.model_compressors.model_compressor",
    "compressed_tensors.offload.dispatch",
)


@contextmanager
def patient_bars() -> Iterator[None]:
    """Inside the block, bars of transformers wait for PATIENCE_S, and stay away where stderr is no terminal."""
    before = set_tqdm_hook(_patient)
    try:
        yield
    finally:
        set_tqdm_hook(before)


@contextmanager
def patient_unpacking() -> Iterator[None]:
    """The same, and for bars of compressed-tensors, which has to be installed."""
    from tqdm import tqdm

    found = [import_module(name) for name in _UNPACKING if find_spec(name)]
    modules: list[Any] = [module for module in found if hasattr(module, "tqdm")]
    kept = [module.tqdm for module in modules]
    with patient_bars():
        for module in modules:
            module.tqdm = partial(tqdm, **_PATIENT)
        try:
            yield
        finally:
            for module, own in zip(modules, kept, strict=True):
                module.tqdm = own


def _patient(make: Callable[..., Any], arguments: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    return make(*arguments, **{**_PATIENT, **settings})

"""From a model and a method to a quantized folder with its report: calibrate, write, measure before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError, DataError
from whet.base.units import figure, size
from whet.export.card import Card
from whet.export.limits import QUANTIZED
from whet.export.observation import observe
from whet.export.quantizing.calibration import Rows, perplexity, read_samples
from whet.export.quantizing.coding import Told, untold
from whet.export.quantizing.folder import folder_bytes, write_quantized
from whet.export.quantizing.original import open_original
from whet.export.report import Measured, Report, compare
from whet.export.weights import SHARD_BYTES
from whet.generate.models import load_model
from whet.models.loading.families import stated_length

if TYPE_CHECKING:
    import torch

    from whet.contracts.sample import Sample
    from whet.export.quantizing.method import Method


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is quantized besides the method: data to calibrate and measure on, what keeps its precision, files."""

    data: Rows
    held_out: Sequence[Any] = ()
    keep: tuple[str, ...] = ()
    dtype: torch.dtype | None = None
    shard_bytes: int = SHARD_BYTES
    device: str = "cpu"
    check: bool = True


def quantize(
    path: str, method: Method, output: Path, wanted: Wanted, card: Card | None = None, told: Told = untold
) -> Report | None:
    """Write the model of `path` (adapters merged) with quantized linear layers into the new folder `output`.

    Raises ConfigError for a method that needs data and has none, and ModelError when the result drifts beyond the
    limits of its bits; its files are then kept as `<output>.failed`. Without `check` there is no report, and the model
    is never whole in memory.
    """
    if method.needs_data and not wanted.data.entries:
        raise ConfigError(
            "this way of quantizing looks at what the model does with data, and there is none",
            hint="--data chat.jsonl, or --kind int4",
        )
    original = open_original(path, wanted.dtype)
    context = stated_length(original.config)
    samples = read_samples(wanted.data, original.tokenizer, context) if method.needs_data else []
    if method.needs_data and not samples:
        raise DataError("no row of the data can be used", hint=f"whet data inspect {_name(wanted.data.entries[0])}")
    prove = None
    if wanted.check:
        unseen, where = _unseen(wanted, original.tokenizer, context, samples)
        prove = _proof(path, method, wanted, original.dtype, unseen, where)
    return write_quantized(
        output,
        original,
        method,
        samples=samples,
        keep=wanted.keep,
        shard_bytes=wanted.shard_bytes,
        card=card,
        device=wanted.device,
        told=told,
        check=prove,
    )


def _unseen(
    wanted: Wanted, tokenizer: Any, context: int | None, samples: Sequence[Sample]
) -> tuple[Sequence[Sample], str]:
    """Samples to measure on, and where they are from: held-out data, or what calibration has not seen of its own."""
    if wanted.held_out:
        found = read_samples(replace(wanted.data, entries=wanted.held_out), tokenizer, context)
        if not found:
            raise DataError("no row of the held-out data can be used", hint="give another file to --held-out")
        return found, "held-out data"
    rest = read_samples(wanted.data, tokenizer, context, skip=len(samples)) if wanted.data.entries else []
    if rest:
        return rest, "rows that calibration has not seen" if samples else "the data"
    return samples, "the rows it was calibrated on"


def _proof(
    path: str, method: Method, wanted: Wanted, dtype: torch.dtype, unseen: Sequence[Sample], where: str
) -> Callable[[Path], Report]:
    """What compares the written folder with the original, which is loaded, observed and measured now."""
    loaded = load_model(path, device=wanted.device, dtype="fp32")
    trained = observe(loaded.module, loaded.processor)
    before = perplexity(loaded, unseen) if unseen else None
    num_weights = sum(parameter.numel() for parameter in loaded.module.parameters())
    del loaded
    limits = QUANTIZED[method.coarseness]

    def prove(folder: Path) -> Report:
        report = compare(trained, folder, device=wanted.device, limits=limits)
        measured = {"size": _sizes(num_weights * dtype.itemsize, folder_bytes(folder), method)}
        if before is None:
            measured["perplexity"] = Measured(None, None, "not measured, for want of --held-out")
            return replace(report, measured=measured)
        after = perplexity(load_model(str(folder), device=wanted.device, dtype="fp32"), unseen)
        tokens = sum(int((one.weights > 0).sum()) for one in unseen)
        text = f"{figure(before)} before, {figure(after)} after ({figure(tokens)} tokens of {where})"
        measured["perplexity"] = Measured(before, after, text)
        failures = list(report.failures)
        if not after <= before * limits.perplexity:
            factor = figure(after / before)
            failures.append(f"the perplexity grew by a factor of {factor}, and {limits.perplexity:.3g} is allowed")
        return replace(report, measured=measured, failures=failures)

    return prove


def _sizes(before: int, after: int, method: Method) -> Measured:
    return Measured(before, after, f"{size(before)} before, {size(after)} after ({method.describe()})")


def _name(entry: Any) -> str:
    return str(entry["path"] if isinstance(entry, dict) else entry)

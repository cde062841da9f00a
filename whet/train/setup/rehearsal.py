"""The rehearsal: before the first step, the end of a run is tried on a twin of its model.

The twin has the same classes, few layers, tiny sizes and the run's own tokenizer. It is stored, loaded as the model
was, takes a step of the run's objective and optimizer, is moved off every zero start, written as the result will be,
and read back as transformers and PEFT read it. What raises there would have raised at the end, when it costs a run.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from whet.base.catalogue import model_source, tuner
from whet.base.errors import ModelError, WhetError, is_out_of_memory, one_line
from whet.base.run import Run
from whet.base.seeds import forked
from whet.contracts.model import Loaded
from whet.contracts.tuner import Tuner
from whet.data.store.cache import default_cache
from whet.models.loading.families import auto_class
from whet.models.loading.progress_bars import patient_bars
from whet.models.loading.reading import read
from whet.models.loading.spec import Spec
from whet.models.probing.twin import randomise, twin_config
from whet.models.text import text_config
from whet.train.result import write_result
from whet.train.run.folder import RunFolder
from whet.train.setup.likeness import digest
from whet.train.setup.resolve import measured_batch
from whet.train.setup.sources import Feed
from whet.train.setup.trained import Trained

# Of a twin that is not shrunk: 4 bytes each, with gradients and moments.
LARGEST = 50e6
TOKENS = 24
# What a report says of a twin holds of the model too; that rounding has moved a random one further than a limit, not.
_HOLDS = ("the chat template", "the tokenizer gives", "tensors of the adapter are lost")

# From the settings of a run on the twin's folder, all that trains the twin.
Make = Callable[[Run], Trained]


def rehearse(trained: Trained, feed: Feed, make: Make) -> str | None:
    """Raise ModelError when the end of the run would fail; else None, or a notice of what could not be tried.

    What has passed once is not tried again for a run of the same digest.
    """
    run, world, model = trained.run, trained.world, trained.loaded
    if model.processor is None or not model_source.get(run.model.kind).facts.rehearsed or not world.is_writer:
        return None
    failure, reason = None, "a small model of its type would be large"
    for shrink in (True, False):
        with tempfile.TemporaryDirectory(prefix="whet-rehearsal-") as folder, forked(run.seed, "rehearsal"), _quiet():
            try:
                mark = default_cache() / "rehearsed" / digest(run, model, shrink=shrink)
                if mark.exists():
                    return None
                twin = _twin(run, model, Path(folder) / "base", shrink=shrink)
            except Exception as error:  # names and limits in configs are not standardised: such a twin tells nothing
                twin, reason = None, f"no small model of its type could be built ({one_line(error)})"
            if twin is None:
                if failure is None:
                    continue
                break
            failure = _failure(twin, model, feed, make, Path(folder))
        if failure is None:
            _remember(mark)
            return None
    if twin is None:
        told = failure.message if failure else reason
        return f"the end of the run could not be rehearsed, and may fail: {told}"
    raise failure  # type: ignore[misc]


def _twin(run: Run, model: Loaded, folder: Path, *, shrink: bool) -> Run | None:
    """The run on a stored twin of its model; None where that would be large."""
    values = run.model.values()
    spec = Spec(**{name: value for name, value in values.items() if name not in ("new_tokens", "quantize", "keep")})
    config, tokenizer = read(spec)
    small = twin_config(config, shrink=shrink)
    for one in (small, text_config(small)):
        for name in vars(one):
            if name.endswith(("vocab_size", "_token_id")):
                setattr(one, name, getattr(config, name, None) or getattr(text_config(config), name, None))
    kind = auto_class(small, allow_code=spec.allow_code)
    how: dict[str, Any] = {"dtype": torch.float32, "trust_remote_code": spec.allow_code}
    if not shrink:
        with torch.device("meta"):
            size = sum(parameter.numel() for parameter in kind.from_config(small, **how).parameters())
        if size > LARGEST:
            return None
    module = kind.from_config(small, **how)
    randomise(module)
    module.save_pretrained(folder)
    (tokenizer or model.processor).save_pretrained(folder)  # type: ignore[union-attr]
    stored = dict.fromkeys(("init", "tokenizer", "revision", "base")) | {"path": str(folder)}
    train = run.train.model_copy(update={"compile": False})
    return run.model_copy(update={"model": run.model.model_copy(update=stored), "train": train})


def _failure(run: Run, model: Loaded, feed: Feed, make: Make, folder: Path) -> ModelError | None:
    """What goes wrong with the twin, in a sentence; None where nothing does that would go wrong with the model."""
    doing, at, hint = "cannot be prepared", "tuner", "tuner=full"
    try:
        trained = make(run)
        alike = replace(trained.loaded.capabilities, shares=model.capabilities.shares)
        trained = replace(trained, loaded=replace(trained.loaded, capabilities=alike))
        doing, at, hint = "takes no step", "objective", "optimizer=adamw, or tuner=full"
        _step(trained, feed)
        doing, at, hint = "cannot be written, or read again", "tuner", "tuner=full"
        _move(trained.loaded.module, trained.tuner)
        _write(trained, RunFolder(folder / "run"))
    except ModelError as error:
        if not any(failure in error.message for failure in _HOLDS):
            return None  # a name, a size or a count that the twin lacks and the model may have
        lost = re.search(r"\.(\w+)\.\w+\.lora_", error.message)
        hint = f'tuner.exclude=".*{lost[1]}.*"' if lost else hint
        return ModelError(f"the run could not keep its result: {error.message}", at=at, hint=hint)
    except WhetError:
        return None
    except Exception as error:
        if is_out_of_memory(error):
            raise
        kind = run.tuner.kind
        return ModelError(
            f"a `{_type_of(model)}` with `tuner: {kind}` {doing}: {one_line(error)}", at=at,
            hint=hint if kind != tuner.default else "another model, or other settings of it",
        )  # fmt: skip
    return None


def _type_of(model: Loaded) -> str:
    return str(getattr(getattr(model.module, "config", None), "model_type", type(model.module).__name__))


def _step(trained: Trained, feed: Feed) -> None:
    batch, executor = measured_batch(trained, feed, TOKENS), trained.executor

    def gradients() -> float:
        return executor.gradients([batch])

    trained.tuner.init(trained.loaded.module, SimpleNamespace(total_steps=feed.total, gradients=gradients))
    weights, _ = executor.weigh([batch], {})
    executor.step(0, [batch], weights, 1.0)


def _move(module: nn.Module, method: Tuner) -> None:
    """Give what an adapter trains values off its start, so that nothing lost hides behind a zero."""
    if not method.is_adapter:
        return
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=0.05)


def _write(trained: Trained, folder: RunFolder) -> None:
    folder.path.mkdir()
    with trained.executor.evaluation_weights():
        write_result(trained, folder, continues=False)  # what fails while generating fails no run


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing of a twin is shown: neither bars nor what libraries warn of, which the run itself will hear."""
    with patient_bars(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _remember(mark: Path) -> None:
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:  # a cache that others may only read
        return

"""Run one task on one model, and put what it found beside the run that the model came from."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.catalogue import task
from whet.base.chosen import checked
from whet.base.digests import fingerprint
from whet.base.errors import ModelError
from whet.base.slots import Kind
from whet.contracts.model import FAMILIES
from whet.evaluate.result import Result, Watch
from whet.track.logs.event_log import EventLog
from whet.track.logs.frames import EVALUATION
from whet.track.reading import store
from whet.track.records import EvaluationRecord, content
from whet.track.registry.registry import Registry, folder_of
from whet.track.script.plain import plain

if TYPE_CHECKING:
    from whet.contracts.model import Loaded


def evaluate(
    name: str, settings: Mapping[str, Any], loaded: Loaded, *, model: str = "", watch: Watch | None = None
) -> Result:
    """Run the task called `name`. Raises ConfigError for settings that it does not have or cannot use."""
    kind = task.get(name)
    chosen = checked(kind, settings)
    _check_model(kind, loaded)
    began = time.perf_counter()
    result = kind.build(loaded, watch, **chosen)
    facts = {**result.facts, **_data(chosen.get("file"))}
    less = list(kind.facts.less_is_better)
    seconds = time.perf_counter() - began
    return replace(result, settings=chosen, model=model, seconds=seconds, facts=facts, less_is_better=less)


def _data(file: Any) -> dict[str, str]:
    """The digest of the file that was measured on, by which results on the same data are known."""
    path = Path(str(file).rpartition("#")[0] or str(file))
    return {"data": fingerprint(path)} if path.is_file() else {}


def _check_model(kind: Kind, loaded: Loaded) -> None:
    """Raise ModelError for a model whose head or family the task does not measure."""
    from whet.models.forward.heads import head_of

    module: Any = loaded.module
    head, family = head_of(module.config), loaded.capabilities.family
    is_for = partial(_measures, head=head.kind if head else None, family=family)
    if is_for(kind):
        return
    fitting = [name for name in task.names() if is_for(task.get(name))]
    hint = f"--task {' or '.join(fitting)}" if fitting else "the held-out loss of its run"
    families = kind.facts.families
    if family not in families:
        raise ModelError(
            f"the task `{kind.name}` measures {' or '.join(FAMILIES[one] for one in families)}, and the model is "
            f"{FAMILIES[family]}",
            hint=hint,
        )
    raise ModelError(f"the task `{kind.name}` does not measure a {type(module).__name__}", hint=hint)


def _measures(kind: Kind, head: str | None, family: str) -> bool:
    """Tasks measure causal language models, unless they say something else."""
    return family in kind.facts.families and head in kind.facts.heads


def keep(result: Result, run: Path) -> Path:
    """Write a result into its run: `evaluations/<task>-<time>.json`, and an `evaluation` record in the log.

    The record stands at the run's last step. Returns the file.
    """
    logs = store.history(run)
    step = logs.last_step or 0
    path = run / "evaluations" / f"{result.task}-{datetime.now():%Y%m%d-%H%M%S-%f}.json"
    write(result, path)
    metrics = {f"{result.task}/{name}": value for name, value in result.metrics().items()}
    record = EvaluationRecord(step, metrics, result.seconds)
    log = EventLog(run / store.LOGS, EVALUATION)
    log.event(record.kind, step, content(record))
    log.close("done", f"evaluated {result.task}")
    return path


def keep_of_version(result: Result, reference: str, root: Path) -> str:
    """Put a result beside a version of the registry. Returns what the version is called."""
    registry = Registry(folder_of(root))
    version = registry.resolve(reference)
    registry.evaluated(version, plain(result.to_dict()))
    return registry.name_of(version)


def write(result: Result, path: Path) -> None:
    """The result as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(plain(result.to_dict()), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)

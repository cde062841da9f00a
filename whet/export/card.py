"""The model card: what the model came from and what was measured on the way, as far as the run knows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from whet.base.units import figure
from whet.base.yaml import parse
from whet.track.reading import store

if TYPE_CHECKING:
    from whet.models.loading.classes import Class


@dataclass(frozen=True, slots=True)
class Card:
    """Facts for the README: name, base model, data sources, figures by name, and the run's config as YAML."""

    name: str
    base_model: str | None = None
    data: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    config: str | None = None
    day: date = field(default_factory=date.today)

    def text(
        self, kind: Class, *, num_parameters: int, dtype: str, adapter: str | None = None, told: Sequence[str] = ()
    ) -> str:
        """The card as Markdown with its YAML head. The licence is left to whoever publishes the model.

        `kind` is what loads the model, or the base of an `adapter` (the method), whose card says how to put it there;
        `told` are arguments that loading needs besides the place.
        """
        facts = {"parameters": f"{figure(num_parameters)} ({dtype})", "date": self.day.isoformat(), **self.figures}
        if adapter:
            facts = {"adapter": adapter, **facts}
        head = _head(self.base_model, "peft" if adapter else "transformers", kind.purpose)
        use = _use(kind, bool(adapter), ", ".join(['"PATH"', *told]))
        parts = [head, f"# {self.name}", _origin(self.base_model, self.data), _table(facts), use]
        if self.config:
            parts.append(f"## Config\n\n```yaml\n{self.config.strip()}\n```")
        return "\n\n".join(part for part in parts if part) + "\n"


def _use(kind: Class, is_adapter: bool, arguments: str) -> str:
    """The lines that load the model."""
    auto = kind.auto.__name__
    lines = [f"from transformers import {auto}, AutoTokenizer"]
    load = f"{auto}.from_pretrained({arguments})"
    if is_adapter and kind.adapted:
        lines = [f"from peft import {kind.adapted}", "from transformers import AutoTokenizer"]
        load = f"{kind.adapted}.from_pretrained({arguments})"
    elif is_adapter:
        lines = ["from peft import PeftModel", *lines]
        load = f'PeftModel.from_pretrained({auto}.from_pretrained("BASE"), {arguments})'
    code = [*lines, "", 'tokenizer = AutoTokenizer.from_pretrained("PATH")', f"model = {load}"]
    return "\n".join(["## Use", "", "```python", *code, "```"])


def card_of_run(run: Path) -> Card:
    """What the run's folder says of itself: its config, the last value of its main curves, evaluations kept in it.

    Of absolute paths only the last part is told: a card is meant to be published.
    """
    path = run / "config.yaml"
    values = _without_places(parse(path.read_text(encoding="utf-8"), str(path))[0]) if path.is_file() else {}
    base, data = _sources(values)
    dumper = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
    config = yaml.dump(values, Dumper=dumper, sort_keys=False, allow_unicode=True) if values else None
    return Card(run.resolve().name, base, data, {**_curves(run), **_evaluations(run)}, config)


def _curves(run: Path) -> dict[str, Any]:
    logs = store.history(run)
    found: dict[str, Any] = {} if logs.last_step is None else {"steps": logs.last_step}
    tokens = logs.scalar("tokens")[1]
    if len(tokens):
        found["tokens"] = figure(float(tokens.sum()))
    for name, curve in (("training loss (last)", "loss"), ("held-out loss (last)", "eval/loss")):
        values = logs.scalar(curve)[1]
        if len(values):
            found[name] = figure(float(values[-1]))
    return found


def _evaluations(run: Path) -> dict[str, str]:
    """The newest result of each task and file that `whet evaluate` kept in the run."""
    found = {}
    for path in sorted((run / "evaluations").glob("*.json"), key=lambda path: path.stat().st_mtime):
        result = json.loads(path.read_text(encoding="utf-8"))
        file = Path(str(result["settings"].get("file", ""))).name
        for name, one in result["figures"].items():
            error = f" ± {figure(one['error'])}" if one["error"] is not None else ""
            found[f"{result['task']}: {name} ({file})"] = f"{figure(float(one['value']))}{error}"
    return found


def _sources(config: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The base model and the data of a config, which may be the resolved one or what the user typed."""
    model, data = config.get("model"), config.get("data")
    base = model.get("path") if isinstance(model, dict) else model
    train = data.get("train") if isinstance(data, dict) else data
    entries = [train] if isinstance(train, str) else train or []
    return base, [str(entry.get("path")) if isinstance(entry, dict) else str(entry) for entry in entries]


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_places(entry) for entry in value]
    return Path(value).name if isinstance(value, str) and value.startswith(("/", "~")) else value


def _head(base_model: str | None, library: str, purpose: str) -> str:
    # Only a hub id names the same model to everyone.
    base = [f"base_model: {base_model}"] if base_model and base_model.count("/") == 1 else []
    lines = [f"library_name: {library}", f"pipeline_tag: {purpose}", *base, "license:  # yours to choose"]
    return "\n".join(["---", *lines, "---"])


def _origin(base_model: str | None, data: Sequence[str]) -> str:
    start = f" from {base_model}" if base_model else ""
    on = f" on {', '.join(data)}" if data else ""
    return f"Trained{start}{on} with whet." if start or on else ""


def _table(facts: Mapping[str, Any]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())])

"""Configs that were mutated, up to the built model: a run or a refusal with a hint, no traceback and no hang."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fuzz.tried import fault_of, odd_values
from tests.tiny import config
from whet.base.catalogue import SLOTS
from whet.base.config import from_mapping, load
from whet.base.run import Run
from whet.base.yaml import dump_value
from whet.models.tuners.full import Still
from whet.parallel.world import World
from whet.train.setup.models import build_model, read_model
from whet.train.setup.paths import located
from whet.train.setup.preflight import enter
from whet.train.source_kind import source_of

SECTIONS: list[dict[str, Any]] = [
    {},
    {"objective": {"kind": "dpo"}, "tuner": {"kind": "lora", "rank": 4}},
    {"objective": {"kind": "grpo"}, "rewards": [{"kind": "length"}], "rollout": {"prompts": 2}},
    {"objective": "pretrain", "optimizer": {"kind": "muon"}, "schedule": {"kind": "wsd"}},
    {"objective": "sequence-classification", "optimizer": "galore"},
    {"objective": "embedding", "tuner": {"kind": "ia3"}},
    {"model": {"kind": "mlp", "features": 4, "classes": 3}, "objective": "classify"},
    {"data": {"held_out": 0.1}, "evaluate": {"every": 2, "prompts": ["x"], "early_stop": 2}},
]
# Of how many configs that pass the door the model is built: that takes most of the time.
BUILT_ONE_IN = 10


@pytest.mark.case("D2")
@pytest.mark.case("B4")
def test_a_mutated_config_is_a_run_or_a_refusal_with_a_hint(tmp_path, monkeypatch, tries):
    monkeypatch.chdir(tmp_path)
    bases = [config(tmp_path, **sections) for sections in SECTIONS]
    faults = {}
    for number in range(tries(150, 5000)):
        draw = random.Random(f"config {number}")
        try_one = _mutated(draw, copy.deepcopy(draw.choice(bases)), tmp_path)
        fault = fault_of(try_one)
        if fault:
            faults[number] = fault
    assert not faults, f"{len(faults)} faults: " + "\n".join(f"{n}: {text}" for n, text in list(faults.items())[:5])


def _mutated(draw: random.Random, base: dict[str, Any], folder: Path) -> Callable[[], None]:
    """A config with one to three mutations, loaded as a mapping, a file, or a file with overrides."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        draw.choice([_replace, _change, _change, _change, _set_a_setting, _set_a_setting, _rename, _remove])(draw, base)
    way, is_built = draw.choice(["mapping", "file", "text", "override"]), draw.randrange(BUILT_ONE_IN) == 0

    def go() -> None:
        if way == "mapping":
            loaded = from_mapping(base)
        elif way == "override":
            words = [f"{_dotted(keys)}={_typed(draw)}" for keys in draw.sample(list(_places(base)), k=2)]
            loaded = load(_written(folder, dump_value(_plain(config(folder)))), words)
        else:
            text = dump_value(_plain(base))
            loaded = load(_written(folder, _damaged(draw, text) if way == "text" else text))
        _enter(loaded.run, is_built)

    return go


def _enter(run: Run, is_built: bool) -> None:
    """What a run does before it reads its data."""
    run = located(run)
    chosen, method = enter(run, source_of(run), is_new=True)
    read_model(run, chosen)
    if is_built:
        with torch.random.fork_rng():
            build_model(run, World(torch.device("cpu")), method or Still())


def _places(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*keys, key)
        yield from _places(inner, (*keys, key))


def _parent(value: Any, keys: tuple[Any, ...]) -> Any:
    for key in keys[:-1]:
        value = value[key]
    return value


def _replace(draw: random.Random, base: dict[str, Any]) -> None:
    keys = draw.choice(list(_places(base)))
    _parent(base, keys)[keys[-1]] = odd_values(draw)


def _change(draw: random.Random, base: dict[str, Any]) -> None:
    """Another value of the same type: most pass the schema."""
    keys = draw.choice(list(_places(base)))
    held, before = _parent(base, keys), _parent(base, keys)[keys[-1]]
    odd = [odd_values(draw) for _ in range(40)]
    held[keys[-1]] = next((value for value in odd if type(value) is type(before)), before)


def _remove(draw: random.Random, base: dict[str, Any]) -> None:
    keys = draw.choice(list(_places(base)))
    del _parent(base, keys)[keys[-1]]


def _rename(draw: random.Random, base: dict[str, Any]) -> None:
    keys = draw.choice([keys for keys in _places(base) if isinstance(keys[-1], str)])
    parent = _parent(base, keys)
    name = draw.choice([keys[-1][:-1], keys[-1] + "s", draw.choice([1, None, True, "", "\0", "x" * 5000])])
    parent[name] = parent.pop(keys[-1])


def _set_a_setting(draw: random.Random, base: dict[str, Any]) -> None:
    """Any setting that there is, of a section or of any kind of its slot."""
    section = draw.choice(list(Run.model_fields))
    slot = SLOTS.get("model_source" if section == "model" else section)
    if slot is None:
        fields = getattr(Run.model_fields[section].annotation, "model_fields", None)
        if fields is None:
            base[section] = odd_values(draw)
        else:
            held = base.setdefault(section, {})
            (held if isinstance(held, dict) else {})[draw.choice(list(fields))] = odd_values(draw)
        return
    kind = slot.get(draw.choice(slot.names()))
    fields = [name for name in kind.settings.model_fields if name != "kind"]
    values = (
        {draw.choice(fields): draw.choice([odd_values(draw), draw.choice([0, 1, 2, 1e-3, 0.5, "x", [], True])])}
        if fields
        else {}
    )
    before = base.get(section) if section == "model" else None
    kept = before if isinstance(before, dict) and draw.random() < 0.8 else {"kind": kind.name}
    base[section] = {**kept, **values}


def _typed(draw: random.Random) -> str:
    value = odd_values(draw)
    return value if isinstance(value, str) and draw.random() < 0.5 else dump_value(_plain(value))


def _dotted(keys: tuple[Any, ...]) -> str:
    return ".".join(map(str, keys))


def _plain(value: Any) -> Any:
    """The value as YAML can write it: keys as text."""
    if isinstance(value, dict):
        return {key if isinstance(key, str | int | bool | float) else str(key): _plain(v) for key, v in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    return path


def _damaged(draw: random.Random, text: str) -> str:
    """The text of a config with a few letters put in, taken out or repeated."""
    for _ in range(draw.choice([1, 2, 5])):
        at = draw.randrange(len(text) + 1)
        how = draw.choice(["in", "out", "twice", "cut"])
        if how == "in":
            text = text[:at] + draw.choice("{}[]:,&*!|>%@`'\"#-? \t\n\0\x7fé0") + text[at:]
        elif how == "out":
            text = text[:at] + text[at + 1 :]
        elif how == "twice":
            text = text[:at] + text[max(0, at - 30) :]
        elif draw.random() < 0.2:
            text = text[:at]
    return text

"""Model folders that are damaged, over the commands that read them: an answer or a refusal with a hint."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.tried import limited, odd_values
from tests.tiny import LLAMA, conversations, tokenizer, write_rows
from whet.cli import exit_codes
from whet.cli.main import main

COMMANDS: list[tuple[str, Callable[[Path, Path], list[str]]]] = [
    ("chat", lambda m, t: ["chat", str(m), "--prompt", "the quick", "--max-new-tokens", "2", "--device", "cpu"]),
    ("train", lambda m, t: ["train", "--model", str(m), "--data", str(t / "rows.jsonl"), "train.steps=1",
                            f"track.folder={t / 'runs'}", "track.sinks=[]"]),
    ("evaluate", lambda m, t: ["evaluate", str(m), "--task", "loss", "--file", str(t / "rows.jsonl")]),
    ("export", lambda m, t: ["export", str(m), "--output", str(t / "out")]),
    ("merge", lambda m, t: ["merge", str(m), "--other", str(t / "model"), "--output", str(t / "out"), "--no-check"]),
    ("quantize", lambda m, t: ["quantize", str(m), "--kind", "int8", "--output", str(t / "out"), "--no-check"]),
    ("inspect", lambda m, t: ["data", "inspect", str(t / "rows.jsonl"), "--model", str(m), "--limit", "2"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A tiny model in two shards with an adapter of it beside, and rows."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("folders")
    tokenizer(folder / "model")
    write_rows(folder / "rows.jsonl", conversations(4))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**{**LLAMA, "vocab_size": 400}))
        model.save_pretrained(folder / "model", max_shard_size="40KB")
        model.name_or_path = str(folder / "model")
        get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(folder / "adapter")
    assert (folder / "model" / "model.safetensors.index.json").is_file()
    return folder


@pytest.mark.case("D6")
@pytest.mark.case("B5")
def test_a_damaged_model_folder_is_read_or_refused_with_a_hint(whole, tmp_path, monkeypatch, capsys, tries):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    faults = {}
    for number in range(tries(8, 200)):
        draw = random.Random(f"folder {number}")
        damaged = tmp_path / "damaged"
        what = draw.choice(["model", "model", "model", "adapter"])
        shutil.copytree(whole / what, damaged)
        done = _damage(draw, damaged)
        name, words = draw.choice(COMMANDS[:4] if what == "adapter" else COMMANDS)
        fault = _fault(words(damaged, whole), capsys)
        if fault:
            faults[f"{number} {name} {done}"] = fault
        for place in (damaged, whole / "out", whole / "runs"):
            shutil.rmtree(place, ignore_errors=True)
    assert not faults, f"{len(faults)} faults: " + "\n".join(f"{n}: {t[-1500:]}" for n, t in list(faults.items())[:5])


def _fault(words: list[str], capsys: Any) -> str | None:
    """What is wrong with how a command ends: code 2 with a hint, or 0, or 1 for a report that has not passed."""
    capsys.readouterr()
    try:
        with limited():
            code = main(words)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    told = capsys.readouterr().err
    if code == exit_codes.MISTAKE:
        return None if "hint: " in told and "Traceback" not in told else told
    return None if code == exit_codes.DONE else f"exit code {code}: {told}"


def _damage(draw: random.Random, folder: Path) -> str:
    """Damage one file of the folder. Returns what was done."""
    file = draw.choice(sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".md"))
    ways: list[Callable[[random.Random, Path], None]] = [_cut, _empty, _garbage, _remove, _become_a_folder, _flip]
    ways += [_become_a_pipe]
    if file.suffix == ".json":
        ways += [_change_json] * 6 + [_list, _bomb]
    if file.name.endswith("index.json"):
        ways += [_point_out] * 3
    how = draw.choice(ways)
    how(draw, file)
    return f"{file.name} {how.__name__}"


def _cut(draw: random.Random, file: Path) -> None:
    file.write_bytes(file.read_bytes()[: draw.randrange(1 + file.stat().st_size)])


def _empty(draw: random.Random, file: Path) -> None:
    file.write_bytes(b"")


def _garbage(draw: random.Random, file: Path) -> None:
    file.write_bytes(draw.randbytes(300))


def _remove(draw: random.Random, file: Path) -> None:
    file.unlink()


def _become_a_folder(draw: random.Random, file: Path) -> None:
    file.unlink()
    file.mkdir()


def _become_a_pipe(draw: random.Random, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _flip(draw: random.Random, file: Path) -> None:
    content = bytearray(file.read_bytes())
    if content:
        content[draw.randrange(min(len(content), 400))] ^= 1 << draw.randrange(8)
    file.write_bytes(bytes(content))


def _list(draw: random.Random, file: Path) -> None:
    file.write_text(draw.choice(["[]", "[1]", "null", "3", '"x"', "{}"]))


def _bomb(draw: random.Random, file: Path) -> None:
    file.write_text(draw.choice(["[" * 100_000, '{"a":' * 100_000, '{"a": ' + "9" * 5000 + "}"]))


def _change_json(draw: random.Random, file: Path) -> None:
    """Another value, no value, or another name, somewhere near the top."""
    held = json.loads(file.read_text())
    inner = held
    for _ in range(draw.choice([0, 0, 0, 1, 2])):
        below = [v for v in (inner.values() if isinstance(inner, dict) else inner) if isinstance(v, dict | list) and v]
        inner = draw.choice(below) if below else inner
    key = draw.choice(list(inner)) if isinstance(inner, dict) else draw.randrange(len(inner))
    how = draw.choice(["set", "set", "set", "remove", "rename"])
    if how == "set" or isinstance(inner, list):
        inner[key] = odd_values(draw)
    else:
        value = inner.pop(key)
        if how == "rename":
            inner[key[:-1]] = value
    file.write_text(json.dumps(held))


def _point_out(draw: random.Random, file: Path) -> None:
    held = json.loads(file.read_text())
    names = held["weight_map"]
    names[draw.choice(list(names))] = draw.choice(
        ["../outside.safetensors", "/etc/passwd", "none.safetensors", 5, None]
    )
    file.write_text(json.dumps(held))

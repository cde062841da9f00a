"""Runs for the views of a run's parts, the registry and boards: `made(ROOT)` writes those that are missing.

taught          a training on talks with tools and on facts, with rows that are refused, checkpoints, what was measured
rewarded        one on its own answers, with rewards and calls of a tool
drawn, drawn-b  pictures, sound, tables, text, points and HTML that would do harm
owls            two versions in the registry, measured on the same rows
shop            what a served model was asked
digits, owls    boards with two entries and with one
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

import whet.track as track

THINGS = {"fox": "seven", "dog": "two", "cat": "nine", "owl": "twelve"}
TOOLS = '''"""A shop."""

COSTS = {"fox": "seven", "dog": "two", "cat": "nine", "owl": "twelve"}


def price(thing: str) -> str:
    """What a thing costs."""
    return COSTS[thing]
'''
REWARDS = """def brief(completion):
    return 1 / (1 + len(completion) / 20)
"""
HOSTILE = """<!doctype html><title>harm</title><h1>A page that was logged</h1>
<script>document.title = 'ran'; fetch('/api/v1/runs').then((a) => parent.postMessage('stolen', '*'));
top.location = '/stolen'</script><img src=x onerror="parent.postMessage('stolen', '*')"><form action=/api/v1/runs>
<button>send</button></form>"""


def made(root: Path) -> None:
    """Everything, unless it is there."""
    if not (root / "drawn-b").exists():
        for name, seed in (("drawn", 0), ("drawn-b", 1)):
            with track.init(dir=str(root), name=name, project="media", id=name) as run:
                drawn(run, seed)
    if not (root / ".registry").exists():
        trained(root, root.parent / f"{root.name}-material")
        measured(root)
        named(root)
    if not (root / "shop").exists():
        asked(root)
    if not (root / ".boards").exists():
        whet("boards", "make", "digits", "--title", "Digits in 400 steps", "--about", ABOUT, "--metric", "loss",
             "--like", "digits-0", "--frozen", "batch", "--curves", "loss", root=root)  # fmt: skip
        for name in ("digits-2", "digits-0"):
            whet("boards", "enter", "digits", name, "--note", "as it is", root=root)
        whet("boards", "make", "owls", "--title", "Owls", "--metric", "eval/loss", root=root)
        whet("boards", "enter", "owls", "taught", root=root)


ABOUT = "Learn the digits in **400 steps** of 32. What counts is the loss at the end."


def asked(root: Path) -> None:
    """What a served model was asked, of which the last questions are longer, one has failed, and one was bad."""
    from whet.generate.models import load_model
    from whet.generate.prompts import prompt_ids
    from whet.generate.protocol import GenerateSettings
    from whet.generate.serving.engine import ServingEngine
    from whet.generate.serving.request import Limits, Request
    from whet.server.openai.observing.recorder import Recorder
    from whet.server.openai.observing.request import About, Price
    from whet.server.openai.observing.sinks import Store
    from whet.server.openai.refused import Refused

    loaded = load_model("taught", device="cpu", root=root)
    engine = ServingEngine(loaded, Limits(cache_tokens=4096))
    store = Store(root, "shop", {"model": "taught"})
    versions = {None: "registry:owls/1"}
    recorder = Recorder([store], keeps_text=True, price=Price(0.5, 1.5, 0.05), versions=versions, closing=store.close)
    for number in range(60):
        text = list(THINGS)[number % len(THINGS)] * (1 if number < 40 else 6)
        messages = [{"role": "user", "content": text}]
        about = About(operation="chat", model="taught", adapter=None, key="me", n=1, messages=messages)
        observed = recorder.begin(lambda about=about: about)
        observed.response_id = f"chatcmpl-{number}"
        settings = GenerateSettings(max_new_tokens=12)
        handle = engine.submit(Request(ids=prompt_ids(loaded.processor, messages), settings=settings))
        for _ in handle.pieces():
            observed.told(0)
        observed.end([handle], Refused("there was no whole answer after 600 s", status=408) if number == 3 else None)
    recorder.said({"label": False, "source": {"id": "chatcmpl-7", "key": "me", "comment": "rude"}}, "chatcmpl-7")
    recorder.close()
    engine.close()
    whet("requests", "score", "shop", "--reward", "length", "most=2", "margin=8", root=root)


def whet(*words: str, root: Path) -> None:
    """A command that must succeed."""
    from whet.cli.main import main

    assert main([*words, "--root", str(root)]) == 0, words


def drawn(run, seed: int) -> None:
    """Every kind of medium, at steps of its own."""
    noise = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, 64)
    for step in range(0, 40, 10):
        image = np.stack([np.outer(ramp, ramp), np.full((64, 64), step / 40), np.outer(ramp[::-1], ramp)], -1)
        run.log({
            "examples/picture": track.Image(image, caption=f"step {step}"),
            "examples/several": [track.Image(noise.random((24, 24)), caption=f"{n}") for n in range(3)],
            "scores": track.Table(
                columns=["input", "answer", "score", "picture"],
                data=[[f"row {n}", "a longer answer " * 4, n / 7, track.Image(noise.random((8, 8)))] for n in range(5)],
            ),
            "weights": track.Histogram(noise.normal(size=1000)),
        }, step=step)  # fmt: skip
    turn = np.linspace(0, 12 * np.pi, 1500)
    spiral = np.stack([np.cos(turn), np.sin(turn), turn / 20], -1)
    run.log({
        "sound": track.Audio(np.sin(np.arange(8000) / 12) * 0.3, sample_rate=8000, caption="a tone"),
        "points": track.Object3D(np.hstack([spiral, 255 * noise.random((1500, 3))]), caption="a spiral"),
        "page": track.Html(HOSTILE),
        "said": track.Text("<b>not bold</b>\nsecond line"),
        "film": track.Video((noise.random((4, 3, 32, 32)) * 255).astype(np.uint8), fps=4),
    }, step=30)  # fmt: skip


def talks(schemas: list) -> list[dict]:
    """Conversations with a system's words, a call, its result and an answer; then rows that no model can learn."""
    rows = []
    for thing, answer in THINGS.items():
        call = {"id": "call00000", "type": "function", "function": {"name": "price", "arguments": {"thing": thing}}}
        rows.append({"tools": schemas, "messages": [
            {"role": "system", "content": "You sell animals."},
            {"role": "user", "content": thing},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "name": "price", "tool_call_id": "call00000", "content": answer},
            {"role": "assistant", "content": answer},
        ]})  # fmt: skip
    bad = [{"messages": [{"role": "user", "content": "nobody answers"}]}, {"messages": []}]
    return [*rows * 3, *bad]


def trained(root: Path, work: Path) -> None:
    """One training by imitation, and one that goes on from it by rewards."""
    os.environ.pop("WHET_RECORD", None)
    from tests.tiny import LLAMA, conversations, write_rows
    from whet.generate.tools import load_tools
    from whet.models.tokenizers.training import train_tokenizer

    work.mkdir(exist_ok=True)
    (work / "tools.py").write_text(TOOLS)
    (work / "rewards.py").write_text(REWARDS)
    rows = talks([dict(tool.schema) for tool in load_tools([str(work / "tools.py")])])
    facts = conversations(30)
    write_rows(work / "talks.jsonl", rows)
    write_rows(work / "facts.jsonl", [*facts, {"instruction": "empty", "input": "", "output": ""}])
    write_rows(work / "held.jsonl", conversations(8))
    texts = [json.dumps(rows), *("<tool_call>\n</tool_call> <|turn|>tool assistant user seven two nine fox dog",) * 50]
    train_tokenizer([*texts, *(" ".join(one.values()) for one in facts)], 420, chat=True).save_pretrained(work / "tok")
    taught = {
        "model": {"init": {**LLAMA, "max_position_embeddings": 512}, "tokenizer": str(work / "tok")},
        "data": {
            "train": [{"path": str(work / "talks.jsonl"), "weight": 4}, str(work / "facts.jsonl")],
            "held_out": [str(work / "held.jsonl")],
            "max_skipped": 0.2,
        },
        "optimizer": {"lr": 1e-2}, "evaluate": {"every": 20},
        "train": {"steps": 80, "batch_samples": 8, "micro_batch": 4096, "checkpoint_every": 40, "keep": 5},
        "track": {"folder": str(root), "sinks": ["log"], "tokens_every": 20, "hardware_every_s": 0},
    }  # fmt: skip
    train(work, "taught", taught)
    write_rows(work / "prompts.jsonl", [{"prompt": thing, "answer": THINGS[thing]} for thing in THINGS])
    rewarded = {
        "model": str(root / "taught/model"), "data": [str(work / "prompts.jsonl")], "objective": "grpo",
        "rewards": {"functions": ["exact", f"{work / 'rewards.py'}:brief"], "workers": 1},
        "rollout": {
            "prompts": 4, "completions": 4, "max_new_tokens": 120, "max_turns": 3, "tools": [str(work / "tools.py")],
            "temperature": 0.8,
        },
        "optimizer": {"lr": 3e-3}, "train": {"steps": 3, "micro_batch": 2048, "checkpoint_every": 3},
        "track": {"folder": str(root), "sinks": ["log"], "hardware_every_s": 0},
    }  # fmt: skip
    train(work, "rewarded", rewarded)


def train(work: Path, name: str, config: dict) -> None:
    from whet.cli.main import main

    (work / f"{name}.yaml").write_text(json.dumps(config))
    assert main(["train", str(work / f"{name}.yaml"), "--name", name]) == 0, name


def measured(root: Path) -> None:
    """Both models, on rows that neither has seen."""
    held = str(root.parent / f"{root.name}-material" / "held.jsonl")
    for model in ("taught", "rewarded"):
        whet("evaluate", model, "--task", "loss", "--file", held, root=root)


def named(root: Path) -> None:
    """Both models as versions of one."""
    whet("registry", "add", "taught", "--name", "owls", "--alias", "candidate", root=root)
    whet("registry", "add", "rewarded", "--name", "owls", "--description", "after rewards", root=root)
    whet("registry", "tag", "owls", "team=birds", root=root)


if __name__ == "__main__":
    made(Path(sys.argv[1]))

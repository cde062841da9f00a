"""Examples of what arguments take: a hint has them in place of `FILE` and `MODEL`, so that it can be typed."""

from __future__ import annotations

import argparse

# By the option, else by what the help calls the value, else by the argument's own name.
_EXAMPLES = {
    "--task": "perplexity", "--reward": "length", "--gpu": "rtx-4090", "--length": "2048",
    "--tokens": "1e9", "--group": "trials", "--template": "chatml", "--called": "chat", "--curves": "loss",
    "--sort": "loss", "--top-k": "40", "--gpus": "8", "--keep": "lm_head", "--run": "first",
    "--calibration": "chat.jsonl",
    "--root": "runs", "--width": "100", "--height": "30", "--folder": "runs", "--host": "127.0.0.1",
    "DATA": "chat.jsonl",
    "A=WEIGHT": "runs/chat=0.5", "ADDRESS": "0.0.0.0", "ALIAS": "prod", "AXIS=N": "tensor=2", "BOARD": "colors",
    "CHECK": "end_of_turn", "COMMAND": "train", "DAYS": "30", "DIR": "out", "FILE": "chat.jsonl",
    "FILTER": "'loss < 2'", "FOLDER": "public", "HOST": "localhost", "ISSUER": "https://login.example.org",
    "KEY": "secret", "KEY=VALUE": "stage=tested", "MODEL": "Qwen/Qwen3-0.6B", "MODEL=WEIGHT": "runs/chat=0.5",
    "MONEY": "2.5", "N": "1", "NAME": "chat", "NAME=MODEL": "chat=runs/chat", "NAMES": "loss,lr",
    "OURS=FILE'S": "prompt=question", "P": "0.9", "REGEX": "lm_head", "REPORT": "rates", "RULE": "loss-spike",
    "RULE.SETTING=VALUE": "loss-spike.factor=3", "RUN": "first", "RUN.YAML": "run.yaml", "RUN|FOLDER": "runs/first",
    "S": "60", "SECONDS": "1", "SETTING": "optimizer.lr", "SIZE": "5GB", "SOURCE#ROW": "chat.jsonl#7", "TAG": "best",
    "TEXT": "'Name a color.'", "TOKEN": "'<tool>'", "TOKENS": "2048", "VERSION": "1", "X": "0.7",
    "KIND": "tensorboard", "METRIC": "loss", "SLOT": "optimizer", "TARGET": "Qwen/Qwen3-0.6B",
    "TEACHER": "Qwen/Qwen3-8B", "TITLE": "Colors", "WORDS": "train.steps=100",
}  # fmt: skip


def example_of(action: argparse.Action) -> str:
    """A value that the argument takes: its default, one of its choices, or one that goes with its name."""
    if action.choices is not None:
        return str(next(iter(action.choices)))
    if isinstance(action.default, int | float | str) and str(action.default):
        return str(action.default)
    named = action.metavar[0] if isinstance(action.metavar, tuple) else action.metavar
    keys = [*action.option_strings, str(named).upper(), action.dest.upper()]
    return next((_EXAMPLES[key] for key in keys if key in _EXAMPLES), "1")

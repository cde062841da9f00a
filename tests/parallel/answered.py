"""Answers that a mesh gives, beside those of one process."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from tests.generate import tiny
from tests.parallel.meshes import VOCAB, Case, model
from whet.contracts.rewards import questions
from whet.generate.groups import Groups
from whet.generate.protocol import GenerateSettings
from whet.parallel.world import World
from whet.train.online.player import together

DRAWN = GenerateSettings(max_new_tokens=10, temperature=1.0)
PROMPTS = [[place * 7 % VOCAB + 1 for place in range(start, start + length)] for start, length in ((3, 7), (40, 4))]


def answered(case: Case, folder: Path) -> list[list[float]]:
    """Log-probabilities of three answers to each of two prompts, which all ranks ask for, and the tokens in numbers of
    their size."""
    world = World.start("cpu", 60, case.sizes) if case.mesh else World(torch.device("cpu"))
    live = model(case, world, folder)
    player = together(Groups(live.module, tiny.tokenizer(), DRAWN), world, live.module)
    found = player(questions(PROMPTS), 3, seed=1)
    return [[*(10 * i / VOCAB for i in t.ids), *(t.logprobs or ())] for group in found for t in group]


def answered_of_all(cases: list[Case], folder: Path) -> dict[Case, list[list[float]] | str]:
    """What this rank finds of each case, or how it failed."""
    found: dict[Case, list[list[float]] | str] = dict.fromkeys(cases, "an earlier one failed")
    for case in cases:
        try:
            found[case] = answered(case, folder)
        except Exception:
            found[case] = traceback.format_exc()
            break
    return found

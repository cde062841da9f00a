"""A small student taught by a teacher reaches a lower held-out loss than one taught by the labels, in as many steps.

The labels are noisy on purpose: each reply is one draw of what may follow, and the teacher has seen many more of them.
"""

from __future__ import annotations

import json
import random

import pytest

from tests.tiny import LLAMA, WORDS, config, write_rows
from whet.base.config import from_mapping
from whet.train.api import train

pytestmark = pytest.mark.slow
STUDENT = {**LLAMA, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
TEACHER = {**LLAMA, "hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 4}
SUBJECTS, VERBS = WORDS[:8], WORDS[8:16]


def row(number):
    """Who does something is told by the question; what they do is mostly, not always, the same."""
    rng = random.Random(number)
    who, where = rng.choice(SUBJECTS), rng.choice(SUBJECTS)
    usual = VERBS[(SUBJECTS.index(who) * 3 + SUBJECTS.index(where)) % len(VERBS)]
    said = [usual if rng.random() < 0.7 else rng.choice(VERBS) for _ in range(3)]
    return {"instruction": f"{who} {where}", "input": "", "output": " ".join(said)}


def curve(path):
    records = map(json.loads, (path / "records.jsonl").read_text().splitlines())
    return {r["step"]: r["metrics"] for r in records if r["kind"] == "evaluation"}


def test_a_student_learns_more_from_its_teacher_than_from_the_labels_alone(tmp_path, record_property):
    rows = [row(i) for i in range(5000)]
    held = write_rows(tmp_path / "held.jsonl", rows[:400])
    many, few = write_rows(tmp_path / "many.jsonl", rows[1000:]), write_rows(tmp_path / "few.jsonl", rows[400:600])

    def run(name, objective, shape, data, steps):
        settings = config(
            tmp_path, name=name, objective=objective, data={"train": [str(data)], "held_out": [str(held)]},
            model={"init": shape}, optimizer={"lr": 5e-3}, evaluate={"every": steps // 6},
            train={"steps": steps, "batch_tokens": 2048, "micro_batch": 2048, "checkpoint_every": 1000},
        )  # fmt: skip
        return train(from_mapping(settings))[0].path

    teacher = run("teacher", "sft", TEACHER, many, 200)
    taught = {"kind": "distill", "teacher": str(teacher)}
    labels = curve(run("labels", "sft", STUDENT, few, 120))
    asked = curve(run("asked", taught, STUDENT, few, 120))
    told = curve(run("told", {**taught, "top": 8}, STUDENT, few, 120))
    own = curve(run("own", {**taught, "own": 0.5, "own_tokens": 12}, STUDENT, few, 120))
    shown = {"teacher": curve(teacher), "labels": labels, "asked": asked, "top 8": told, "half own": own}
    text = [
        f"{name}: " + " ".join(f"{step}:{m.get('nll', m['loss']):.3f}" for step, m in found.items())
        for name, found in shown.items()
    ]
    record_property("printed", "held-out loss of a token by step; " + "; ".join(text))
    best = min(m["loss"] for m in labels.values())
    for found in (asked, told, own):
        assert min(m["nll"] for m in found.values()) < best - 0.02

"""The name that was meant: the nearest one, and of several as near the one that begins alike."""

from __future__ import annotations

import pytest

from whet.base.catalogue import SLOTS, optimizer
from whet.base.nearest import nearest

MEANT = {
    "adamx": (["adamw", "badam", "lion"], "adamw"),  # both differ in one letter
    "badamx": (["adamw", "badam", "lion"], "badam"),
    "model": (["model_source", "template"], "model_source"),
    "ranks": (["train", "rollout"], None),
    "--to": (["--root", "--kind"], None),
    "dop": (["dpo", "sft"], "dpo"),
    "zebra": (["adamw", "lion"], None),
    "": (["adamw", "lion"], None),
}  # fmt: skip


@pytest.mark.parametrize("given", MEANT)
def test_the_name_that_was_meant(given):
    names, meant = MEANT[given]
    assert nearest(given, names) == nearest(given, reversed(names)) == meant


def test_of_ours_the_usual_ones_are_meant():
    assert nearest("adamx", optimizer.names()) == "adamw"
    assert nearest("model", SLOTS) == "model_source" and nearest("optimiser", SLOTS) == "optimizer"

"""Answers that are drawn with other probabilities than training computes are an alarm, not a figure."""

from __future__ import annotations

import json

import pytest

from tests.models.architectures import SIZES
from tests.train.test_rollouts import bits, settings
from whet.base.config import from_mapping
from whet.base.run import Watchdog as Settings
from whet.models.decoding import proof
from whet.models.decoding.manner import Manner
from whet.train.build import assemble
from whet.train.step.watchdog import DriftLimit, Watchdog

SHAPE = {
    name: size for name, size in SIZES.items() if name not in ("vocab_size", "pad_token_id", "num_key_value_heads")
}
STILL = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
CAMEMBERT = {"model_type": "camembert", "is_decoder": True, **SHAPE, "max_position_embeddings": 128, **STILL}
SHORT = {"train": {"steps": 2}, "rollout": {"updates": 1, "passes": 1}}


def ran(folder, name, manner=None):
    """Metrics and alarms of a run whose model decodes as it was proven to, or in another manner."""
    model = {"init": {**CAMEMBERT, "initializer_range": 0.3}, "tokenizer": str(folder / "tokenizer")}
    built = assemble(from_mapping(settings(folder, name, model=model, **SHORT)))
    if manner is not None:
        object.__setattr__(built.loaded.module, proof._KEPT, manner)
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    lines = map(json.loads, (built.folder.path / "records.jsonl").read_text().splitlines())
    return bits(built.folder.path), [r["text"] for r in lines if r["kind"] == "notice" and r["level"] == "alarm"]


@pytest.mark.case("G4")
def test_positions_that_begin_elsewhere_decode_without_drift_and_wrong_ones_raise_the_alarm(tmp_path):
    found, alarms = ran(tmp_path, "right")
    assert all(m["drift"] < 1e-5 for m in found.values()) and not alarms
    found, alarms = ran(tmp_path, "wrong", Manner(first=0))
    assert all(m["drift"] > 1e-2 for m in found.values())
    assert len(alarms) == 1 and "answers are drawn with other probabilities than training computes" in alarms[0]


def test_old_answers_and_answers_within_rounding_raise_none():
    limit = DriftLimit(1e-3, "Mend it.")
    said = [
        Watchdog(Settings(action=action), drift_limit=limit).look_at_answers({"drift": drift, "staleness": age})
        for action, drift, age in (("stop", 1e-4, 0.0), ("stop", 1.0, 1.0), ("off", 1.0, 0.0), ("stop", 1.0, 0.0))
    ]
    assert said[:3] == [None] * 3 and said[3].endswith("Mend it.")
    assert Watchdog(Settings(), drift_limit=limit).look_at_answers({"staleness": 0.0}) is None  # nothing was told


def test_the_alarm_is_raised_once_also_by_a_run_that_goes_on():
    first, second = (Watchdog(Settings(), drift_limit=DriftLimit(1e-3, "")) for _ in range(2))
    figures = {"drift": 1.0, "staleness": 0.0}
    assert first.look_at_answers(figures) and first.look_at_answers(figures) is None
    second.load_state_dict(first.state_dict())
    assert second.look_at_answers(figures) is None

"""What goes together: kinds of other packages are checked as ours are, and no name of the table is idle."""

from __future__ import annotations

import pytest

from tests.tiny import config
from whet.base.catalogue import SLOTS, optimizer
from whet.base.config import from_mapping
from whet.base.errors import ConfigError
from whet.base.run import Evaluate, Train
from whet.contracts.model import FAMILIES
from whet.optim.optimizers.adamw import adamw
from whet.train.setup.chosen import chosen_of
from whet.train.setup.combinations import CONFLICTS, OF_TEXT, brought, check_combinations
from whet.train.setup.preflight import enter


def refusal(folder, **sections):
    with pytest.raises(ConfigError) as caught:
        enter(from_mapping(config(folder, name="pair", **sections)).run, is_new=True)
    return caught.value


@pytest.fixture
def averaging():
    """An optimizer of somebody else's, which averages and knows that it does not go with noise."""
    declared = {"provides": ("optimizer.evaluation_weights",), "refuses": {"train.neftune": "noise spoils its average"}}
    optimizer("averaging", state_bytes=8, **declared)(adamw)
    yield "averaging"
    del optimizer._kinds["averaging"]


def test_a_kind_of_somebody_else_is_refused_for_what_it_says(tmp_path, averaging):
    error = refusal(tmp_path, optimizer=averaging, train={"neftune": 5.0})
    assert "`train.neftune` does not go with `optimizer: averaging`: noise spoils its average" in error.message
    assert (error.at, error.hint) == ("train.neftune", "train.neftune=0")


def test_a_kind_of_somebody_else_is_refused_for_what_it_brings(tmp_path, averaging):
    error = refusal(tmp_path, optimizer=averaging, train={"ema": 0.9})
    assert "`train.ema`: `optimizer: averaging` forgets or averages weights itself" in error.message
    assert error.hint == "optimizer=adamw, or train.ema=0"


def test_a_family_is_checked_as_soon_as_it_is_known(tmp_path):
    run = from_mapping(config(tmp_path, name="masked", train={"group": 8})).run
    check_combinations(run, chosen_of(run))
    with pytest.raises(ConfigError, match="shifts the attention of decoders, and the model is an encoder"):
        check_combinations(run, chosen_of(run), "masked")


def test_every_name_of_the_table_is_one_that_a_run_can_have():
    slots = [SLOTS[name] for name in ("objective", "optimizer", "tuner", "model_source")]
    known = {name for slot in slots for kind in map(slot.get, slot.names()) for name in brought(kind.facts)}
    known |= {f"train.{name}" for name in Train.model_fields} | {f"evaluate.{name}" for name in Evaluate.model_fields}
    known |= {"weights.fp32", "objective.head", "objective.reading", "objective.mtp", "objective.bidirectional"}
    known |= {f"data.{name}" for name in OF_TEXT} | {"data.allowed_replies"} | {f"family.{name}" for name in FAMILIES}
    assert {name for conflict in CONFLICTS for name in (conflict.one, conflict.other)} <= known

"""What goes together: kinds of other packages are checked as ours are, and no name of the table is idle."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import MappingProxyType, SimpleNamespace

import pytest
import torch
from torch import nn

from tests.tiny import config
from whet.base.catalogue import SLOTS, model_source, objective, optimizer, tuner
from whet.base.config import from_mapping
from whet.base.errors import ConfigError
from whet.cli.main import main as run
from whet.contracts.model import FAMILIES, Capabilities, Loaded, ParamRole
from whet.contracts.objective import Taught, Traits, traits_of
from whet.data.refusal import KindError
from whet.models.tuners.full import full
from whet.models.tuning.wrapper import hold
from whet.optim.optimizers.adamw import adamw
from whet.train.setup.chosen import chosen_of
from whet.train.setup.combinations import check_combinations
from whet.train.setup.conflicts import CONFLICTS
from whet.train.setup.features import Feature, features, provided
from whet.train.setup.model_features import model_features
from whet.train.setup.preflight import check_model, enter
from whet.train.setup.teacher import is_told
from whet.train.source_kind import source_of

# Settings whose features the table names, as many at once as a config can have.
CONFIGS = [
    {
        "train": {
            "in_backward": True, "ema": 0.9, "neftune": 5.0, "group": 8, "rounding": "kahan", "recompute": True,
            "tokens": 1000, "steps": None, "precision": "bf16-pure", "depth_rate": 0.9,
            "compile": True, "watchdog": {"action": "rollback"},
        },
        "parallel": {"context": 2, "tensor": 2, "pipeline": 2, "expert": 2, "schedule": "zbv", "stages": 2},
        "track": {"layers_every": 2},
        "evaluate": {"prompts": ["oak"], "early_stop": 1},
        "data": {
            "template": "chatml", "tools": "json", "thinking": "strip", "system": "fold", "train_on": "all",
            "loss_scale": {"a": 0.5}, "allow": ["untrained_end"], "max_length": 32, "truncation": "cut",
            "streaming": True, "held_out": 0.1,
        },
        "objective": {"kind": "pretrain", "fim": 0.5, "mtp": 1},
        "rewards": ["exact"],
    },
    {
        "train": {
            "steps": None, "batch_tokens": None, "batch_samples": 8, "micro_batch": "auto", "precision": "fp16",
            "balance": 0.1, "fp8": "rowwise", "recompute": "selective", "recompute_every": 2,
            "offload": {"activations": True, "optimizer": 0.5, "weights": True},
        },
        "parallel": {"sequence": True, "context_by": "ring", "context_heads": 2},
        "evaluate": {"every": 3},
        "objective": {"kind": "sequence-classification", "attention": "bidirectional"},
    },
    {"objective": {"kind": "distill", "teacher": "m", "top": 8, "own": 0.5}, "evaluate": {"every": 0}},
    {
        "objective": {"kind": "distill", "teacher": "m", "tail": "renormalised"},
        "tuner": {"kind": "lora", "init": "loftq"},
    },
    {
        "objective": "grpo", "rewards": ["exact"],
        "rollout": {
            "engine": {"kind": "openai", "url": "http://localhost:1", "model": "m"}, "staleness": 1, "max_turns": 3,
            "tool_timeout_s": 3.0,
        },
    },
]  # fmt: skip


def refusal(folder, **sections):
    with pytest.raises(ConfigError) as caught:
        run = from_mapping(config(folder, name="pair", **sections)).run
        enter(run, source_of(run), is_new=True)
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


@pytest.fixture
def foreign():
    """Kinds of somebody else's: an objective of replies to prompts, an optimizer and a tuner."""
    objective("prefer", takes=("preference",), replays=True)(lambda: Prefer())
    optimizer("patient", state_bytes=8, needs=("turns",))(adamw)
    tuner("outside", refuses={"data.streaming": "it looks at all rows first"})(full)
    yield
    for slot, name in ((objective, "prefer"), (optimizer, "patient"), (tuner, "outside")):
        del slot._kinds[name]


class Prefer:
    coefficients = MappingProxyType({"loss": 1.0})

    def weights(self, batch):
        return {"loss": 1.0}

    def __call__(self, models, batch, statistics):
        raise NotImplementedError


def test_kinds_of_somebody_else_are_named_in_hints(foreign):
    told = str(KindError("preference", {"text"}))
    assert "for `dpo`, " in told and "`prefer`" in told
    with pytest.raises(ConfigError) as caught:
        optimizer.get("patientt")
    assert caught.value.hint == "did you mean `patient`?"


def test_kinds_of_somebody_else_stand_in_the_table_with_their_reasons(foreign, capsys):
    for slot, name, feature, reason in (
        ("objective", "prefer", "train.neftune", "`objective: prefer` goes over each step twice"),
        ("objective", "prefer", "data.train_on_all", "`objective: prefer` learns from replies"),
        ("optimizer", "patient", "train.ema", "`optimizer: patient` forgets or averages weights itself"),
        ("tuner", "outside", "data.streaming", "it looks at all rows first"),
    ):
        assert run(["slots", slot, name]) == 0
        line = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith(feature))
        assert reason in line


def test_kinds_of_somebody_else_are_refused_as_ours_are(tmp_path, foreign):
    told = refusal(tmp_path, objective="prefer", train={"neftune": 5.0})
    assert "`objective: prefer` goes over each step twice" in told.message
    told = refusal(tmp_path, objective="prefer", data={"train_on": "all"})
    assert told.at == "data.train_on" and "`objective: prefer` learns from replies" in told.message
    told = refusal(tmp_path, optimizer="patient", train={"ema": 0.9})
    assert told.hint == "optimizer=adamw, or train.ema=0"
    told = refusal(tmp_path, tuner="outside", data={"streaming": True})
    assert told.message.endswith("`tuner: outside`: it looks at all rows first") and told.at == "data.streaming"


def test_a_loss_that_says_nothing_of_itself_has_plain_traits():
    assert traits_of(Prefer()) == Traits()
    assert traits_of(objective.get("reward").build()).head is not None


def test_a_family_is_checked_as_soon_as_it_is_known(tmp_path):
    run = from_mapping(config(tmp_path, name="masked", train={"group": 8})).run
    check_combinations(run, chosen_of(run))
    with pytest.raises(ConfigError, match="shifts the attention of decoders, and the model is an encoder"):
        check_combinations(run, chosen_of(run), "masked")


def test_a_setting_of_somebody_elses_kind_brings_what_it_is_said_to(tmp_path, monkeypatch, capsys):
    def patient(*, waits: int = 0, way: str = "a"):
        """Waits."""
        return Prefer()

    monkeypatch.setattr(objective, "_kinds", dict(objective._kinds))
    settings = {"waits": "objective.stored", "way=b": "objective.mtp"}
    objective("slow", takes=("text",), settings=settings)(patient)
    streamed = {"data": {"streaming": True}, "train": {"steps": 3}}
    told = refusal(tmp_path, objective={"kind": "slow", "waits": 3}, **streamed)
    assert told.at == "objective.waits" and "`objective.waits`: a stream is not known" in told.message
    assert told.hint == "objective.waits=0, or data.streaming=false"
    told = refusal(tmp_path, objective={"kind": "slow", "way": "b"}, train={"group": 8})
    assert "`train.group`" in told.message and "`objective.way`" in told.message
    for allowed in ({"kind": "slow", "way": "c"}, {"kind": "slow"}):
        run_ = from_mapping(config(tmp_path, name="fine", objective=allowed, train={"group": 8})).run
        check_combinations(run_, chosen_of(run_))
    assert run(["slots", "objective", "slow"]) == 0
    assert "`objective.waits`: a stream is not known" in capsys.readouterr().out


def test_gradients_of_layers_are_not_told_where_none_are_kept(tmp_path):
    track = {"folder": str(tmp_path / "runs"), "layers_every": 1}
    told = refusal(tmp_path, track=track, train={"in_backward": True})
    assert told.at == "track.layers_every" and told.hint == "track.layers_every=0, or train.in_backward=false"


def test_what_is_stored_goes_with_no_stream_and_no_own_answers(tmp_path):
    streamed = {"data": {"streaming": True}, "train": {"steps": 3}}
    told = refusal(tmp_path, objective={"kind": "distill", "teacher": "m", "top": 8}, **streamed)
    assert told.at == "objective.top" and told.hint == "objective.top=0, or data.streaming=false"
    told = refusal(tmp_path, objective={"kind": "distill", "teacher": "m", "top": 8, "own": 0.5})
    assert told.at == "objective.own"
    told = refusal(tmp_path, objective={"kind": "dpo", "reference": "stored"}, **streamed)
    assert told.at == "objective.reference"


def test_an_optimizer_that_says_so_steps_weights_one_by_one():
    import torch

    from whet.contracts.optimizer import Optimizer
    from whet.models.roles import roles
    from whet.optim.adapted import adapted
    from whet.optim.groups import ParamGroups

    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    for kind in map(optimizer.get, optimizer.names()):
        settings = {"rank": 2} if "rank" in kind.settings.model_fields else {}
        groups = ParamGroups.of(module, roles(module), layers=("0", "1"), one_by_one=True)
        if kind.facts.one_by_one:
            built = adapted(kind.build(groups, **kind.settings(**settings).values()))
            assert all(type(part).update is not Optimizer.update for part in built.parts), kind.name


def modelled(module: nn.Module, layers=(), **can) -> Loaded:
    return Loaded(module, None, Capabilities(**can), SimpleNamespace(), {}, layers)


class Projecting(nn.Module):
    """An attention layer, as far as who asks about it looks."""

    head_dim = 2

    def __init__(self, q_norm: nn.Module | None = None) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.q_norm = nn.Linear(4, 4), nn.Linear(4, 4), q_norm


MIXED = nn.ParameterDict({"experts": torch.zeros(3, 4), "gate": torch.zeros(1, 4)})
ADAPTED = nn.Linear(2, 2)
hold(ADAPTED, SimpleNamespace())
NORMED = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
# Of each model, a feature that it alone of these has, and the settings that it is asked with.
MODELS = {
    "model.unpacked": modelled(Projecting(), ["q_proj"], packed=False),
    "model.own_head": modelled(Projecting(), ["q_proj"], head="keep"),
    "model.mixers": modelled(Projecting(), ["q_proj"], mixers=("Convolution",)),
    "model.adapter": modelled(ADAPTED, [""]),
    "model.experts": replace(modelled(MIXED, [""]), roles={"experts": ParamRole.EXPERT, "gate": ParamRole.MATRIX}),
    "model.normalised_queries": modelled(Projecting(nn.Identity()), ["q_proj"]),
    "model.no_blocks": modelled(Projecting()),
    "model.batch_norm": modelled(NORMED, ["0"], tokens=False),
}


def of_models(run) -> dict[str, Feature]:
    return {name: feature for model in MODELS.values() for name, feature in model_features(run, model)}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_features_that_are_its_own(tmp_path, name):
    run = from_mapping(
        config(tmp_path, name="asked", train={"batch_tokens": None, "batch_samples": 8, "micro_batch": 4})
    ).run
    assert name in dict(model_features(run, MODELS[name]))
    assert not any(name in dict(model_features(run, other)) for of, other in MODELS.items() if of != name)


MTP = {"kind": "pretrain", "mtp": 1}
# What is asked for, the model that is built, and where and how it is refused.
REFUSED = {
    "muonclip, normed": ("model.normalised_queries", {"optimizer": "muonclip"}, "optimizer.kind", "optimizer=adamw"),
    "muonclip, apart": ("model.unpacked", {"optimizer": "muonclip"}, "optimizer.kind", "optimizer=adamw"),
    "muonclip, none": ("model.adapter", {"optimizer": "muonclip"}, "optimizer.kind", "optimizer=adamw"),
    "groups": ("model.unpacked", {"train": {"group": 8}}, "train.group", "train.group=null"),
    "mtp": ("model.unpacked", {"objective": MTP}, "objective.mtp", "objective.mtp=0"),
    "mtp, a head": ("model.own_head", {"objective": MTP}, "objective.mtp", "objective.mtp=0"),
    "mtp, mixers": ("model.mixers", {"objective": MTP}, "objective.mtp", "objective.mtp=0"),
    "turns": ("model.no_blocks", {"optimizer": "badam"}, "optimizer.kind", "optimizer=adamw"),
    "depth": ("model.no_blocks", {"train": {"depth_rate": 0.9}}, "train.depth_rate", "train.depth_rate=1"),
    "recompute": ("model.no_blocks", {"train": {"recompute": True}}, "train.recompute", "train.recompute=none"),
    "offload": (
        "model.no_blocks", {"train": {"offload": {"activations": True}}}, "train.offload.activations",
        "train.offload.activations=false",
    ),
    "normed": ("model.batch_norm", {"train": {"recompute": True}}, "train.recompute", "train.recompute=none"),
}  # fmt: skip


@pytest.mark.parametrize("name, sections, at, hint", REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_with_a_model_that_is_built_is_refused(tmp_path, name, sections, at, hint):
    run = from_mapping(config(tmp_path, name="built", **sections)).run
    check_combinations(run, chosen_of(run))
    with pytest.raises(ConfigError) as told:
        check_model(run, chosen_of(run), {}, MODELS[name])
    assert (told.value.at, told.value.hint) == (at, hint)


def test_a_kind_of_somebody_else_refuses_models(tmp_path):
    optimizer("packing", state_bytes=8, refuses={"model.unpacked": "it counts rows"})(adamw)
    try:
        run = from_mapping(config(tmp_path, name="built", optimizer="packing")).run
        check_model(run, chosen_of(run), {}, MODELS["model.own_head"])
        with pytest.raises(ConfigError, match="does not go with `optimizer: packing`: it counts rows"):
            check_model(run, chosen_of(run), {}, MODELS["model.unpacked"])
    finally:
        del optimizer._kinds["packing"]


@pytest.mark.parametrize("chosen", [{"kind": "lora", "init": "loftq"}, {"kind": "lora", "init": "lora-ga"}, "adalora"])
def test_a_tuner_that_needs_whole_weights_is_refused_on_ranks_before_any_is_read(tmp_path, monkeypatch, chosen):
    monkeypatch.setenv("WORLD_SIZE", "2")
    told = refusal(tmp_path, tuner=chosen)
    assert "one process" in told.message and "one process, without torchrun" in told.hint


def test_a_loss_of_somebody_else_tells_who_teaches_it(tmp_path, monkeypatch):
    """Its settings are called as it likes."""

    class Schooled(Prefer):
        def __init__(self, taught):
            self.traits = Traits(taught=taught)

    def schooled(*, master: str = "m", kept: int = 0):
        return Schooled(Taught(model_source.get("hf").settings(path=master), top=kept))

    monkeypatch.setattr(objective, "_kinds", dict(objective._kinds))
    objective("schooled", takes=("text",), settings={"kept": "objective.stored"})(schooled)
    run = from_mapping(config(tmp_path, name="own", objective={"kind": "schooled", "master": "there"})).run
    chosen = chosen_of(run)
    assert chosen.traits.taught.path == "there" and not is_told(chosen.traits.taught)
    assert "objective.asked" in dict(features(run, chosen))
    run = from_mapping(config(tmp_path, name="own", objective={"kind": "schooled", "kept": 4})).run
    assert is_told(chosen_of(run).traits.taught) and "objective.stored" in dict(features(run, chosen_of(run)))


def test_every_name_of_the_table_is_one_that_a_run_can_have(tmp_path, monkeypatch, foreign):
    """Names of kinds are those that one of them brings; of settings those that some config has."""
    slots = [SLOTS[name] for name in ("objective", "optimizer", "tuner", "model_source")]
    known = {name for slot in slots for kind in map(slot.get, slot.names()) for name in provided(kind.facts)}
    known |= {f"family.{name}" for name in FAMILIES}
    for sections, size in product(CONFIGS, "12"):
        monkeypatch.setenv("WORLD_SIZE", size)
        run = from_mapping(config(tmp_path, name="named", **sections)).run
        known |= {name for name, _ in features(run, chosen_of(run))}
        known |= set(of_models(run))
    assert {name for conflict in CONFLICTS for name in (conflict.one, conflict.other)} - known == set()


def test_every_refusal_has_something_to_type(tmp_path, monkeypatch):
    """Its own hint, or how to be without one of the two."""
    known = {f"family.{name}": Feature("", "model") for name in FAMILIES}
    for slot, without in ((objective, None), (model_source, None), (optimizer, "optimizer="), (tuner, "tuner=")):
        for kind in map(slot.get, slot.names()):
            known |= {name: Feature("", "", without) for name in provided(kind.facts)}
    for sections, size in product(CONFIGS, "12"):
        monkeypatch.setenv("WORLD_SIZE", size)
        run = from_mapping(config(tmp_path, name="named", **sections)).run
        known |= {**dict(features(run, chosen_of(run))), **of_models(run)}
    ways = {c: (c.hint, known[c.one].without, known[c.other].without) for c in CONFLICTS}
    assert [c for c, found in ways.items() if not any(found)] == []

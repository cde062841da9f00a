"""Parts that features add to a model: trained and stored with it, asked for by name, and in no written model."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from safetensors import safe_open
from torch import nn

from tests.tiny import config, sentence, write_rows
from whet.base.catalogue import model_source
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, ModelError
from whet.contracts.model import Capabilities, ParamRole
from whet.models.features.carried import install
from whet.models.features.mtp import FurtherTokens
from whet.models.features.value_head import ValueHead
from whet.models.forward.tabular import FieldModel
from whet.models.loading.context import BuildContext
from whet.models.loading.drawn import drawn
from whet.models.loading.loaded import loaded
from whet.train.api import resume, train
from whet.train.build import assemble

PLUGIN = '''
import torch
from torch import nn

from whet.base.catalogue import objective
from whet.contracts.feature import ModelFeature
from whet.contracts.objective import Terms, Traits


class Lengths(ModelFeature):
    """Guesses from each token's state how many tokens of its sample come after it."""

    parts = ("lengths",)
    gives = frozenset({"missed"})

    def extend(self, module, dtype, seed):
        module.add_module("lengths", nn.Linear(module.config.hidden_size, 1, dtype=dtype))
        nn.init.zeros_(module.lengths.weight)
        nn.init.zeros_(module.lengths.bias)

    def read(self, module, seen):
        left = torch.cat([torch.arange(s.end - s.start - 1, -1, -1.0) for s in seen.stream.segments])
        return {"missed": (module.lengths(seen.states)[:, 0] - left).square().sum()}


class Longer:
    coefficients = {"loss": 1.0, "missed": 0.01}
    traits = Traits(features=(Lengths(),))

    def weights(self, batch):
        return {"loss": float(batch.trained.weights.double().sum()), "missed": float(batch.num_tokens)}

    def __call__(self, models, batch, statistics):
        found = models.run(batch, frozenset({"nll", "missed"}))
        return Terms({"loss": found["nll"], "missed": found["missed"]})


@objective("longer", takes=("text",))
def longer():
    """Next tokens, and how many of them are still to come."""
    return Longer()
'''


def settings(folder, name):
    (folder / "longer.py").write_text(PLUGIN)
    rows = write_rows(folder / "text.jsonl", [{"text": sentence(i, 5 + i % 9)} for i in range(30)])
    run = {"steps": 6, "checkpoint_every": 100}
    data = {"train": [str(rows)]}
    return config(folder, name=name, plugins=[str(folder / "longer.py")], objective="longer", data=data, train=run)


def figures(path):
    lines = map(json.loads, (path / "records.jsonl").read_text().splitlines())
    return [
        {k: m[k] for k in ("loss", "missed", "grad_norm")}
        for m in (r["metrics"] for r in lines if "loss" in r.get("metrics", {}))
    ]


def test_a_part_of_somebody_elses_feature_is_trained_stored_and_left_behind(tmp_path):
    whole, _ = train(from_mapping(settings(tmp_path, "whole")))
    told = figures(whole.path)
    assert told[-1]["missed"] < 0.9 * told[0]["missed"]
    built = assemble(from_mapping(settings(tmp_path, "cut")))
    assert built.loaded.roles["lengths.weight"] is ParamRole.HEAD
    for _ in range(3):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.loop._checkpoint()
    built.close()
    again, _ = resume(tmp_path / "runs" / "cut")
    assert figures(again.path) == told
    with safe_open(again.model / "model.safetensors", "pt") as weights:
        assert not [name for name in weights.keys() if "lengths" in name]  # noqa: SIM118


def test_what_no_feature_gives_is_refused_by_name():
    from tests.objectives.groups import built
    from tests.objectives.test_actor_critic import scored
    from whet.data.order.collate import collate

    plain = built()
    with pytest.raises(ModelError, match="cannot give values"):
        plain.model.run(collate(scored()), frozenset({"nll", "values"}))


def test_a_module_that_is_no_language_model_has_no_such_parts():
    can = Capabilities(tokens=False)
    for feature in (ValueHead(), FurtherTokens(1)):
        with pytest.raises(ModelError, match="a Linear cannot have"):
            drawn(lambda: nn.Linear(2, 2), BuildContext(features=[feature]), can, FieldModel)
        with pytest.raises(ModelError, match="gives its models no"):  # a source that does not ask the context
            install(loaded(nn.Linear(2, 2), None, can, SimpleNamespace(run=None)), feature)


def test_an_adapter_holds_no_modules_that_look_further(tmp_path):
    from tests.tiny import LLAMA, tokenizer

    init = {**LLAMA, "vocab_size": 400}
    build = model_source.get("hf").build
    words = str(tokenizer(tmp_path / "words"))
    build(BuildContext(), init=init, tokenizer=words).weights.make().save_pretrained(tmp_path / "base")
    model = {"path": str(tmp_path / "base"), "init": None, "tokenizer": words}
    rows = {"train": [str(write_rows(tmp_path / "text.jsonl", [{"text": "the owls watch"}] * 4))]}
    objective = {"kind": "pretrain", "mtp": 1}
    sections = {"model": model, "tuner": {"kind": "lora", "rank": 2}, "objective": objective, "data": rows}
    with pytest.raises(ConfigError, match="an adapter cannot hold the modules") as told:
        assemble(from_mapping(config(tmp_path, name="adapter", **sections)))
    assert (told.value.at, told.value.hint) == ("tuner", "tuner=full")

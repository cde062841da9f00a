"""FLOPs of a step, by torch's own counter; the machine's rate; and what a record says of a step's time."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.tiny import LLAMA, config
from whet.base.catalogue import model_source, objective, tuner
from whet.base.config import from_mapping
from whet.contracts.model import Models
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.train.build import assemble
from whet.train.step.flops import Work, _attention, matrix_rate
from whet.train.step.phases import Phases

CPU = torch.device("cpu")


@pytest.mark.parametrize("frozen", [False, True])
def test_products_of_a_step_are_those_that_torch_counts(frozen):
    """Without attention and the `addmm_` that adds up the head's gradient, which torch does not count on a CPU.

    Frozen weights need no gradient, and pass one on.
    """
    context = BuildContext(seed=3, tuner=tuner.get("full").build())
    loaded = filled(model_source.get("hf").build(context, init={**LLAMA, "vocab_size": 100}))
    for name, parameter in loaded.module.named_parameters():
        parameter.requires_grad_(not frozen or "layers" not in name or "norm" in name)
    random = np.random.default_rng(0)
    weights = np.array([0] * 5 + [1] * 6, np.float32)
    batch = collate([Sample(random.integers(0, 100, 11).astype(np.int32), weights) for _ in range(3)])
    with FlopCounterMode(display=False) as counter:
        terms = objective.get("sft").build()(Models(loaded.model), batch, {})
        sum(terms.sums.values()).backward()
    counted = counter.get_flop_counts()["Global"]
    products = sum(count for name, count in counted.items() if "attention" not in str(name))
    work = replace(Work.of(loaded), attention=0.0, learned_head=0.0)
    assert work.step([batch]) == pytest.approx(products, rel=0.01)


def test_attention_counts_the_pairs_that_see_each_other():
    work = Work(layers=0, head=0, attention=4.0, learned=0, learned_head=0)
    ids, ones = np.arange(6, dtype=np.int32), np.ones(6, np.float32)
    whole, pair = Sample(ids, ones), Sample(ids, ones, cuts=(2, 4))
    both_ways = Sample(ids, ones, is_in_place=True, kind="bidirectional")
    assert work.step([collate([whole])]) == 12 * 18 and work.step([collate([both_ways])]) == 12 * 36
    assert work.step([collate([pair])]) == 12 * (2 + 2 * (2 + 4))  # a beginning of 2, and branches of 2 that see it


def test_the_rate_is_measured_once_and_leaves_the_random_numbers_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    rate = matrix_rate(CPU, torch.float32)
    assert rate > 1e8 and matrix_rate(CPU, torch.float32) == rate
    assert torch.equal(torch.get_rng_state(), before)


def test_phases_add_up_until_they_are_taken():
    phases = Phases()
    for _ in range(2):
        with phases("forward_s"):
            pass
    assert phases.take()["forward_s"] >= 0 and phases.take() == {}


def test_a_step_says_where_its_time_went_and_what_it_computed(tmp_path):
    built = assemble(from_mapping(config(tmp_path, train={"steps": 3})))
    built.loop.run()
    built.close()
    lines = [json.loads(line) for line in (built.folder.path / "records.jsonl").read_text().splitlines()]
    for step in (line for line in lines if line["kind"] == "step"):
        parts = step["parts"]
        own = {"forward_s", "backward_s", "update_s", "communication_s", "checkpoint_s", "record_s"}
        assert set(parts) == own | {"data_s", "wait_s", "flops", "mfu"}
        before = {"checkpoint_s", "record_s"}  # of what came before the step, if anything did
        assert all(value > 0 or name in before for name, value in parts.items())
        assert parts["forward_s"] + parts["backward_s"] + parts["update_s"] < step["seconds"]


def test_attention_of_layers_that_differ_counts_each_with_its_own_heads():
    """Gemma 4 refuses to be asked for one size of its heads. Oracle: the sizes of its layers, by hand."""
    from transformers.models.gemma4.configuration_gemma4 import Gemma4TextConfig

    text = Gemma4TextConfig(num_hidden_layers=3, layer_types=["sliding_attention"] * 2 + ["full_attention"])
    [one, _, last] = text.per_layer_config
    expected = 4 * text.num_attention_heads * (2 * one.head_dim + last.head_dim)
    assert one.head_dim != last.head_dim and _attention(text) == expected

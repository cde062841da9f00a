"""Cards of runs: what the folder knows, and no paths of the machine."""

import json

import pytest
from peft import LoraConfig, get_peft_model

from tests import tiny
from tests.models.architectures import tiny_model
from whet.evaluate.result import Figure, Result
from whet.evaluate.run import keep
from whet.export.card import Card, card_of_run
from whet.models.loading.classes import LANGUAGE
from whet.track.logs.event_log import EventLog

CONFIG = """model:
  path: {home}/models/base  # run.yaml:1
data:
  train:
  - path: {home}/data/chat.jsonl  # run.yaml:3
    samples: 20  # default
  - path: org/set
train:
  steps: 3
"""


def run(tmp_path):
    folder = tmp_path / "sft-base"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG.format(home=tmp_path))
    log = EventLog(folder / "track")
    for step in (1, 2, 3):
        log.scalars(step, {"loss": 4.0 - step, "tokens": 100})
    log.scalars(3, {"eval/loss": 1.25})
    log.close("done", "finished")
    return folder


def test_a_runs_card_has_its_data_steps_tokens_losses_and_date(tmp_path):
    text = card_of_run(run(tmp_path)).text(LANGUAGE["causal"], num_parameters=1_500_000, dtype="float32")
    for line in (
        "# sft-base", "Trained from base on chat.jsonl, org/set with whet.", "| parameters | 1.5M (float32) |",
        "| steps | 3 |", "| tokens | 300 |", "| training loss (last) | 1 |", "| held-out loss (last) | 1.25 |",
        "steps: 3",
    ):  # fmt: skip
        assert line in text, line
    assert "| date | 20" in text and "license:" in text


def test_a_card_tells_no_path_of_the_machine(tmp_path):
    text = card_of_run(run(tmp_path)).text(LANGUAGE["causal"], num_parameters=1, dtype="float32")
    assert str(tmp_path) not in text and "run.yaml:1" not in text and "base_model" not in text


def test_evaluations_kept_in_the_run_are_told_the_newest_of_each(tmp_path):
    folder = run(tmp_path)
    for value in (20.0, 12.5):
        figures = {"word_perplexity": Figure(value, 3, 0.5, 11.5, 13.5), "bits_per_byte": Figure(1.5, 1)}
        keep(Result("perplexity", figures, settings={"file": f"{tmp_path}/page.txt"}), folder)
    text = card_of_run(folder).text(LANGUAGE["causal"], num_parameters=1, dtype="float32")
    assert "| perplexity: word_perplexity (page.txt) | 12.5 ± 0.5 |" in text
    assert "| perplexity: bits_per_byte (page.txt) | 1.5 |" in text and "| 20 ±" not in text


def test_a_run_without_a_log_or_config_still_has_a_card(tmp_path):
    (tmp_path / "new").mkdir()
    assert "# new" in card_of_run(tmp_path / "new").text(LANGUAGE["causal"], num_parameters=1, dtype="float32")
    assert json.dumps(card_of_run(tmp_path / "new").figures) == "{}"


@pytest.mark.parametrize("family", LANGUAGE)
@pytest.mark.parametrize("is_adapter", [False, True])
def test_the_lines_of_a_card_load_what_it_is_of(tmp_path, family, is_adapter):
    base, place = tmp_path / "base", tmp_path / "place"
    tiny.tokenizer(place)
    model = tiny_model({"causal": "llama", "masked": "bert", "seq2seq": "t5"}[family], None)
    model.save_pretrained(base if is_adapter else place)
    if is_adapter:
        kind = LoraConfig(task_type=LANGUAGE[family].task, target_modules=["q_proj", "query", "q"])
        get_peft_model(type(model).from_pretrained(base), kind).save_pretrained(place)
    adapter = "lora" if is_adapter else None
    text = Card("new").text(LANGUAGE[family], num_parameters=1, dtype="float32", adapter=adapter)
    lines = text.partition("```python\n")[2].partition("```")[0].replace("PATH", str(place)).replace("BASE", str(base))
    found = {}
    exec(lines, found)
    assert type(found["model"].get_base_model() if is_adapter else found["model"]) is type(model)
    assert is_adapter == any("lora_A" in name for name, _ in found["model"].named_parameters())
    assert f"pipeline_tag: {LANGUAGE[family].purpose}" in text

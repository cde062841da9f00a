"""Rollouts through other engines: sent the weights, waited for with patience, and told apart where they differ."""

from __future__ import annotations

import torch

from tests.tiny import config, conversations, write_rows
from tests.train.test_rollouts import bits, settings
from whet.base.config import from_mapping
from whet.contracts.rewards import questions
from whet.train.api import train
from whet.train.build import assemble
from whet.train.weight_stream import live_tensors

# A whole engine of its own: a second copy of the model, which answers with what it was last sent.
TWIN = """\
import copy, time
from whet.base.catalogue import engine
from whet.generate.decode import complete

@engine("twin")
def twin(loaded, *, deaf: bool = False, stalls: int = 0):
    '''A copy of the model.'''
    return Deaf(loaded) if deaf else Twin(loaded, stalls)

class Deaf:
    def __init__(self, loaded):
        self.module, self.tokenizer = copy.deepcopy(loaded.module).eval(), loaded.processor

    def complete(self, prompts, settings):
        return complete(self.module, self.tokenizer, prompts, settings)

class Twin(Deaf):
    def __init__(self, loaded, stalls):
        super().__init__(loaded)
        self.stalls, self.restarted = stalls, 0

    def sync(self, tensors):
        self.module.load_state_dict(dict(tensors), strict=False)

    def restart(self):
        self.restarted += 1

    def complete(self, prompts, settings):
        if self.stalls > self.restarted:
            time.sleep(60)
        return super().complete(prompts, settings)
"""


def with_twin(folder, name, engine, **sections):
    (folder / "twin.py").write_text(TWIN)
    made = settings(folder, name, optimizer={"lr": 1e-2}, **sections)
    return {**made, "plugins": [str(folder / "twin.py")], "rollout": {**made["rollout"], "engine": engine}}


def going(made):
    built = assemble(from_mapping(made))
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    return built, bits(built.folder.path)


def test_an_engine_that_is_sent_the_weights_answers_as_the_model_would(tmp_path):
    built, found = going(with_twin(tmp_path, "sent", {"kind": "twin"}))
    assert all(m["drift"] < 1e-5 for m in found.values())
    player = built.supply.source.making.asking.player
    player._send(player.weights)
    twin = player.engine
    for name, tensor in built.loaded.module.state_dict().items():
        assert torch.equal(tensor, twin.module.state_dict()[name]), name


def test_an_engine_that_is_sent_nothing_drifts_and_the_drift_is_shown(tmp_path):
    _, found = going(with_twin(tmp_path, "deaf", {"kind": "twin", "deaf": True}))
    assert found[1]["drift"] < 1e-5 < 1e-3 < found[5]["drift"]


def test_adapters_are_folded_into_the_weights_that_are_sent(tmp_path):
    write_rows(tmp_path / "rows.jsonl", conversations(4))
    base, _ = train(from_mapping(config(tmp_path, name="base", train={"steps": 1})))
    made = settings(tmp_path, "lora", tuner={"kind": "lora", "rank": 4}, optimizer={"lr": 1e-2})
    made["model"] = {"path": str(base.model)}
    built = assemble(from_mapping(made))
    built.loop.run()
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(base.model)
    sent = dict(live_tensors(built.loaded.module, built.loop.executor))
    assert sent.keys() == {name for name, _ in plain.named_parameters()}
    plain.load_state_dict(sent, strict=False)
    ids = torch.arange(1, 20)[None]
    with torch.no_grad():
        wanted = built.loaded.module.eval()(input_ids=ids).logits
        torch.testing.assert_close(plain.eval()(ids).logits, wanted, atol=1e-5, rtol=1e-4)


def test_a_stalled_engine_is_said_and_asked_again(tmp_path, capfd):
    made = with_twin(tmp_path, "stalled", {"kind": "twin", "stalls": 1}, train={"steps": 1})
    made["rollout"]["timeout_s"] = 2.0
    _, found = going(made)
    said = capfd.readouterr().err
    assert len(found) == 1
    assert "rollout 0 made no progress for 2 s in the engine's answers to 4 prompts, 4 to each; begun anew" in said


def test_answers_without_ids_are_tokenised_and_say_no_drift(tmp_path):
    from whet.generate.engine_rollout import Playing
    from whet.generate.protocol import Completion, GenerateSettings

    built = assemble(from_mapping(settings(tmp_path, "texts", train={"steps": 1})))
    tokenizer = built.loaded.processor

    class Texts:
        """What a server gives that tells no tokens."""

        def complete(self, prompts, settings):
            return [Completion(f"fox {i}", (), "stop" if i % 2 else "length", 3) for i in range(len(prompts))]

    player = Playing(Texts(), tokenizer, GenerateSettings(max_new_tokens=6))
    (first, second), _ = player(questions(["a", "b"]), 2, seed=0)
    assert tokenizer.decode(first.ids) == "fox 0" and first.finish == "length" and first.logprobs is None
    assert tokenizer.decode(second.ids) == "fox 1<|im_end|>" and second.finish == "stop"


def test_log_probabilities_of_another_temperature_are_not_passed_off_as_those_of_the_draw(tmp_path):
    """The engine tells those of the model's own distribution, and draws at 0.5."""
    made = with_twin(tmp_path, "cold", {"kind": "twin"}, train={"steps": 1})
    made["rollout"]["temperature"] = 0.5
    built, found = going(made)
    assert all("behaviour" not in sample.values for sample in built.supply.source._steps[0])
    assert "drift" not in found[1] and "moved" in found[1]  # nothing to compare with is not a drift of 0

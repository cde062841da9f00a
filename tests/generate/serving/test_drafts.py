"""A smaller model that guesses ahead: answers stay what they are, whatever it says, and come in fewer steps."""

from __future__ import annotations

from functools import partial

import pytest

from tests.generate import tiny
from tests.generate.serving.asked import batcher_of, told_of
from tests.generate.test_decode import GREEDY, PROMPTS, generated_by
from whet.base.errors import ConfigError, ModelError
from whet.cli.commands.serve import guesses_of
from whet.contracts.model import Capabilities
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.drafts import Drafts, vocab_of
from whet.models.decoding.pages import Pages
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.loading.loaded import loaded

SETTINGS = [
    GREEDY,
    GenerateSettings(max_new_tokens=16, temperature=0.9, seed=2),
    GenerateSettings(max_new_tokens=16, temperature=0.6, repetition_penalty=1.1, top_p=0.9, logprobs=True),
]


def model(kind="llama", tokenizer=None, **changes):
    module = tiny.module(kind, **changes)
    attention.register()
    module.set_attn_implementation(attention.NAME)
    return loaded(module, tokenizer or tiny.tokenizer(), Capabilities(), LanguageModel(module))


def answered(settings, draft=None, **limits):
    """The answers, how many steps they took, and the batcher."""
    limits = {"guesses": 4, "step_tokens": 8, **limits}
    batcher, handles = batcher_of(tiny.module(), PROMPTS, settings, kind=partial(Pages, block=4), **limits)
    if draft is not None:
        batcher._drafts = Drafts(Pages(draft.module), vocab_of(tiny.module()), vocab_of(draft.module))
    steps = 0
    while batcher.is_busy:
        batcher.step()
        steps += 1
    return [told_of(handle) for handle in handles], steps, batcher


@pytest.mark.parametrize("settings", SETTINGS, ids=["greedy", "drawn", "penalised"])
@pytest.mark.parametrize("cache_tokens", [60, 4096])
def test_answers_are_those_without_a_draft_however_it_guesses(settings, cache_tokens):
    plain, _, _ = answered(settings, guesses=0)
    for draft in (model(), model("gpt2"), model("llama", vocab=400)):
        found, _, batcher = answered(settings, draft, cache_tokens=cache_tokens)
        assert found == plain and batcher.num_guessed > 0
        assert not batcher._drafts._texts and not batcher._drafts._cache._going


def test_a_draft_that_is_the_model_itself_is_right_each_time():
    for settings in SETTINGS[:2]:
        _, steps, _ = answered(settings, guesses=0)
        _, fewer, batcher = answered(settings, model())
        assert batcher.num_right == batcher.num_guessed > 40 and fewer < steps


def test_a_draft_with_fewer_rows_of_embeddings_reads_what_it_has_no_row_for():
    draft = model("llama", vocab=len(tiny.tokenizer()) - 40)
    found, _, batcher = answered(GREEDY, draft)
    assert found == generated_by("llama") and batcher.num_guessed > 0


def test_the_engine_asks_a_draft_and_tells_how_often_it_was_right(serving):
    engine = serving(tiny.module(), draft=model(), guesses=3)
    assert [answer.ids for answer in engine.complete([*PROMPTS, *PROMPTS], GREEDY)] == generated_by("llama") * 2
    assert engine.figures.num_right > 0


def test_drafts_that_do_not_fit_are_refused(serving):
    with pytest.raises(ModelError, match="tokens are not the model's"):
        serving(tiny.module(), draft=model(tokenizer=tiny.metaspace_tokenizer()), guesses=3)
    with pytest.raises(ModelError, match="context is 16"):
        serving(tiny.module(), draft=model("gpt2", n_positions=16), guesses=3)
    eager = model()
    eager.module.set_attn_implementation("eager")
    with pytest.raises(ModelError, match="the draft reads one sequence at a time"):
        serving(tiny.module(), draft=eager, guesses=3)
    with pytest.raises(ModelError, match="the model reads one sequence at a time"):
        serving(tiny.module(), draft=model(), attends="eager", guesses=3)


def test_a_draft_guesses_four_tokens_if_nothing_is_said():
    assert [guesses_of(None, None), guesses_of(None, "small"), guesses_of(7, "small"), guesses_of(3, None)] == [
        0,
        4,
        7,
        3,
    ]
    with pytest.raises(ConfigError, match="0 tokens"):
        guesses_of(0, "small")

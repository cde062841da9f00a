"""Rows without a template, and the template that needs nothing."""

import numpy as np
import pytest

from tests.data.conversations import (
    CHATML,
    make_tokenizer,
    system,
    trained_texts,
)
from tests.data.render.rendered import TOOL_ROW, conversation, only, refused
from whet.base.errors import ModelError
from whet.contracts.rows import Completion, Text
from whet.data.render.renderer import Renderer


class TestBaseModels:
    """Rows without a template, and the template that needs nothing."""

    tokenizer = make_tokenizer(None, ("<s>", "</s>"), bos="<s>", adds_bos=True)
    renderer = Renderer(tokenizer, template="plain")

    @pytest.mark.case("A12")
    def test_conversations_without_a_template_are_an_error_with_names_to_choose_from(self):
        row = conversation([("Hi there", "Hello!")])
        with pytest.raises(ModelError, match="no chat template") as error:
            Renderer(self.tokenizer).render([row])
        assert "data.template=plain" in error.value.hint
        with pytest.raises(ModelError) as error:
            Renderer(make_tokenizer(None, ("<|im_start|>", "<|im_end|>"))).render([row])
        assert error.value.hint.startswith("data.template=chatml")
        only(Renderer(self.tokenizer), Text("Hello there"))

    def test_the_plain_template_needs_no_new_tokens_and_trains_reply_and_end(self):
        rendered = only(self.renderer, conversation([("Hi there", "Hello!"), ("More", "Yes.")], [system("Be nice.")]))
        assert trained_texts(self.tokenizer, rendered) == ["Hello!</s>", "Yes.</s>"]
        begin = self.tokenizer.bos_token_id
        assert rendered.ids[0] == begin and np.count_nonzero(rendered.ids == begin) == 1

    def test_the_plain_template_writes_tools_and_calls(self):
        rendered = only(self.renderer, TOOL_ROW)
        call, reply = trained_texts(self.tokenizer, rendered)
        assert call == '{"name": "get_time", "arguments": {"zone": "UTC"}}</s>' and reply == "Noon.</s>"
        assert "the time" in self.tokenizer.decode(rendered.ids)

    def test_a_template_that_ends_turns_with_the_end_token_needs_one(self):
        with pytest.raises(ModelError, match="end-of-text"):
            Renderer(make_tokenizer(None, (), eos=None), template="plain")

    def test_text_is_begin_text_end_and_all_trained(self):
        rendered = only(self.renderer, Text("Hello there"))
        assert rendered.ids.tolist() == [*self.tokenizer("Hello there")["input_ids"], self.tokenizer.eos_token_id]
        assert rendered.weights.all()

    @pytest.mark.parametrize("text", ["<s>Hello</s>", "<s>Hello", "Hello</s>", "Hello"])
    def test_begin_and_end_are_never_doubled(self, text):
        ids = only(self.renderer, Text(text)).ids.tolist()
        assert ids.count(self.tokenizer.bos_token_id) == ids.count(self.tokenizer.eos_token_id) == 1

    def test_a_completion_is_trained_with_its_end(self):
        rendered = only(self.renderer, Completion("What is 2 + 2?\n", "It is 4."))
        assert trained_texts(self.tokenizer, rendered) == ["It is 4.</s>"]
        assert rendered.ids[0] == self.tokenizer.bos_token_id and not rendered.weights[0]

    def test_a_token_that_holds_the_prompts_last_space_is_not_trained(self):
        space = self.tokenizer.convert_tokens_to_ids("Ġthe")
        rendered = only(self.renderer, Completion("This is ", "the capital"))
        assert space in rendered.ids and not rendered.weights[rendered.ids == space].any()

    def test_a_completion_that_cannot_end_is_refused(self):
        renderer = Renderer(make_tokenizer(CHATML, ()), allow={"missing_tokens"})
        assert refused(renderer, Completion("a", "b")).reason == "untrained_end"

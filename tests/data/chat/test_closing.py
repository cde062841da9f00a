"""Closing: all special tokens that end a reply are trained, and none that begins the next turn."""

import pytest

from tests.data.conversations import GEMMA, LLAMA2, LLAMA3, assistant, make_tokenizer, trained_texts, user
from whet.contracts.rows import Conversation
from whet.data.render.renderer import Rendered, Renderer
from whet.generate.prompts import end_of_turn

# Two marks end a turn, as Command R7B has it, and another token begins the next one right behind them.
TWO = (
    "{{ bos_token }}{% for m in messages %}<|turn|>{% if m.role == 'assistant' %}<|bot|><|reply|>{{ m.content }}"
    "<|/reply|><|/turn|>{% else %}<|human|>{{ m.content }}<|/turn|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|turn|><|bot|>{% endif %}"
)
TWO_MARKS = ("<s>", "<|turn|>", "<|bot|>", "<|human|>", "<|reply|>", "<|/reply|>", "<|/turn|>")
# The text's end stands behind a whole conversation, as Phi-3 has it; there the end of turn takes its line break along.
FINAL = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
FINAL_MARKS = ("<|user|>", "<|assistant|>", "<|end|>", "<eos>")
# The next turn is begun whether it was asked for or not, as the first template of Llama 3 has it.
ALWAYS = LLAMA3.replace("{% if add_generation_prompt %}", "").removesuffix("\n\n{% endif %}") + "{{ '\n\n' }}"
LLAMA3_MARKS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
STYLES = {
    "two marks": (TWO, TWO_MARKS, "<|/reply|><|/turn|>", "<|/turn|>", {}),
    "an end behind the conversation": (FINAL, FINAL_MARKS, "<|end|>", "<|end|>", {"rstrip": True}),
    "the next turn begun": (ALWAYS, LLAMA3_MARKS, "<|eot_id|>", "<|eot_id|>", {}),
    "llama 3": (LLAMA3, LLAMA3_MARKS, "<|eot_id|>", "<|eot_id|>", {}),
    "llama 2": (LLAMA2, ("<s>", "</s>"), "</s>", "</s>", {"bos": "<s>"}),
    "gemma": (GEMMA, ("<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", "<end_of_turn>", {}),
}


@pytest.mark.case("A13")
@pytest.mark.parametrize("style", STYLES)
def test_what_ends_a_reply_is_trained_whole_and_the_next_turn_is_not(style):
    template, marks, ends, stop, flags = STYLES[style]
    tokenizer = make_tokenizer(template, marks, **flags)
    messages = [user("Hi"), assistant("one"), user("More"), assistant("two")]
    [rendered] = Renderer(tokenizer).render([Conversation(messages)])
    assert isinstance(rendered, Rendered), rendered
    found = ["".join(text.split()).removeprefix("<|reply|>") for text in trained_texts(tokenizer, rendered)]
    assert found == [said + ends for said in ("one", "two")]
    assert end_of_turn(tokenizer) == tokenizer.convert_tokens_to_ids(stop)


def test_a_reply_that_plain_text_ends_has_no_closing_token():
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    assert end_of_turn(make_tokenizer(template, ("<|x|>",))) is None

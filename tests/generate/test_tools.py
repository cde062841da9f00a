"""Tools: schemas as transformers derives them, calls in every template's form, and exactly which tokens are whose."""

from __future__ import annotations

import json

import pytest
from transformers.utils import get_json_schema

from tests.generate import tiny
from whet.base.errors import ConfigError, ModelError
from whet.generate.episodes import Episodes
from whet.generate.protocol import Completion, GenerateSettings, Token
from whet.generate.tool_calls import Exchange
from whet.generate.tools import Call, Toolbox, load_tools, schema_of

FILE = '''
import os, time
from typing import Literal

def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    a: the first
    b: the second, which
      goes on here
    """
    return a + b

def look(city: str, unit: Literal["C", "F"] = "C") -> dict:
    """The weather.

    Args:
        city: where
    """
    return {"city": city, "degrees": 20, "unit": unit}

def wait(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)

def leave(reason: str) -> None:
    """Leave."""
    os._exit(1)

def fail(reason: str) -> None:
    """Fail."""
    raise ValueError(reason)

def _hidden(): pass
'''


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    path = tmp_path_factory.mktemp("tools") / "tools.py"
    path.write_text(FILE)
    return load_tools([str(path)])


@pytest.fixture(scope="module")
def toolbox(tools):
    box = Toolbox(tools, workers=2, timeout_s=3.0)
    yield box
    box.close()


def test_schemas_are_those_that_transformers_derives():
    def search(query: str, limit: int = 5, tags: list[str] | None = None, exact: bool = False):
        """Search the web.

        Args:
            query: what to look for
            limit: how many results
            tags: only these
            exact: as it is written
        """

    def plain(x: float, table: dict[str, int]):
        """Plot x.

        Args:
            x: where
            table: counts
        """

    for function in (search, plain):
        theirs = get_json_schema(function)
        theirs["function"].pop("return", None)
        assert schema_of(function) == theirs


def test_a_file_gives_its_public_functions_and_names_pick_one(tools, tmp_path):
    assert [tool.name for tool in tools] == ["add", "look", "wait", "leave", "fail"]
    properties = tools[0].schema["function"]["parameters"]["properties"]
    assert properties["b"] == {"type": "integer", "description": "the second, which goes on here"}
    path = tmp_path / "more.py"
    path.write_text('def one(x: int):\n    """One."""\ndef two(x: int):\n    """Two."""\n')
    assert [tool.name for tool in load_tools([f"{path}:two"])] == ["two"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(x: int): return x", "has no docstring"),
        ('def f(x):\n    """F."""', "`x` of the tool `f` has no type"),
        ('def f(*x: int):\n    """F."""', "which no schema can say"),
        ('def f(x: complex):\n    """F."""', "which JSON cannot say"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("", "there are no tools"),
    ],
)
def test_functions_that_no_model_could_call_are_refused(tmp_path, source, said):
    path = tmp_path / "bad.py"
    path.write_text(source + "\n")
    with pytest.raises(ConfigError, match=said):
        load_tools([str(path)])


def test_names_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "t.py").write_text('def look(x: int):\n    """Look."""\n')
    for given, said in [
        ("none.py", "there is no file"),
        ("tools", "names no tools"),
        (f"{tmp_path}/t.py:lok", "no function"),
    ]:
        with pytest.raises(ConfigError, match=said):
            load_tools([given])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (Call("add", {"a": 1, "b": 5}), "6"),
        (Call("add", {"a": 1}), "3"),
        (Call("look", {"city": "Köln"}), '{"city": "Köln", "degrees": 20, "unit": "C"}'),
        (Call("look", {"city": "a", "unit": "K"}), 'error: `unit` of `look` is "K", not one of "C", "F"'),
        (Call("add", {"a": "1"}), 'error: `a` of `add` is "1", not integer'),
        (Call("add", {"a": True}), "error: `a` of `add` is true, not integer"),
        (Call("add", {"c": 1}), "error: `add` has no argument `c`; it takes: a, b"),
        (Call("add", {}), "error: `add` needs the argument `a`"),
        (Call("sub", {}), "error: there is no tool `sub`; there are: add, look, wait, leave, fail"),
        (Call("fail", {"reason": "no luck"}), "error: ValueError: no luck"),
        (Call("leave", {"reason": ""}), "error: its process ended with 1 (EOFError)"),
        (Call("?", {}, "the call is not JSON"), "error: the call is not JSON"),
    ],
    ids=lambda value: value.name if isinstance(value, Call) else "",
)
def test_what_a_call_gives_is_an_observation_whatever_happens(toolbox, call, text):
    found = toolbox.run([call])[0]
    assert found.text == text and found.is_error == text.startswith("error")


def test_a_tool_that_hangs_is_an_observation_too_and_costs_no_other(toolbox):
    hung, fine = toolbox.run([Call("wait", {"seconds": 60.0}), Call("add", {"a": 1})])
    assert hung.text == "error: no answer after 3 s" and fine.text == "3"


# The forms of well-known models, as short as they can be.
# fmt: off
HERMES = (
    "{% if tools %}<|turn|>system\nTools: {% for t in tools %}{{ t.function | tojson }}{% endfor %}<|end|>\n{% endif %}"
    "{% for m in messages %}{% if m.role == 'tool' %}"
    "<|turn|>user\n<tool_response>\n{{ m.content }}\n</tool_response><|end|>\n"
    "{% else %}<|turn|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}\n<tool_call>\n{{ c.function | tojson }}\n</tool_call>{% endfor %}<|end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
MISTRAL = (
    "{% if tools %}[AVAILABLE_TOOLS] {{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}"
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }}[/INST]{% elif m.role == 'tool' %}"
    "[TOOL_RESULTS] {{ {'content': m.content, 'call_id': m.tool_call_id} | tojson }}[/TOOL_RESULTS]"
    "{% elif m.tool_calls %}[TOOL_CALLS] [{% for c in m.tool_calls %}{{ c.function | tojson }}"
    "{{ '' if loop.last else ', ' }}{% endfor %}]<|end|>{% else %} {{ m.content }}<|end|>{% endif %}{% endfor %}"
)
LLAMA = (
    "{% for m in messages %}{% if m.tool_calls %}{% if m.tool_calls | length != 1 %}{{ raise_exception('one call') }}"
    "{% endif %}<|turn|>assistant\n{\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": "
    "{{ m.tool_calls[0].function.arguments | tojson }}}<|end|>"
    "{% elif m.role == 'tool' %}<|turn|>ipython\n{{ m.content | tojson }}<|end|>"
    "{% else %}<|turn|>{{ m.role }}\n{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
GLM = HERMES.replace("\n<tool_call>\n{{ c.function | tojson }}\n</tool_call>", (
    "\n<tool_call>{{ c.function.name }}\n{% for k, v in c.function.arguments.items() %}<arg_key>{{ k }}</arg_key>\n"
    "<arg_value>{{ v if v is string else v | tojson }}</arg_value>\n{% endfor %}</tool_call>"
))
# fmt: on
FORMS = {"hermes": HERMES, "mistral": MISTRAL, "json": LLAMA, "glm": GLM, "ours": None}


def tokenizer(form):
    made = tiny.tokenizer()
    if FORMS[form] is not None:
        import copy

        made = copy.deepcopy(made)
        made.chat_template = FORMS[form]
    return made


WRITTEN = {
    "hermes": '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
    "mistral": '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}]',
    "json": '{"name": "add", "parameters": {"a": 1}}',
    "glm": "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_follows_from_the_template_and_its_calls_are_read(tools, form):
    exchange = Exchange(tokenizer(form), [tool.schema for tool in tools])
    assert exchange.form == ("hermes" if form == "ours" else form)
    said = exchange.read(WRITTEN[exchange.form])
    assert said.content == "" and said.calls == (Call("add", {"a": 1}),)
    assert exchange.read("It is 3.").calls == ()


@pytest.mark.parametrize(
    ("form", "text", "calls"),
    [
        ("hermes", "So:\n" + WRITTEN["hermes"] + "\n" + WRITTEN["hermes"], 2),
        ("hermes", "<tool_call>{broken</tool_call>", 1),
        ("hermes", '<tool_call>{"name": 3}</tool_call>', 1),
        ("hermes", '<tool_call>{"name": "add", "arguments": ' + '{"a": ' * 5_000, 1),
        ("mistral", "[TOOL_CALLS] " + "[{" * 5_000, 1),
        ("json", '{"name": "add", "parameters": ' + '{"a": ' * 5_000, 1),
        ("hermes", '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>', 1),
        ("mistral", '[TOOL_CALLS]add[ARGS]{"a": 1}', 1),
        ("mistral", "[TOOL_CALLS] [{", 1),
        ("json", '<|python_tag|>{"name": "add", "parameters": {"a": 1}}; {"name": "add", "parameters": {"a": 2}}', 2),
        ("json", '{"temperature": 3}', 0),
        ("glm", "So:\n" + WRITTEN["glm"] + "\n" + WRITTEN["glm"], 2),
        ("glm", "<tool_call>{broken</tool_call>", 1),
        ("json", '{"name": "add", "parameters": {', 1),
    ],
)
def test_several_calls_and_broken_ones(tools, form, text, calls):
    found = Exchange(tokenizer(form), [tool.schema for tool in tools]).read(text).calls
    assert len(found) == calls
    if any(part in text for part in ("broken", '"name": 3', "[{", '": {')) and text.count("}") < text.count("{"):
        assert found[0].error


def test_a_template_without_calls_is_refused(tools):
    made = tokenizer("hermes")
    made.chat_template = "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    with pytest.raises(ModelError, match="leaves out tool calls"):
        Exchange(made, [tool.schema for tool in tools])


class Scripted:
    """An engine whose model says what the test wants, token by token; it records what it was asked."""

    def __init__(self, tokenizer, said, stop):
        self.tokenizer, self.said, self.stop = tokenizer, said, stop
        self.asked, self.numbers = [], []

    def complete(self, prompts, settings, numbers=None):
        self.asked += [list(prompt) for prompt in prompts]
        self.numbers += list(numbers)
        return [self._one(prompt, settings) for prompt in prompts]

    def _one(self, prompt, settings):
        text = self.said.pop(0)
        ids = self.ids_of(text) + [self.stop]
        finish = "stop" if len(ids) <= settings.max_new_tokens else "length"
        tokens = tuple(Token(i, -0.25) for i in ids[: settings.max_new_tokens])
        return Completion(text, tokens, finish, len(prompt))

    def ids_of(self, text):
        """Not the tokenizer's own way: a token a letter, as a model may well write it."""
        return [i for letter in text for i in self.tokenizer.encode(letter, add_special_tokens=False)]


def play(form, tools, toolbox, said, prompts=("2 plus 1?",), num=1, **settings):
    made = tokenizer(form)
    stop = made.convert_tokens_to_ids("<|end|>")
    engine = Scripted(made, list(said), stop)
    limits = {"max_turns": settings.pop("max_turns", 4), "timeout_s": settings.pop("timeout_s", 60.0)}
    chosen = GenerateSettings(**{"max_new_tokens": 600, "temperature": 1.0, **settings})
    player = Episodes(engine, made, toolbox, chosen, frozenset({stop}), **limits)
    rows = [{} for _ in prompts]
    played = player([[{"role": "user", "content": p}] for p in prompts], rows, num, seed=0, numbers=range(len(prompts)))
    return made, engine, played


@pytest.mark.parametrize("form", FORMS)
def test_tokens_are_those_the_model_wrote_and_those_the_template_writes(tools, toolbox, form):
    call = WRITTEN["hermes" if form == "ours" else form]
    made, engine, played = play(form, tools, toolbox, [call, "It is 3."])
    one = played[0][0]
    chosen = [i for i, mine in zip(one.ids, one.is_chosen, strict=True) if mine]
    assert chosen == [*engine.ids_of(call), engine.stop, *engine.ids_of("It is 3."), engine.stop]
    assert engine.asked[1][: len(engine.asked[0])] == engine.asked[0]
    # Read as text, it is the conversation as the template writes it.
    function = {"name": "add", "arguments": {"a": 1}}
    messages = [
        {"role": "user", "content": "2 plus 1?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call00000", "type": "function", "function": function}],
        },
        {"role": "tool", "name": "add", "tool_call_id": "call00000", "content": "3"},
    ]
    rendered = made.apply_chat_template(
        messages, tools=[t.schema for t in tools], tokenize=False, add_generation_prompt=True
    )
    assert _dense(made.decode(engine.asked[1])) == _dense(rendered)
    assert one.text == "It is 3." and one.finish == "stop" and one.figures == {
        "turns": 2, "tool_calls": 1, "tool_errors": 0,
    }  # fmt: skip
    assert one.logprobs == tuple(-0.25 if mine else 0.0 for mine in one.is_chosen)
    assert [message["role"] for message in one.messages] == ["assistant", "tool", "assistant"]


def _dense(text):
    return "".join(text.split())


def test_errors_come_back_and_the_model_may_go_on(tools, toolbox):
    broken, wrong = "<tool_call>{no</tool_call>", '<tool_call>{"name": "sub", "arguments": {}}</tool_call>'
    _, engine, played = play("hermes", tools, toolbox, [broken, wrong, "I give up."])
    one = played[0][0]
    assert one.figures == {"turns": 3, "tool_calls": 2, "tool_errors": 2} and one.text == "I give up."
    assert "is not JSON" in one.messages[1]["content"] and "there is no tool `sub`" in one.messages[3]["content"]


def test_turns_are_bounded_and_nothing_is_fed_behind_the_last(tools, toolbox):
    _, engine, played = play("hermes", tools, toolbox, [WRITTEN["hermes"]] * 3, max_turns=3)
    one = played[0][0]
    assert one.finish == "length" and one.figures["turns"] == 3 and one.is_chosen[-1]


def test_time_is_bounded(tools, toolbox):
    _, _, played = play("hermes", tools, toolbox, [WRITTEN["hermes"]] * 3, timeout_s=0.0)
    assert played[0][0].figures["turns"] == 1 and played[0][0].finish == "length"


def test_tokens_are_bounded_over_all_turns(tools, toolbox):
    call = WRITTEN["hermes"]
    for room in (20, 70, 250):
        _, engine, played = play("hermes", tools, toolbox, [call, "word " * 100], max_new_tokens=room)
        one = played[0][0]
        assert len(one.ids) <= room and one.finish == "length"
    assert len(one.ids) == 250 and one.figures["turns"] == 2


def test_conversations_of_different_room_are_asked_together_and_each_is_bounded(tools, toolbox):
    call, long = WRITTEN["hermes"], "word " * 200
    _, engine, played = play("hermes", tools, toolbox, [call, "x " * 40 + call, long, long], prompts=("a", "b"),
                             max_new_tokens=300)  # fmt: skip
    for one in (played[0][0], played[1][0]):
        assert len(one.ids) == len(one.is_chosen) == len(one.logprobs) == 300 and one.finish == "length"
        assert one.figures["turns"] == 2 and one.is_chosen[-1]


def test_many_conversations_go_on_together_and_draw_by_their_own_numbers(tools, toolbox):
    call = WRITTEN["hermes"]
    said = [call, "no call", "none", call, "fine", "done"]
    _, engine, played = play("hermes", tools, toolbox, said, prompts=("a", "b"), num=2)
    texts = [[one.text for one in group] for group in played]
    assert texts == [["fine", "no call"], ["none", "done"]]
    assert len(set(engine.numbers)) == 6
    _, again, _ = play("hermes", tools, toolbox, list(said), prompts=("a", "b"), num=2)
    assert again.numbers == engine.numbers


def test_log_probabilities_of_another_temperature_are_not_passed_off_as_those_of_the_draw(tools, toolbox):
    _, _, played = play("hermes", tools, toolbox, ["hi"], temperature=0.7)
    assert played[0][0].logprobs is None


def test_a_real_model_plays_and_its_log_probabilities_are_its_own(tools, toolbox, tmp_path):
    from whet.base.catalogue import engine as slot
    from whet.generate.prompts import stop_ids

    loaded = tiny.loaded(tiny.folder(tmp_path / "model", max_position_embeddings=4096))
    local = slot.get("local").build(loaded)
    stops = stop_ids(loaded.module, loaded.processor)
    settings = GenerateSettings(max_new_tokens=12, temperature=1.0)
    player = Episodes(local, loaded.processor, toolbox, settings, stops)
    asked = [[{"role": "user", "content": "hello"}], [{"role": "user", "content": "fox"}]]
    both = player(asked, [{}, {}], 2, seed=1, numbers=[0, 1])
    alone = player(asked[1:], [{}], 2, seed=1, numbers=[1])
    assert [one.ids for one in both[1]] == [one.ids for one in alone[0]] and both[0][0].ids != both[0][1].ids
    import torch

    one = both[0][0]
    with torch.no_grad():
        logits = loaded.module(input_ids=torch.tensor([[*one.prompt_ids, *one.ids]])).logits[0].float()
    expected = logits.log_softmax(-1)[len(one.prompt_ids) - 1 : -1].gather(1, torch.tensor(one.ids)[:, None])[:, 0]
    assert one.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_an_engine_without_ids_cannot_play(tools, toolbox):
    made = tokenizer("hermes")
    stop = made.convert_tokens_to_ids("<|end|>")

    class Wordy(Scripted):
        def _one(self, prompt, settings):
            return Completion("hi", (), "stop", 1)

    player = Episodes(Wordy(made, [], stop), made, toolbox, GenerateSettings(), frozenset({stop}))
    with pytest.raises(ModelError, match="tells no token ids"):
        player(["hello"], [{}], 1, seed=0, numbers=[0])


def test_a_dotted_name_is_a_tool():
    tool = load_tools(["tests.generate.test_tools:dotted"])[0]
    assert tool.name == "dotted" and json.dumps(tool.schema)


def dotted(x: int) -> int:
    """A tool of a module."""
    return x


def test_arguments_of_glm_are_texts_numbers_and_lists(tools):
    read = Exchange(tokenizer("glm"), [tool.schema for tool in tools]).read
    pairs = [("city", "New York"), ("days", "3"), ("tags", '["a", "b"]'), ("note", "two\nlines")]
    body = "".join(f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n" for key, value in pairs)
    said = read(f"I look.\n<tool_call>weather\n{body}</tool_call>")
    assert said.content == "I look." and said.calls == (
        Call("weather", {"city": "New York", "days": 3, "tags": ["a", "b"], "note": "two\nlines"}),
    )
    for broken in ("<tool_call></tool_call>", "<tool_call>add city=3</tool_call>"):
        assert read(broken).calls[0].error

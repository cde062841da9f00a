"""Tools to call, templates in the forms of well-known models, and a model that says what a test wants."""

from __future__ import annotations

from tests.generate import tiny
from whet.contracts.rewards import questions
from whet.generate.episodes import Episodes
from whet.generate.protocol import Completion, GenerateSettings, Token

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
WRITTEN = {
    "hermes": '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
    "mistral": '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}]',
    "json": '{"name": "add", "parameters": {"a": 1}}',
    "glm": "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
}


def tokenizer(form):
    made = tiny.tokenizer()
    if FORMS[form] is not None:
        import copy

        made = copy.deepcopy(made)
        made.chat_template = FORMS[form]
    return made


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
    played = player(questions([[{"role": "user", "content": p}] for p in prompts]), num, seed=0)
    return made, engine, played

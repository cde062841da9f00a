"""A template in Hermes' form, and an engine whose answers are written beforehand."""

from __future__ import annotations

import threading
from typing import Any

from whet.generate.answer import Answer
from whet.generate.protocol import GenerateSettings, Piece, Token
from whet.generate.serving.figures import Figures
from whet.generate.serving.request import Handle, Limits, Request

TOOLS_TEMPLATE = (
    "{% if tools %}<|im_start|>system\nTools:{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}"
    "<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}"
    "{% for call in m.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather", "description": "The weather of a town",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}  # fmt: skip


class Scripted:
    """Answers each request with the next of these texts, token by token (as `ServingEngine` to a service)."""

    longest = 1024
    is_failing, limits = False, Limits()

    def __init__(self, tokenizer: Any, texts: list[str]) -> None:
        self.tokenizer, self.texts, self.stops = tokenizer, texts, frozenset([tokenizer.eos_token_id])
        self.figures, self.num_open, self.asked = Figures(), 0, list[Request]()

    def submit(self, request: Request, tell: Any = None) -> Handle:
        self.asked.append(request)
        handle = Handle(request, tell)
        ids = [*self.tokenizer.encode(self.texts.pop(0), add_special_tokens=False), self.tokenizer.eos_token_id]
        threading.Thread(target=self._say, args=(handle, ids), daemon=True).start()
        return handle

    def _say(self, handle: Handle, ids: list[int]) -> None:
        settings: GenerateSettings = handle.request.settings
        answer = Answer(self.tokenizer, handle.request.ids, settings, self.stops, self.longest)
        for token in ids:
            text = answer.push(Token(token))
            if answer.finish is not None:
                handle.completion = answer.completion()
            handle.tell(Piece(text, Token(token), answer.finish))

    def drain(self) -> None:
        pass

    def close(self) -> None:
        pass

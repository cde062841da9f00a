"""What fits in the model's context, and what is so far beyond it that it is not read at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whet.server.openai.refused import Refused
from whet.server.openai.service import Service

# Texts of so many characters a token of the context are looked at before they are read, in pieces of so many.
_FAR, _PIECE = 8, 1 << 16


def check_length(service: Service, texts: Iterable[str], param: str) -> None:
    """Raises Refused for a text that is far too long, before all of it is tokens: 7 MB took 8 s and over a GiB.

    Pieces are counted one by one, until they have twice what the model sees: where the text is cut matters less.
    """
    longest = service.longest
    if longest is None:
        return
    for text in texts:
        if len(text) > max(_PIECE, _FAR * longest) and _is_far(service, text, longest):
            raise _too_long(longest, f"more than {2 * longest}", None, param)


def fitting(ids: Sequence[int], most: int | None, longest: int, param: str) -> int:
    """Tokens that an answer may have. Raises Refused where the model sees fewer than are asked for."""
    room = longest - len(ids)
    if room < max(most or 0, 1):
        raise _too_long(longest, len(ids), most, param)
    return room if most is None else most


def _is_far(service: Service, text: str, longest: int) -> bool:
    num = 0
    for start in range(0, len(text), _PIECE):
        num += len(service.tokenizer.encode(text[start : start + _PIECE], add_special_tokens=False))
        if num > 2 * longest:
            return True
    return False


def _too_long(longest: int, num: object, most: int | None, param: str) -> Refused:
    asked = f" and {most} of the answer" if most else ""
    # LiteLLM and others know what is too long by OpenAI's words alone.
    said = f"this model's maximum context length is {longest} tokens, and these are {num} of the prompt{asked}"
    return Refused(said, param=param, code="context_length_exceeded")

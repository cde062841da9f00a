"""What single tokens stand for: their text and their bytes, of which a character may need several."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_MARK = "▁"


class TokenTexts:
    """The tokens of one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._special = set(tokenizer.all_special_tokens) | set(tokenizer.get_added_vocab())
        decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
        self._letters = _letters() if "ByteLevel" in repr(decoder) else {}
        self.bytes = lru_cache(maxsize=65_536)(self._bytes)

    def text(self, token_id: int) -> str:
        r"""The text of a token; bytes that are no character are written as `\xe4`."""
        return self.bytes(token_id).decode(errors="backslashreplace")

    def _bytes(self, token_id: int) -> bytes:
        token = self._tokenizer.convert_ids_to_tokens(token_id)
        if token is None:  # an embedding without a token
            return b""
        if token in self._special:
            return token.encode()
        if found := _BYTE.fullmatch(token):
            return bytes([int(found[1], 16)])
        if self._letters and all(letter in self._letters for letter in token):
            return bytes(self._letters[letter] for letter in token)
        return token.replace(_MARK, " ").encode()


def _letters() -> dict[str, int]:
    """The byte that each letter of a byte-level vocabulary stands for (GPT-2): printable ones for themselves."""
    own = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + place): byte for place, byte in enumerate(rest)}

"""Undelivered: why a message did not arrive, and whether it is worth another try."""

from __future__ import annotations


class Undelivered(Exception):
    """A message that was not taken. `retry_after_s` is the server's own wish; `is_final` says that no try will help.

    Its text names hosts and codes, never a URL, a token or what the server said in full.
    """

    def __init__(self, text: str, *, retry_after_s: float | None = None, is_final: bool = False) -> None:
        super().__init__(text)
        self.retry_after_s, self.is_final = retry_after_s, is_final

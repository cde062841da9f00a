"""Regular expressions of a tokenizer that some text keeps busy without end: new ones are tried in their own process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from whet.base.errors import ModelError

# Time for a new process that imports `tokenizers` and cuts a few short texts; what is harmless takes milliseconds.
LIMIT_S = 15.0
_LONGEST = 5000  # letters of an expression; those of published tokenizers have a few hundred
# Digests of what GPT-2, Llama 3 (and `whet tokenizer train`), Qwen 2 to 3.5 and DeepSeek V3 cut text by.
_KNOWN = frozenset(
    (
        "fa1b88addc74015b bd496641ae49e239 9faa3156b53062e4 0cbf90f930c75fe3 8ef4e51dfb54b8cf "
        "0c1b2f81334a036b 724e21b9a34be24c df1e5f7c6bacbcb0 b68d3edd41924ae3"
    ).split()
)
_TRY = (
    "import sys; from tokenizers import Regex, pre_tokenizers as p\n"
    "pattern, *texts = sys.stdin.read().split('\\0')\n"
    "cut = p.Split(Regex(pattern), behavior='isolated')\n"
    "print('ready', flush=True)\n"
    "[cut.pre_tokenize_str(text) for text in texts]\n"
)


def check_patterns(tokenizer: Any, file: Path) -> None:
    """Raise ModelError for an expression in a `tokenizer.json` that takes longer than any text is worth."""
    for pattern in sorted(set(_patterns(tokenizer))):
        if len(pattern) > _LONGEST or not _ends(pattern):
            message = f"the tokenizer's regular expression `{ascii(pattern)[1:60]}` takes for ever on some texts"
            raise ModelError(message, at=str(file), hint="get the tokenizer from where its model was published")


def _patterns(value: Any) -> Iterator[str]:
    """Every expression in a pre-tokenizer, normalizer, decoder or post-processor that may repeat something."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Regex" and isinstance(inner, str) and any(letter in inner for letter in "*+{"):
                yield inner
            elif key not in ("vocab", "merges", "added_tokens"):
                yield from _patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _patterns(inner)


def _ends(pattern: str) -> bool:
    """Whether it cuts texts of repeated letters in time; those of widely used tokenizers are known to."""
    digest = hashlib.blake2b(pattern.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return digest in _KNOWN or _tried(pattern)


@lru_cache(maxsize=64)
def _tried(pattern: str) -> bool:
    letters = list(dict.fromkeys([*(c for c in pattern if c.isalnum() or c in " _-,;:'\"/=<>@#"), *"aA1 \n.\u4e00"]))[
        :40
    ]
    texts = [text for one in letters for text in (one * 200, one * 200 + "!", one * 200 + "\x01")]
    texts += [f"{one}{other}" * 100 + "!" for one, other in zip(letters[:-1], letters[1:], strict=True)]
    command = [sys.executable, "-c", _TRY]
    text = "\0".join([pattern.replace("\0", ""), *texts])
    try:
        done = subprocess.run(
            command, input=text.encode("utf-8", "replace"), timeout=LIMIT_S, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    # Onig 6.5 gives a match up after ten million steps, and tokenizers 0.22 then panics, which no `except` expects.
    # What is no expression at all is refused where it is loaded.
    return done.returncode == 0 or b"ready" not in done.stdout

"""A stand-in renderer without a tokenizer: a word is a token, and its length the id."""

import hashlib
import json

import numpy as np

from whet.data.refusal import Refused
from whet.data.render.renderer import Rendered


class WordRenderer:
    """Renders text; the word `bad` refuses the row. Counts what it renders."""

    fingerprint = "words"
    fill_in = None

    def __init__(self):
        self.num_rendered = 0

    def render(self, rows):
        self.num_rendered += len(rows)
        return [self._row(row) for row in rows]

    def _row(self, row):
        text = row.text if row.kind == "text" else row.prompt + row.completion
        words = text.split()
        if "bad" in words:
            return Refused("bad_word", f"the word `bad` in {text!r}")
        trained = words if row.kind == "text" else row.completion.split()
        weights = np.zeros(len(words), np.float32)
        weights[len(words) - len(trained) :] = 1
        ids = [int(hashlib.sha256(word.encode()).hexdigest()[:4], 16) for word in words]
        return Rendered(np.array(ids, np.int32), weights)


def write_rows(path, texts):
    """A jsonl file of rows with a `text` column."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def words(count, start=0):
    """A text of that many different words."""
    return " ".join(f"w{start + i}" for i in range(count))

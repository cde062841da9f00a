"""Write rows for recipes/embed-docstrings.yaml: what Python's standard library documents, and what it says of it.

    python recipes/docstrings.py FOLDER

`docstrings.jsonl` is learned from, `docstrings-held-out.jsonl` are the modules that are kept apart. The query is the
words of a function's name and arguments, the positive document the first sentence of its docstring, both in lower case,
so that a small model knows a word again. Files are parsed, never imported.
"""

import ast
import json
import re
import sys
from pathlib import Path

from whet.demo.corpus import read_library
from whet.demo.outline import arguments, definitions
from whet.demo.questions import SHORTEST_WORDS, first_sentence

# Identifiers as words: `writeStartTag` is three.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
rows: dict[bool, dict[str, dict[str, str]]] = {True: {}, False: {}}
for module in read_library().modules:
    for name, definition in definitions(module.tree):
        summary = first_sentence(definition)
        if isinstance(definition, ast.ClassDef) or len(summary.split()) < SHORTEST_WORDS:
            continue
        words = _WORD.findall(f"{module.name} {name} {arguments(definition)}")
        row = {"query": " ".join(words).lower(), "positive": summary.lower()}
        rows[module.is_held_out].setdefault(row["positive"], row)
known = rows[False].keys()
held_out = [row for summary, row in rows[True].items() if summary not in known]
for name, chosen in (("docstrings", rows[False].values()), ("docstrings-held-out", held_out)):
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
    print(f"{name}.jsonl: {len(chosen)} rows")

"""Write rows for recipes/embed-docstrings.yaml: what Python's standard library documents, and what it says of it.

    python recipes/docstrings.py FOLDER

`docstrings.jsonl` is learned from, `docstrings-held-out.jsonl` are the modules that are kept apart. The query is the
words of a function's name and arguments, the positive document the first sentence of its docstring, both in lower case,
so that a small model knows a word again. `functions.jsonl` are weaker pairs of the modules that are learned from: the
same words and those that the function's code begins with, or what a class is documented as. Files are parsed, never
imported.
"""

import ast
import json
import re
import sys
from pathlib import Path

from whet.demo.corpus import Module, read_library
from whet.demo.outline import Definition, arguments, definitions
from whet.demo.questions import SHORTEST_WORDS, first_sentence

# Identifiers as words: `writeStartTag` is three.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Words of code that are taken, and fewer than which tell nothing.
_MOST, _LEAST = 48, 4


def words(text: str, most: int | None = None) -> str:
    return " ".join(_WORD.findall(text)[:most]).lower()


def code_of(module: Module, definition: Definition) -> str:
    """The words behind the docstring."""
    is_documented = ast.get_docstring(definition) is not None
    start = definition.body[0].end_lineno if is_documented else definition.lineno
    return words("\n".join(module.text.splitlines()[start : definition.end_lineno]), _MOST)


folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
rows: dict[bool, dict[str, dict[str, str]]] = {True: {}, False: {}}
weaker: dict[tuple[str, str], None] = {}
for module in read_library().modules:
    for name, definition in definitions(module.tree):
        summary, is_class = first_sentence(definition).lower(), isinstance(definition, ast.ClassDef)
        is_told = len(summary.split()) >= SHORTEST_WORDS
        query = words(f"{module.name} {name} {'' if is_class else arguments(definition)}")
        said = summary if is_class else code_of(module, definition)
        if not module.is_held_out and (is_told if is_class else len(said.split()) >= _LEAST):
            weaker[query, said] = None
        if is_told and not is_class:
            rows[module.is_held_out].setdefault(summary, {"query": query, "positive": summary})
known = rows[False].keys()
held_out = [row for summary, row in rows[True].items() if summary not in known]
asked = {text for row in held_out for text in row.values()}
pairs = [{"query": query, "positive": said} for query, said in weaker if not {query, said} & asked and query != said]
for name, chosen in (("docstrings", rows[False].values()), ("functions", pairs), ("docstrings-held-out", held_out)):
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
    print(f"{name}.jsonl: {len(chosen)} rows")

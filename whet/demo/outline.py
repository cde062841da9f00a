"""What a source file documents: its definitions, their signatures, their docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Functions and classes at the top of a module, and what the classes hold, with dotted names."""
    for node in tree.body:
        if isinstance(node, Definition):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from definitions(node, f"{prefix}{node.name}.")


def arguments(definition: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The argument list as written in the source, without annotations and `self`."""
    bare = ast.parse(f"def f({ast.unparse(definition.args)}): 0").body[0].args  # type: ignore[attr-defined]
    for argument in ast.walk(bare):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return re.sub(r"^(self|cls)(, |$)", "", ast.unparse(bare))


def outline(tree: ast.Module) -> str:
    """The file with its docstrings but without its code: empty where nothing is documented."""
    parts = [ast.get_docstring(tree) or ""]
    for _, definition in definitions(tree):
        docstring = ast.get_docstring(definition)
        if docstring:
            parts.append(f'{_head(definition)}:\n    """{docstring}"""\n')
    return "\n".join(parts).strip()


def _head(definition: Definition) -> str:
    if isinstance(definition, ast.ClassDef):
        return f"class {definition.name}"
    return f"def {definition.name}({arguments(definition)})"

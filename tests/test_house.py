"""The laws of the house: directions of import, what stays free of torch, sizes of files, and honest extras."""

from __future__ import annotations

import ast
import json
import re
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.lazily import Lazily

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "whet").rglob("*.py"))
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60

# Run in a fresh interpreter: imports every module named in argv with the packages in argv[1] blocked, and prints
# a JSON object of those that fail.
IMPORT_WITHOUT = """
import importlib, json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ImportError(f"{name} is blocked")

blocked = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocker())
failures = {}
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        failures[name] = f"{type(error).__name__}: {error}"
print(json.dumps(failures))
"""

# Runs `whet --help` and prints which of the packages in argv[1] it imported.
HELP = """
import contextlib, io, json, sys
heavy = sys.argv[1].split(",")
from whet.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["--help"])
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


def test_a_room_imports_only_the_rooms_below_it():
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_slot_file_imports_without_torch():
    homes = [ROOT.joinpath(*slot.home.split(".")) for slot in slots().values()]
    modules = [module_name(path) for home in homes for path in sorted(home.glob("*.py"))]
    assert len(modules) > len(homes), "the slots' homes hold no files"
    assert failed_imports(modules, "torch,transformers,peft") == {}


def test_base_track_and_cli_import_without_torch():
    ours = [p for p in SOURCES if p.relative_to(ROOT).parts[1] in ("base", "track", "cli")]
    # The file of a framework imports it, and is imported by whoever has it.
    frameworks = set((ROOT / "whet" / "track" / "integrations").glob("*.py"))
    modules = [module_name(p) for p in ours if p not in frameworks or p.stem in ("__init__", "joining")]
    assert failed_imports(modules, "torch,transformers,peft") == {}


def test_every_slot_kind_names_its_own_file():
    wrong = {
        f"{slot.name} {name}": slot.get(name).name
        for slot in slots().values()
        for name in slot.names()
        if slot.get(name).name != name
    }
    assert wrong == {}


def test_help_imports_nothing_heavy(record_property):
    seconds, loaded = [], None
    for _ in range(3):
        started = time.perf_counter()
        loaded = json.loads(python(HELP, "torch,pydantic,numpy,transformers"))
        seconds.append(time.perf_counter() - started)
    record_property(
        "printed", f"whet --help took {statistics.median(seconds):.2f} s (median of 3, with Python's start)"
    )
    assert loaded == []


def test_who_collects_a_file_imports_none_of_what_it_says_is_lazy(monkeypatch):
    """pytest asks each name of a file for attributes of mocks and fixtures; a client takes 2 s to import."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    package = Lazily("colorsys")
    assert getattr(package, "_mock_name", None) is None and "colorsys" not in sys.modules
    assert package.rgb_to_hsv(1, 1, 1) == (0, 0, 1) and "colorsys" in sys.modules


def test_every_extra_that_an_error_names_exists(nodes):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {extra for path in SOURCES for extra in extras_named_in(path, nodes[path])}
    assert named <= set(project["optional-dependencies"])


def test_no_upper_pin_on_a_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
    assert [r for r in requirements if re.search(r"<|==|~=", r)] == []


def test_no_file_holds_two_ideas():
    too_long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := len(p.read_text().splitlines())) > MAX_FILE_LINES}
    assert too_long == {}


@pytest.fixture(scope="module")
def nodes():
    """Every source, with the nodes of its syntax tree, its module first."""
    return {path: list(ast.walk(ast.parse(path.read_text()))) for path in SOURCES}


def test_no_file_imports_one_that_imports_it(nodes):
    """Within functions and for types alone neither: who reads one must not have to read the other first."""
    modules = {module_name(path) for path in SOURCES}
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        found = [node for node in nodes[path] if isinstance(node, ast.ImportFrom) and node.module]
        full = [f"{node.module}.{one.name}" for node in found for one in node.names]
        told = {name if name in modules else name.rpartition(".")[0] for name in full} & modules
        graph[module_name(path)] = told - {module_name(path)}
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_no_function_is_past_reading(nodes):
    too_long = {}
    for path in SOURCES:
        for node in nodes[path]:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    too_long[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = lines
    assert too_long == {}


def test_every_file_says_first_what_it_gives(nodes):
    silent = [str(p.relative_to(ROOT)) for p in SOURCES if p.read_text().strip() and not docstring(nodes[p][0])]
    assert silent == []


# Errors that never reach a user as they are: what reads caches, seals and checkpoints catches them and goes on.
CAUGHT_INSIDE = ("base/sealed.py", "data/store/shard.py", "train/checkpoints/tensor_files.py")


@pytest.mark.case("D2")
def test_every_refusal_has_a_hint(nodes):
    """The message says what is wrong, the hint what to type."""
    errors = {"WhetError", "ConfigError", "DataError", "ModelError", "RunError"}
    silent = []
    for path in SOURCES:
        name = path.relative_to(ROOT / "whet").as_posix()
        for node in nodes[path]:
            if not isinstance(node, ast.Call) or getattr(node.func, "id", None) not in errors:
                continue
            has_hint = any(keyword.arg in ("hint", None) for keyword in node.keywords)
            if not has_hint and name not in CAUGHT_INSIDE:
                silent.append(f"{name}:{node.lineno}")
    assert silent == []


# Words in capitals that are no placeholders: names of formats, of models' parts and of variables of the environment.
_NAMES = re.compile(
    r"(JSON|YAML|TOML|UTF|GPUs?|CPU|GGUF|PEFT|HTML|CSV|MOSS|T5|LATIN1|Q8_0|U|LO|INFO|USER)|PRE|SUF|MID|PREFIX|SUFFIX|MIDDLE"
    r"|(WHET|NCCL|GLOO|VLLM|MLFLOW)_[A-Z_]+|TMPDIR|[A-Z]"
)


@pytest.mark.case("D2")
def test_no_hint_has_a_placeholder(nodes):
    """`--model MODEL` cannot be typed: what is not known is an example."""
    found = {
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in SOURCES
        for line, text in hints_of(nodes[path])
        if "..." in text or any(not _NAMES.fullmatch(word) for word in re.findall(r"\b[A-Z][A-Z0-9_]*s?\b", text))
    }
    assert found == set()


def hints_of(nodes: list[ast.AST]) -> Iterator[tuple[int, str]]:
    """The texts that hints are made of in a file, with their lines."""
    named = [node for node in nodes if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)]
    top = nodes[0].body  # type: ignore[attr-defined]
    constants = {node.targets[0].id: node.value for node in named if node in top}  # type: ignore[attr-defined]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    given = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "hint"]
    given += [node.value for node in named if node.targets[0].id == "hint"]  # type: ignore[attr-defined]
    for hint in given:
        used = [constants[node.id] for node in ast.walk(hint) if isinstance(node, ast.Name) and node.id in constants]
        for node in (inner for one in (hint, *used) for inner in ast.walk(one)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield hint.lineno, node.value


def slots():
    from whet.base.catalogue import SLOTS

    return SLOTS


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def failed_imports(modules: list[str], blocked: str) -> dict[str, str]:
    return json.loads(python(IMPORT_WITHOUT, blocked, *modules))


def python(code: str, *arguments: str) -> str:
    """The last line that a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def extras_named_in(path: Path, nodes: list[ast.AST]) -> set[str]:
    """The second argument of every call to `missing_package`, and every `whet[extra]` in a text."""
    calls = [
        node
        for node in nodes
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "missing_package" and len(node.args) > 1
    ]
    constants = {call.args[1].value for call in calls if isinstance(call.args[1], ast.Constant)}
    return constants | set(re.findall(r"whet\[([a-z][\w-]*)\]", path.read_text()))


def docstring(module: ast.AST) -> str | None:
    assert isinstance(module, ast.Module)
    return ast.get_docstring(module)

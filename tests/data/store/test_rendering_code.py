"""The cache's key covers the code that decides samples, and no other."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import whet
from whet.data.store.rendering_code import digest_of, rendering_files

PACKAGE = Path(whet.__file__).parent
DECIDES = ["chat/assistant_mask", "chat/masks", "chat/template", "chat/jinja", "render/renderer", "render/branches"]
DECIDES += ["render/recipe", "store/codec", "sources/readers", "formats/openai"]
DOES_NOT = [f"order/{name}" for name in ("collate", "pack", "window", "step_source", "shuffle", "stream", "dataset")]
DOES_NOT += ["order/kto_baseline", "store/annotate", "inspect"]


@pytest.fixture
def copied(tmp_path):
    for room in ("data", "contracts"):
        shutil.copytree(PACKAGE / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_change_of_what_renders_is_another_key_and_a_change_beside_it_is_none(copied):
    def key():
        return digest_of(rendering_files(copied, "data/render/recipe.py"))

    assert all((copied / f"data/{name}.py").is_file() for name in (*DECIDES, *DOES_NOT))
    before = key()
    for name in DOES_NOT:
        (copied / f"data/{name}.py").open("a").write("\n# edited\n")
    assert key() == before
    for name in DECIDES:
        (copied / f"data/{name}.py").open("a").write("\n# edited\n")
        assert key() != before, name
        before = key()


def test_what_rendering_a_conversation_imports_is_in_the_key():
    """Oracle: a process that detects, renders and flattens, and the modules of the rooms that it ends up with."""
    rooms = "whet.data.render.recipe, whet.data.rows.detect, whet.data.render.renderer, whet.data.store.table"
    code = f"import sys, {rooms}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {n.removeprefix("whet.") for n in done.stdout.split() if n.startswith(("whet.data.", "whet.contracts."))}
    files = rendering_files(PACKAGE, "data/render/recipe.py")
    known = {str(path.relative_to(PACKAGE).with_suffix("")).replace("/", ".") for path in files}
    assert {name for name in loaded - known if not (PACKAGE / name.replace(".", "/")).is_dir()} == set()

"""Files that a user's file imports are found without running them."""

from __future__ import annotations

import pytest

from whet.base.imports import local_imports

FILES = {
    "rewards.py": "import one, os, json, numpy, whet.base.errors\nfrom pack.inner import two\nimport nowhere\n",
    "one.py": "def f():\n    import late\n    raise SystemExit\n",
    "late.py": "import one, rewards\n",
    "pack/__init__.py": "from . import beside\n",
    "pack/beside.py": "",
    "pack/inner/__init__.py": "",
    "pack/inner/two.py": "from ..beside import x\nfrom .three import y\n",
    "pack/inner/three.py": "",
    "pack/unused.py": "",
    "flat/elsewhere.py": "",
    "broken.py": "import one\ndef (\n",
    "by_path.py": "import elsewhere, flat.elsewhere, broken\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(folder, file):
    return [str(path.relative_to(folder.resolve())) for path in local_imports(folder / file)]


@pytest.mark.case("A9")
def test_all_files_of_the_users_are_found_and_what_is_installed_is_not(folder):
    assert names(folder, "rewards.py") == [
        "late.py", "one.py", "pack/__init__.py", "pack/beside.py", "pack/inner/__init__.py", "pack/inner/three.py",
        "pack/inner/two.py",
    ]  # fmt: skip


@pytest.mark.case("A9")
def test_sys_path_is_looked_through_and_what_cannot_be_parsed_is_a_file(folder, monkeypatch):
    assert names(folder, "by_path.py") == ["broken.py", "flat/elsewhere.py"]
    monkeypatch.syspath_prepend(str(folder / "pack"))
    (folder / "late.py").write_text("import beside\n")
    assert names(folder, "late.py") == ["pack/beside.py"]

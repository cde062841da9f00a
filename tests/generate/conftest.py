"""Models of few architectures are loaded again and again: each is probed once. And the tools of a file."""

from __future__ import annotations

import pytest

from tests.generate.played import FILE
from tests.probed import probed_once
from whet.generate.tools import Toolbox, load_tools

__all__ = ["probed_once"]


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    path = tmp_path_factory.mktemp("tools") / "tools.py"
    path.write_text(FILE)
    return load_tools([str(path)])


@pytest.fixture(scope="module")
def toolbox(tools):
    box = Toolbox(tools, workers=2, timeout_s=3.0)
    yield box
    box.close()

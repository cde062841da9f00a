"""The documentation keeps its word: commands run, configs are valid, rows are of the format named, links lead on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from tests.docs.blocks import Block, blocks, missing
from tests.docs.shell import FILES, replay, stop_servers
from tests.docs.world import build, small
from tests.sweeps import some
from whet.base.config import from_mapping
from whet.base.yaml import parse
from whet.data.refusal import Refused
from whet.data.rows.detect import Detector

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
_LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def in_pages(*languages: str) -> list[tuple[Path, Block]]:
    return [(page, block) for page in PAGES for block in blocks(page) if block.language in languages]


def place_of(value: Path | Block) -> str:
    return name_of(value) if isinstance(value, Path) else f"line {value.line}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def folder(world: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """A fresh copy of the world as the current folder. Threads that a run set and kinds that it loaded are put back."""
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHET_CACHE", str(world / ".cache"))
    monkeypatch.setenv("COLUMNS", "100")
    threads = torch.get_num_threads()
    yield tmp_path
    stop_servers()
    torch.set_num_threads(threads)


TYPED = [page for page in PAGES if any(block.language == "console" for block in blocks(page))]
# Whose commands have quicker tests of their own in other rooms: they are typed with the slow tests.
LATER = (
    "alerts", "classification", "distillation", "embeddings", "encoders", "integrations", "merge", "quantize", "serve",
    "tuners",
)  # fmt: skip
LATER_RECIPES = (
    "classify-texts", "copy-grpo", "distill", "embed-docstrings", "grpo", "pretrain-galore", "pretrain-muon",
    "sft-apollo-mini", "sft-badam", "sft-little-memory",
)  # fmt: skip


@pytest.mark.parametrize("page", some(TYPED, [page for page in TYPED if page.stem not in LATER]), ids=name_of)
def test_commands_of_a_page_do_what_it_shows(page: Path, folder: Path):
    for block in blocks(page):
        missed = replay(block, folder)
        assert not missed, f"{name_of(page)}:{block.line}\n" + "\n".join(missed)


@pytest.mark.parametrize("recipe", some(RECIPES, [r for r in RECIPES if r.stem not in LATER_RECIPES]), ids=name_of)
def test_a_recipe_runs(recipe: Path, folder: Path):
    text = recipe.read_text()
    (folder / "recipes").mkdir()
    for other in RECIPES:  # a command may name one that comes before
        (folder / name_of(other)).write_text(small(other.read_text()))
    typed = re.findall(r"^#\s+(whet .+|torchrun .+)$", text, re.MULTILINE)
    assert typed, "the header names no command"
    console = Block("console", "", "".join(f"$ {line}\n" for line in typed), 1)
    assert replay(console, folder) == []


@pytest.mark.parametrize(("page", "block"), [(p, b) for p, b in in_pages("yaml") if not b.name], ids=place_of)
def test_parts_of_configs_are_valid(page: Path, block: Block):
    given, _ = parse(block.text, f"{name_of(page)}:{block.line}")
    from_mapping({"model": "model", **given})


@pytest.mark.parametrize(("page", "block"), [(p, b) for p, b in in_pages("json") if "." not in b.name], ids=place_of)
def test_a_row_is_in_the_format_that_the_page_names(page: Path, block: Block):
    row = json.loads(block.text)
    detector = Detector()
    assert detector.kind(row, name_of(page)).name == block.name
    assert not isinstance(detector.parse(row, name_of(page)), Refused)


def test_every_block_is_of_a_kind_that_is_checked():
    unknown = [f"{name_of(p)}:{b.line}" for p in PAGES for b in blocks(p) if b.language not in (*FILES, "console")]
    assert unknown == []


def test_every_link_leads_to_a_file():
    links = [(page, link) for page in PAGES for link in _LINK.findall(page.read_text())]
    broken = [f"{name_of(page)}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert broken == []


def test_every_guide_and_concept_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [p.relative_to(ROOT / "docs") for p in PAGES if p.parent.parent == ROOT / "docs"]
    assert [str(page) for page in pages if f"({page.as_posix()})" not in index] == []


def test_shown_output_is_compared_but_for_its_numbers():
    output = "step 1/4  loss 6.2\nstep 4/4  loss 6.1\ndone at step 4\n"
    assert missing(("step 1/60  loss 3.1", "...", "done at step 60"), output) == []
    assert missing(("done at step 4", "step 1/4  loss 6.2"), output) == ["step # loss #"]

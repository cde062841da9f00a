"""Two versions beside each other: only what differs, figures by pairs where both were measured alike."""

from pathlib import Path

import pytest

from tests.track.registry.models import added, folder, result
from whet.base.errors import RunError
from whet.track.registry.comparing import comparison, comparison_page
from whet.track.registry.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Two versions of `chat`, of other weights, and a file that the second alone has."""
    registry = Registry(tmp_path / ".registry")
    for number, losses in ((1, [2.0, 3.0, 4.0]), (2, [1.0, 2.5, 3.5])):
        place = folder(tmp_path / str(number), weights=bytes(number))
        if number == 2:
            (place / "README.md").write_text("---\nlicense: mit\n---\n")
        version = added(registry, place)
        mean = sum(losses) / 3
        registry.evaluated(version, result("loss", units={"loss": losses}, loss=mean, **{f"only{number}": 1.0}))
    return registry


def test_facts_and_files_that_differ_are_told(registry: Registry):
    found = comparison(registry, "chat/1", "chat/2")
    assert (found.first, found.second) == ("chat/1", "chat/2")
    assert set(found.facts) == {"licence", "bytes"} and found.facts["licence"] == (None, "mit")
    assert (found.changed, found.only_first, found.only_second) == (["model.safetensors"], [], ["README.md"])
    assert "tokenizer.json" in found.alike
    page = comparison_page(found)
    assert "mit" in page and "README.md (in chat/2 alone)" in page


def test_figures_are_the_second_less_the_first_over_the_same_rows(registry: Registry):
    figures = {one.name: one for one in comparison(registry, "chat/1", "chat/2").figures}
    loss = figures["loss/loss"]
    assert (loss.first, loss.second) == (3.0, pytest.approx(7 / 3))
    assert loss.paired is not None and loss.paired.n == 3
    assert loss.paired.difference == pytest.approx((-1.0 - 0.5 - 0.5) / 3)
    assert figures["loss/only1"].second is None and figures["loss/only1"].paired is None


def test_a_version_is_the_same_as_itself(registry: Registry):
    found = comparison(registry, "chat/2", "chat")
    assert (found.facts, found.changed, found.only_first, found.only_second) == ({}, [], [], [])
    assert "the same" in comparison_page(found)


def test_a_version_that_is_not_there_is_refused(registry: Registry):
    with pytest.raises(RunError):
        comparison(registry, "chat/1", "chat/9")

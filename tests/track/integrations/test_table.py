"""The table of integrations is made from the last results, and names every integration that has a test."""

import json
from pathlib import Path

from tests.track.integrations.page import PAGE, RESULTS, page


def test_the_table_is_that_of_the_results():
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page(results), "run: python -m tests.track.integrations.page"
    assert len(results) > 30


def test_every_file_of_an_integration_is_tested():
    folder = Path(__file__).parents[3] / "whet" / "track" / "integrations"
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    names = {path.stem for path in folder.glob("*.py")} - {"__init__", "joining"}
    assert names and not {name for name in names if f"whet.track.integrations.{name}" not in tests}

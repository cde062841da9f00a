"""What ends a run of several ranks is said once, and last."""

import json

import pytest

from whet.cli.main import main
from whet.train.ranks.notes import REFUSAL as FILE

REFUSED = ["train", "--model", "m", "objective=sfft"]


@pytest.mark.parametrize(
    ("environ", "says", "hands_on"),
    [
        ({}, "error: ", False),
        ({"WORLD_SIZE": "2", "RANK": "0", FILE: "error.json"}, "error: ", True),
        ({"WORLD_SIZE": "2", "RANK": "1", FILE: "error.json"}, "", True),
        ({"WORLD_SIZE": "2", "RANK": "1"}, "rank 1: error: ", False),
        ({"WORLD_SIZE": "2", "RANK": "1", FILE: "nowhere/error.json"}, "rank 1: error: ", False),
        ({"WORLD_SIZE": "1", "RANK": "0"}, "error: ", False),
    ],
)
@pytest.mark.case("D")
def test_of_many_ranks_the_launcher_is_told_what_one_prints(tmp_path, monkeypatch, capsys, environ, says, hands_on):
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main(REFUSED) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(says) and bool(printed) == bool(says)
    assert (tmp_path / "error.json").exists() == hands_on
    if hands_on:
        message = json.loads((tmp_path / "error.json").read_text())["message"]["message"]
        assert message.startswith("error: ") and "did you mean `sft`?" in message

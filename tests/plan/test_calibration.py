"""The table of runs on this machine: what is noted is told, of one card, and damage is passed over."""

from __future__ import annotations

from whet.plan.calibration import NAME, Compared, compared, note, words


def test_runs_of_a_card_are_told_and_others_are_not(tmp_path):
    for card, measured in (("rtx-4090", 90.0), ("rtx-4090", 110.0), ("h100-sxm", 500.0)):
        note(Compared(card, "llama", 100.0, measured), tmp_path)
    runs = compared("rtx-4090", tmp_path)
    assert [run.measured_bytes for run in runs] == [90.0, 110.0]
    assert list(words(runs)) == [
        "measured here: beyond weights and state 2 runs took 1 times what was planned (0.9 to 1.1)"
    ]
    assert list(words(compared("a100-sxm-80gb", tmp_path))) == [] == compared("rtx-4090", tmp_path / "none")


def test_damaged_lines_are_passed_over(tmp_path):
    note(Compared("rtx-4090", "llama", 100.0, 90.0), tmp_path)
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"card": "rtx-4090"}\n[]\n\xff\xfe\n{"card": "rtx-4090", "planned_bytes": "x"}\n{')
    assert len(compared("rtx-4090", tmp_path)) == 1

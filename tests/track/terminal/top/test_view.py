"""Keys: what a terminal sends is named, and changes the view as its help says."""

import pytest

from whet.track.terminal.top.keys import named
from whet.track.terminal.top.view import View

NAMES = [f"run{number}" for number in range(9)]


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"j", ["j"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA", ["up"]),
        (b"\x1b", ["escape"]),
        (b"a\x1b[5~b", ["a", "page up", "b"]),
        ("\u6f22/".encode(), ["\u6f22", "/"]),
        (b"loss\r", ["l", "o", "s", "s", "enter"]),
        (b"\x1b[1;5Cx", ["x"]),  # Ctrl-Right, which means nothing here
        (b"\x1bx", []),
        (b"\x00\x01z", ["z"]),
        (b"\xffq", ["\ufffd", "q"]),
        (b"\x1b[", []),
    ],
)
def test_keys_are_named(data, keys):
    assert list(named(data)) == keys


def press(view: View, *keys: str) -> bool:
    goes_on = True
    for key in keys:
        goes_on = view.key(key, NAMES, 3, 4)
    return goes_on


def test_runs_and_curves_are_chosen(tmp_path):
    view = View(chosen="run0")
    press(view, "down", "j", "page down")
    assert view.chosen == "run6"
    press(view, "page down")
    assert view.chosen == "run8"
    press(view, "g", "up")
    assert view.chosen == "run0"
    press(view, "left")
    assert view.metric == 2
    press(view, "right", "l")
    assert view.metric == 1
    assert press(view, "end") and not press(view, "q") and not press(view, "interrupt")


def test_a_filter_is_typed_and_a_wrong_one_leaves_the_old():
    view = View()
    press(view, "/", *"q==1", "backspace", "2", "enter")
    assert view.query.text == "q==2" and view.typed is None and not view.told
    press(view, "/", *" and (", "enter")
    assert view.query.text == "q==2" and "filter" in view.told
    press(view, "/", "clear", *"loss", "escape")
    assert view.query.text == "q==2"
    press(view, "/", "clear", "enter")
    assert view.query.text == ""


def test_a_key_may_come_when_there_is_no_run():
    view = View()
    for key in ("up", "down", "G", "left", "right", "/", "enter", "y", "a", "?", "escape"):
        assert view.key(key, [], 0, 3)
    assert view.is_log and view.only_live and not view.is_help

import pytest

from whet.base.documents import checked, field, read_json, read_object
from whet.base.errors import RunError, WhetError


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"{", "line 1 column 2"),
        (b"\xff\x00garbage", "not"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5_000, "4300 digits"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(tmp_path, content, said):
    file = tmp_path / "state.json"
    file.write_bytes(content)
    with pytest.raises(RunError, match=said) as caught:
        read_json(file, error=RunError, hint="delete it")
    assert caught.value.at == str(file)
    assert caught.value.hint == "delete it"


@pytest.mark.parametrize("make", [lambda file: None, lambda file: file.mkdir(), lambda file: file.symlink_to(file)])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, make):
    make(tmp_path / "state.json")
    with pytest.raises(WhetError, match=r"`state\.json` cannot be read: \w"):
        read_json(tmp_path / "state.json")


def test_another_form_is_refused_with_what_it_is(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(WhetError, match=r"an object is needed, this is \[1\]"):
        read_object(tmp_path / "a.json")
    values = {"step": "five", "flag": True, "rate": 1}
    with pytest.raises(WhetError, match="a whole number is needed, this is 'five'"):
        field(values, "step", int, at="x")
    with pytest.raises(WhetError, match="a whole number is needed, this is True"):
        checked(True, int, at="x")
    with pytest.raises(WhetError, match="`gone` is missing"):
        field(values, "gone", int, at="x")
    assert field(values, "gone", int, at="x", default=3) == 3
    assert field(values, "rate", float, at="x") == 1

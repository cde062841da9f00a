from pathlib import Path

import pytest

from whet.base.errors import ConfigError
from whet.base.paths import file_name, twin_of, user_path


@pytest.mark.parametrize("text", ["", "a\0b", "a\ud800", "x" * 70_000, "x" * 256, "~nobody-of-this-name/x"])
def test_what_no_path_can_be_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        user_path(text, at="data.train[0]")
    assert caught.value.at == "data.train[0]"
    assert caught.value.hint
    assert len(str(caught.value)) < 300


def test_home_is_expanded_and_the_rest_is_kept(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert user_path("~/runs") == Path("/somewhere/runs")
    assert user_path("a/../b c") == Path("a/../b c")


# Hidden, lost on other systems, invisible, or an accent that is a letter of its own.
ODD = [".hidden", "..a", "a.", "a ", "\ufeffa", "a\u200b", "e\u0301tude", "a\u00a0", "\u202egnp"]


@pytest.mark.parametrize(
    "name", [".", "..", "/abs", "../up", "a/b", "a\\b", "~", "-x", " x", "a\nb", "n" * 300, "", *ODD]
)
def test_a_name_stays_in_its_folder(name):
    with pytest.raises(ConfigError) as caught:
        file_name(name, what="run")
    assert caught.value.hint


@pytest.mark.parametrize("name", ["first", "qwen3-0.6b", "über", "étude", "1", "训练"])
def test_ordinary_names_are_taken(name):
    assert file_name(name, what="run") == name


def test_names_that_some_systems_take_for_one_are_found():
    assert twin_of("First", ["second", "first"]) == "first"
    assert twin_of("first", ["first", "second"]) is None
    assert twin_of("ﬁrst", ["first"]) == "first"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("https://huggingface.co/Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("https://hf.co/datasets/tatsu-lab/alpaca/blob/main/a.jsonl", "tatsu-lab/alpaca"),
        ("hf://datasets/tatsu-lab/alpaca", "tatsu-lab/alpaca"),
        ("https://x.org/d/a.jsonl?raw=1", "curl -LO 'https://x.org/d/a.jsonl?raw=1', then a.jsonl"),
        ("s3://bucket/d/a.jsonl", "copy it here first, then a.jsonl"),
        ("file:///data/a.jsonl", "/data/a.jsonl"),
        ("HTTPS://x.org", "curl -LO HTTPS://x.org, then x.org"),
    ],
)
@pytest.mark.case("D")
def test_an_address_is_no_path_and_what_to_type_is_said(text, hint):
    with pytest.raises(ConfigError, match="is an address") as caught:
        user_path(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize("text", ["C:/data/a.jsonl", "runs:/1/model", "a:b", "./https:/x", "x=http://y", "a/b://c"])
def test_what_only_looks_like_an_address_is_a_path(text):
    assert user_path(text) == Path(text)

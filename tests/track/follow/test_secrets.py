"""Secrets: where they come from, who else may read them, and that no text shows them."""

from __future__ import annotations

import pytest

from whet.base.errors import ConfigError
from whet.track.follow.secrets import Secrets, keyring, redacted


@pytest.fixture
def ring(tmp_path, monkeypatch):
    """A keyring file, made with a text and a mode."""

    def write(text, mode=0o600):
        path = tmp_path / "keyring.toml"
        path.write_text(text)
        path.chmod(mode)
        monkeypatch.setenv("WHET_KEYRING", str(path))
        return path

    return write


def test_the_environment_comes_before_the_keyring(ring, monkeypatch):
    ring('[slack]\nurl = "kept"\nother = "too"\n')
    assert Secrets("slack")["url"] == "kept"
    monkeypatch.setenv("WHET_SLACK_URL", "exported\n")
    assert (Secrets("slack")["url"], Secrets("slack").find("other"), Secrets("lark").find("url")) == (
        "exported", "too", None,
    )  # fmt: skip


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_keyring_that_others_can_touch_is_refused_with_what_to_type(ring, mode):
    path = ring('[slack]\nurl = "T0PSECRET"\n', mode)
    with pytest.raises(ConfigError, match=f"mode is {mode:o}") as caught:
        Secrets("slack").find("url")
    assert caught.value.hint == f"chmod 600 {path}" and "T0PSECRET" not in str(caught.value)


def test_a_keyring_that_is_no_toml_is_named_by_its_line_alone(ring):
    path = ring('[slack]\nurl = "a"\nurl T0PSECRET\n')
    with pytest.raises(ConfigError) as caught:
        keyring()
    assert caught.value.at == f"{path}:3" and "T0PSECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_that_is_nowhere_is_asked_for_by_its_name(ring):
    ring("")
    with pytest.raises(ConfigError, match="no secret `url` of `my_team`") as caught:
        Secrets("my_team")["url"]
    assert "read -rs WHET_MY_TEAM_URL && export WHET_MY_TEAM_URL" in caught.value.hint


def test_texts_are_shown_without_secrets(ring, monkeypatch):
    ring('[work]\nurl = "https://hooks.example/services/T1/B2"\n')
    monkeypatch.setenv("SOME_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("WHET_TELEGRAM_TOKEN", "99:token")
    text = "at https://hooks.example/services/T1/B2, path /services/T1/B2, key 0123456789abcdef, bot99:token, given"
    assert redacted(text, ["given one", "given"]) == "at ***, path ***, key ***, bot***, given"
    assert "hf_" not in redacted("token hf_abcdefghijklmnopqrstuvwxyz was refused")  # of no variable that is known

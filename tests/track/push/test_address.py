"""Where a push goes and with which token: by the command, the environment or a keyring of one's own."""

from pathlib import Path

import pytest

from whet.base.errors import ConfigError
from whet.track.push.address import Address, address_of


def test_an_address_says_where_and_a_keyring_with_which_token(tmp_path: Path):
    keyring = tmp_path / "keyring.toml"
    keyring.write_text('[server]\ntoken = "kept"\n')
    keyring.chmod(0o600)
    found = address_of("https://u.example/base/?token=given", {})
    assert (str(found), found.token) == ("https://u.example:443/base", "given")
    assert address_of(None, {"WHET_SERVER": "127.0.0.1:8000", "WHET_TOKEN": "t"}).port == 8000
    assert "secret" not in repr(str(Address("http", "h", 1, "", "secret")))
    for wrong in ("", "ftp://x", "http://", "http://[::1", "http://h:99999"):
        with pytest.raises(ConfigError):
            address_of(wrong, {"WHET_TOKEN": "t"})


def test_a_token_that_no_header_can_hold_is_refused_and_not_told():
    assert address_of("h:1", {"WHET_TOKEN": "a-token\n"}).token == "a-token"
    for wrong in ("my-private\ntoken", "my-private-tök"):
        with pytest.raises(ConfigError) as refused:
            address_of("h:1", {"WHET_TOKEN": wrong})
        assert "private" not in str(refused.value)


def test_a_keyring_that_others_can_read_is_refused(tmp_path: Path, monkeypatch):
    keyring = tmp_path / "keyring.toml"
    keyring.write_text('[server]\ntoken = "kept"\n')
    monkeypatch.setenv("WHET_KEYRING", str(keyring))
    keyring.chmod(0o600)
    assert address_of("h:1", {}).token == "kept"
    keyring.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        address_of("h:1", {})

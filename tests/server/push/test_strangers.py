"""What a stranger sends changes nothing, and a stranger's server is told from ours."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.server.push.pushing import assert_same, made, pusher
from tests.server.world import TOKEN, serving
from tests.track.follow.servers import hooks
from whet.server.errors import Refusal
from whet.server.push.leftovers import BLOCKS_S, remove
from whet.server.push.owners import Owners
from whet.server.push.receiving import Receiving
from whet.track.push import client as push_client
from whet.track.push.address import Address
from whet.track.push.blocks import BLOCK_BYTES
from whet.track.push.client import Unreachable
from whet.track.push.sending import Push


def test_what_a_pushed_config_names_is_never_read_here(here: Path, there: Path):
    """Not after the blocks are cleared away either."""
    folder = made(here)
    with serving(there) as server:
        pusher(folder, server).round()
        remove(there, there / ".pushed" / "blocks", time.time() + 100 * BLOCKS_S)
        found = server.ask("GET", "/api/v1/runs/run/data")
        assert found.status == 403 and "pushed" in found.json()["message"]


@pytest.mark.parametrize("fails", ["place", "rename"])
def test_a_run_that_cannot_be_begun_leaves_nothing(there: Path, monkeypatch: pytest.MonkeyPatch, fails: str):
    receiving = Receiving(there, Owners(there))

    def refused(*_) -> None:
        raise Refusal("PERMISSION_DENIED", "not here") if fails == "place" else OSError(28, "No space left on device")

    monkeypatch.setattr("whet.server.push.receiving.os.rename", refused)
    with pytest.raises(Refusal):
        receiving.begin(there / "run", {"track/r0.a1.tlog": b"x" * 100}, refused if fails == "place" else lambda: None)
    assert not (there / "run").exists() and [path for path in there.rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory):
    """A run, where it was pushed to, and the server there, which goes on."""
    folder, there = made(tmp_path_factory.mktemp("here"), steps=5), tmp_path_factory.mktemp("strangers") / "there"
    with serving(there) as server:
        pusher(folder, server).round()
        yield folder, there, server


@pytest.mark.parametrize(("method", "route", "body", "status"), [
    ("POST", "run", b"{", 400), ("POST", "run", b"[]", 400), ("POST", "run", b'{"logs": {}}', 400),
    ("POST", "..%2fx", b'{"logs": {"track/r0.a1.tlog": "d2hldGxvZzF4eHg="}}', 404),
    ("POST", "%2e%2e", b'{"logs": {"track/r0.a1.tlog": "d2hldGxvZzF4eHg="}}', 400),
    ("POST", "new", b'{"logs": {"../../evil.tlog": "d2hldGxvZzF4eHg="}}', 400),
    ("POST", "new", b'{"logs": {"track/../r0.a1.tlog": "d2hldGxvZzF4eHg="}}', 400),
    ("POST", "new", b'{"logs": {"track/r0.a1.tlog": "###"}}', 400),
    ("POST", "run/files/../../evil", b'{"blocks": []}', 400),
    ("POST", "run/files/%2e%2e/%2e%2e/evil", b'{"blocks": []}', 400),
    ("POST", "run/files/track/r0.a1.tlog", b'{"blocks": []}', 400),
    ("POST", "run/files/x", b'{"blocks": ["../x"]}', 400),
    ("POST", "run/files/./lock", b'{"blocks": []}', 400), ("POST", "run/files/track", b'{"blocks": []}', 400),
    ("POST", "run", b'{"logs": {"track/r0.a1.tlog": "d2hldGxvZzF4eHg="}, "apart": 5}', 400),
    ("POST", "run/files/lock", b'{"blocks": []}', 400), ("POST", "none/files/x", b'{"blocks": []}', 404),
    ("PUT", "run/blocks/%2e%2e", b"x", 400), ("PUT", f"run/blocks/{'0' * 64}", b"x", 400),
    ("PUT", "run/logs/x?offset=0&prefix=" + "0" * 64, b"x", 400),
    ("PUT", "run/logs/track/r0.a1.tlog?offset=-1&prefix=" + "0" * 64, b"x", 400),
    ("PUT", "run/logs/track/r0.a1.tlog?offset=0&prefix=" + "0" * 64, b"x", 409),
    ("PUT", "run/logs/track/r9.a1.tlog?offset=0&prefix=" + "0" * 64, b"x", 404),
])  # fmt: skip
def test_what_a_stranger_sends_changes_nothing(pushed, method, route, body, status):
    folder, there, server = pushed
    before = sorted(path for path in there.rglob("*") if "new" not in path.parts)
    assert server.ask(method, f"/api/v1/push/{route}", body).status == status
    assert sorted(path for path in there.rglob("*") if "new" not in path.parts) == before
    assert_same(folder, there / "run")
    assert not (there.parent / "evil").exists()


def test_a_file_larger_than_the_disk_is_not_begun(here: Path, there: Path, monkeypatch):
    with serving(there) as server:
        pusher(made(here, steps=5), server).round()
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2 * BLOCK_BYTES))
        for count, status in ((3, 200), (4, 413)):
            body = json.dumps({"blocks": ["0" * 64] * count}).encode()
            assert server.ask("POST", "/api/v1/push/run/files/big", body).status == status


@pytest.mark.parametrize("answer", [b"{}", b'{"run": 3}', b'{"run": "x", "r0.tlog": "many"}'])
def test_a_program_that_is_no_server_of_ours_is_said_to_be_none(here: Path, answer):
    with hooks((200, {}, answer)) as other:
        address = Address("http", "127.0.0.1", int(other.url.rsplit(":", 1)[1].split("/")[0]), "", TOKEN)
        with pytest.raises(Unreachable, match="no server of whet's"):
            Push(made(here), push_client.Client(address), [].append).round()

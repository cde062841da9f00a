"""A pushed run is the same there byte for byte, however often it is interrupted, and no other run is touched."""

import filecmp
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import whet.track as track
from tests.server.world import TOKEN, Client, serving, started
from tests.track.follow.servers import hooks
from tests.track.runs import records, write
from whet.base.errors import ConfigError, RunError
from whet.cli.main import main
from whet.server.errors import Refusal
from whet.server.push.leftovers import BLOCKS_S, PARTS_S, remove
from whet.server.push.owners import Owners
from whet.server.push.receiving import Receiving
from whet.track.push import client as push_client
from whet.track.push.address import Address, address_of
from whet.track.push.blocks import BLOCK_BYTES, is_pushed
from whet.track.push.client import Refused, Unreachable
from whet.track.push.sending import Push
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history


def files_of(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if is_pushed(path))


def assert_same(mine: Path, theirs: Path) -> None:
    assert files_of(mine) == files_of(theirs)
    _, different, wrong = filecmp.cmpfiles(mine, theirs, files_of(mine), shallow=False)
    assert (different, wrong) == ([], [])


def made(root: Path, name: str = "run", steps: int = 500, num_bytes: int = 77) -> Path:
    """A run with media, a file of random bytes, an empty one and odd names."""
    with track.init(project="p", name=name, dir=root, reinit="create_new") as run:
        for step in range(steps):
            run.log({"loss": 1.0 / (step + 1), "acc": step / steps})
        run.log({"page": track.Html("<b>x</b>")})
    folder = Path(run.dir)
    (folder / "model").mkdir()
    (folder / "model" / "weights.bin").write_bytes(os.urandom(num_bytes))
    (folder / "model" / "empty").write_bytes(b"")
    (folder / "odd näme ?&#%.txt").write_text("odd")
    (folder / "lock").write_text("")
    return folder


def pusher(folder: Path, server: Client, said: list[str] | None = None) -> Push:
    address = Address("http", "127.0.0.1", server.port, "", TOKEN)
    return Push(folder, push_client.Client(address), (said if said is not None else []).append)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "there"


def test_what_a_pushed_config_names_is_never_read_here(here: Path, there: Path):
    """Not after the blocks are cleared away either."""
    folder = made(here)
    with serving(there) as server:
        pusher(folder, server).round()
        remove(there, there / ".pushed" / "blocks", time.time() + 100 * BLOCKS_S)
        found = server.ask("GET", "/api/v1/runs/run/data")
        assert found.status == 403 and "pushed" in found.json()["message"]


def test_a_pushed_folder_is_the_same_and_pushing_again_sends_nothing(here: Path, there: Path):
    folder = made(here, num_bytes=2 * BLOCK_BYTES + 77)
    with serving(there) as server:
        push = pusher(folder, server)
        push.round()
        assert_same(folder, there / "run")
        assert push.num_bytes >= 2 * BLOCK_BYTES and push.left_out == {}
        again = pusher(folder, server)
        again.round()
        assert again.num_bytes == 0 and os.listdir(there / ".pushed/blocks/run") == []
        assert [run.status for run in runs(there)] == ["done"]
        (folder / "model/weights.bin").write_bytes((folder / "model/weights.bin").read_bytes() + b"more")
        again.round()
        assert again.num_bytes <= BLOCK_BYTES  # the last block alone
        assert_same(folder, there / "run")


def test_the_command_pushes_by_name_and_says_where(here: Path, there: Path, monkeypatch, capsys):
    made(here)
    with serving(there) as server:
        assert main(["runs", "push", "run", "--root", str(here), "--to", f"{server.url}/?token={TOKEN}"]) == 0
        assert capsys.readouterr().out == f"{server.url}/api/v1/runs/run\n"
        monkeypatch.setenv("WHET_SERVER", server.url)
        monkeypatch.setenv("WHET_TOKEN", "wrong" * 5)
        assert main(["runs", "push", "run", "--root", str(here)]) == 2
    assert main(["runs", "push", "run", "--root", str(here)]) == 2
    assert "goes on where this one ended" in capsys.readouterr().err


class Cut(push_client.Client):
    """A client whose line is cut after so many requests: before the answer of the last has come."""

    def __init__(self, address: Address, requests: int) -> None:
        super().__init__(address)
        self.left = requests

    def ask(self, *args, **query):
        if self.left == 0:
            raise Unreachable("cut before it was sent")
        self.left -= 1
        found = super().ask(*args, **query)
        if self.left == 0:
            raise Unreachable("cut before the answer came")
        return found


def test_a_push_that_ends_anywhere_goes_on_from_there(here: Path, there: Path):
    folder = made(here, num_bytes=BLOCK_BYTES + 77)
    with serving(there) as server:
        address = Address("http", "127.0.0.1", server.port, "", TOKEN)
        sent, whole = 0, 0
        for requests in range(1, 100):
            push = Push(folder, Cut(address, requests), print)
            try:
                push.round()
            except Unreachable:
                sent += push.num_bytes
                continue
            whole = requests
            break
        assert 1 < whole < 100
        assert_same(folder, there / "run")
        assert history(there / "run").scalar("loss")[1].tolist() == history(folder).scalar("loss")[1].tolist()
    assert [run.name for run in runs(there)] == ["run"]


def test_what_killed_pushes_have_left_goes_with_time_and_nothing_else_does(here: Path, there: Path):
    folder = made(here, num_bytes=3 * BLOCK_BYTES)
    with serving(there) as server:
        pusher(folder, server).round()
        digest = hashlib.sha256(b"block").hexdigest()
        server.ask("PUT", f"/api/v1/push/run/blocks/{digest}", b"block")
    before, blocks = files_of(there / "run"), there / ".pushed" / "blocks"
    for left in (blocks / "run" / "block-x.part", blocks / "whole-y.part", there / "run" / "track" / "r9.a1.tlog.part"):
        left.write_bytes(b"cut off")
    (blocks / "gone").mkdir()
    (blocks / "gone" / digest).write_bytes(b"block")
    now = time.time()
    assert remove(there, blocks, now) == 1 and not (blocks / "gone").exists()
    assert remove(there, blocks, now + PARTS_S + 60) == 3 and (blocks / "run" / digest).exists()
    assert remove(there, blocks, now + BLOCKS_S + 60) == 1
    assert [path.name for path in blocks.iterdir()] == ["run"] and list((blocks / "run").iterdir()) == []
    assert files_of(there / "run") == before


@pytest.mark.slow
def test_a_push_that_is_killed_goes_on(here: Path, there: Path):
    folder = made(here)
    (folder / "model/large.bin").write_bytes(os.urandom(12 * BLOCK_BYTES))
    with serving(there) as server:
        command = [sys.executable, "-m", "whet", "runs", "push", str(folder), "--to", f"{server.url}/?token={TOKEN}"]
        store = there / ".pushed/blocks/run"
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (store.is_dir() and len(os.listdir(store)) > 2):
            time.sleep(0.002)
        assert process.poll() is None, "it was over too soon to be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        push = pusher(folder, server)
        push.round()
        assert push.num_bytes < 14 * BLOCK_BYTES
        assert_same(folder, there / "run")


def test_two_runs_of_one_name_are_kept_apart(here: Path, there: Path, tmp_path: Path):
    first, second = made(here, steps=10), made(tmp_path / "other", steps=20)
    said: list[str] = []
    with serving(there) as server:
        pusher(first, server, said).round()
        assert said == []
        for _ in range(2):  # and stay so
            push = pusher(second, server, said)
            push.round()
            assert push.name == "run-2" and "kept apart as `run-2`" in said.pop()
        pusher(first, server, said).round()
    assert said == []
    assert_same(first, there / "run")
    assert_same(second, there / "run-2")


def test_copies_of_a_run_that_went_on_differently_are_kept_apart(here: Path, there: Path, tmp_path: Path):
    first = made(here, steps=10)
    second = tmp_path / "copy" / "run"
    shutil.copytree(first, second)
    for folder, value in ((first, 1.0), (second, 2.0)):
        with track.init(id="run", dir=folder.parent, reinit="create_new") as run:
            run.log({"loss": value})
    said: list[str] = []
    with serving(there) as server:
        pusher(first, server, said).round()
        pusher(second, server, said).round()
    assert len(said) == 1
    assert_same(first, there / "run")
    assert_same(second, there / "run-2")


def test_a_log_whose_bytes_differ_behind_its_beginning_is_kept_apart(here: Path, there: Path, tmp_path: Path):
    first = made(here, steps=100)
    second = tmp_path / "copy" / "run"
    shutil.copytree(first, second)
    log = second / "track/r0.a1.tlog"
    data = bytearray(log.read_bytes())
    data[3000] ^= 1
    log.write_bytes(data + b"more")
    said: list[str] = []
    with serving(there) as server:
        pusher(first, server, said).round()
        pusher(second, server, said).round()
    assert "run-2" in said[0]
    assert_same(first, there / "run")
    assert_same(second, there / "run-2")


def test_a_run_of_the_server_is_not_overwritten(here: Path, there: Path):
    write(there / "run", records())
    before = (there / "run/track/r0.a1.tlog").read_bytes()
    (there / "empty").mkdir()
    folder = made(here, steps=10)
    shutil.copytree(folder, here / "empty")
    with serving(there) as server:
        for path, name in ((folder, "run-2"), (here / "empty", "empty-2")):
            push = pusher(path, server)
            push.round()
            assert push.name == name
    assert (there / "run/track/r0.a1.tlog").read_bytes() == before and os.listdir(there / "empty") == []


def test_a_folder_that_pushes_to_itself_stays_as_it_is(here: Path):
    folder = made(here, steps=10)
    before = {path: (folder / path).read_bytes() for path in files_of(folder)}
    with serving(here) as server, pytest.raises(Refused, match="its own"):
        pusher(folder, server).round()
    assert {path: (folder / path).read_bytes() for path in files_of(folder)} == before
    assert [run.name for run in runs(here)] == ["run"]


PUSHES = [
    ("GET", "logs", b""), ("PUT", f"logs/track/r0.a1.tlog?offset=0&prefix={'0' * 64}", b"x"),
    ("POST", "files/config.yaml", b'{"blocks": []}'), ("PUT", f"blocks/{hashlib.sha256(b'x').hexdigest()}", b"x"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "route", "body"), PUSHES)
def test_a_run_of_the_servers_own_is_not_there_for_a_push(there: Path, method: str, route: str, body: bytes):
    write(there / "own", records())
    before = {path: (there / "own" / path).read_bytes() for path in files_of(there / "own")}
    with serving(there) as server:
        own, none = (server.ask(method, f"/api/v1/push/{name}/{route}", body) for name in ("own", "one"))
    assert (own.status, own.body) == (404, none.body.replace(b"`one`", b"`own`"))
    assert {path: (there / "own" / path).read_bytes() for path in files_of(there / "own")} == before


@pytest.mark.parametrize("fails", ["place", "rename"])
def test_a_run_that_cannot_be_begun_leaves_nothing(there: Path, monkeypatch: pytest.MonkeyPatch, fails: str):
    receiving = Receiving(there, Owners(there))

    def refused(*_) -> None:
        raise Refusal("PERMISSION_DENIED", "not here") if fails == "place" else OSError(28, "No space left on device")

    monkeypatch.setattr("whet.server.push.receiving.os.rename", refused)
    with pytest.raises(Refusal):
        receiving.begin(there / "run", {"track/r0.a1.tlog": b"x" * 100}, refused if fails == "place" else lambda: None)
    assert not (there / "run").exists() and [path for path in there.rglob("*") if path.is_file()] == []


def test_a_record_of_a_run_is_not_one_of_another_that_has_taken_its_name(here: Path, there: Path):
    with serving(there) as server:
        pusher(made(here), server).round()
        shutil.rmtree(there / "run")
        write(there / "run", records())
        assert server.ask("GET", "/api/v1/push/run/logs").status == 404


def test_many_pushers_of_one_run_at_once_make_it_once(here: Path, there: Path):
    folder = made(here)
    errors: list[BaseException] = []
    with serving(there) as server:

        def push() -> None:
            try:
                for _ in range(20):
                    try:
                        pusher(folder, server).round()
                        return
                    except Refused as refused:
                        if refused.status != 409:
                            raise
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=push) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert_same(folder, there / "run")
    assert [run.name for run in runs(there)] == ["run"]


SCRIPT = """
import os, time
import whet.track as track
run = track.init(name="live", dir={root!r})
for step in range(200):
    run.log({{"loss": 1.0 / (step + 1)}}, step=step)
    time.sleep(0.002)
print("up", flush=True)
input()
os.kill(os.getpid(), 9)
"""


def test_a_run_is_pushed_while_it_is_written_and_after_its_kill(here: Path, there: Path, monkeypatch):
    with serving(there) as server:
        own = {**os.environ, "WHET_SERVER": server.url, "WHET_TOKEN": TOKEN, "WHET_RECORD": ""}
        script = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(root=str(here))], env=own,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert script.stdout.readline() == "up\n"
        until = time.monotonic() + 60
        while not (runs(there) and runs(there)[0].step == 199):
            assert time.monotonic() < until, (here / "live/push.log").read_text()
            time.sleep(0.05)
        assert runs(there)[0].status == "running"  # the server holds the log as its writer does
        script.communicate("go\n")
        notes = here / "live" / "push.log"
        while not notes.exists() or "pushed to" not in notes.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert_same(here / "live", there / "live")
    assert runs(there)[0].status == "killed"


def test_a_training_is_pushed_by_its_log_and_by_one_rank_alone(here: Path, there: Path, monkeypatch):
    with serving(there) as server:
        monkeypatch.setenv("WHET_SERVER", server.url)
        monkeypatch.setenv("WHET_TOKEN", TOKEN)
        monkeypatch.setenv("RANK", "1")
        write(here / "second", records())
        monkeypatch.setenv("RANK", "0")
        write(here / "trained", records())
        notes, until = here / "trained" / "push.log", time.monotonic() + 60
        while not notes.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert_same(here / "trained", there / "trained")
    assert [run.name for run in runs(there)] == ["trained"] and not (here / "second/push.log").exists()


@pytest.mark.slow
def test_a_server_that_is_killed_keeps_what_it_has_taken(here: Path, there: Path):
    folder = made(here, num_bytes=6 * BLOCK_BYTES)
    for kill in (True, False):
        process, server = started(there)
        push = pusher(folder, server)
        if kill:
            watch = threading.Thread(target=_kill_after, args=(process, there / ".pushed/blocks/run", 3))
            watch.start()
            with pytest.raises(Unreachable):
                push.round()
            watch.join()
        else:
            push.round()
            assert push.num_bytes < 5 * BLOCK_BYTES
            assert_same(folder, there / "run")
            process.terminate()
        process.communicate()


def _kill_after(process: subprocess.Popen, store: Path, blocks: int) -> None:
    while not (store.is_dir() and sum("block-" not in name for name in os.listdir(store)) >= blocks):
        time.sleep(0.001)
    process.kill()


def test_a_server_that_is_not_there_neither_stops_nor_slows_a_script(here: Path, monkeypatch):
    monkeypatch.setenv("WHET_SERVER", "http://127.0.0.1:9")
    monkeypatch.delenv("WHET_TOKEN", raising=False)
    monkeypatch.setenv("WHET_KEYRING", str(here / "none.toml"))
    with track.init(name="alone", dir=here, reinit="create_new") as run:
        run.log({"loss": 1.0})
    notes, until = here / "alone" / "push.log", time.monotonic() + 30
    while not notes.exists() or "there is no token" not in notes.read_text():  # it is made before it is written
        assert time.monotonic() < until
        time.sleep(0.05)
    assert history(here / "alone").status == "done"


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


def test_a_run_without_a_log_is_not_pushed(here: Path, there: Path):
    (here / "run").mkdir(parents=True)
    (here / "run/config.yaml").write_text("")
    with serving(there) as server, pytest.raises(RunError, match="no log yet"):
        pusher(here / "run", server).round()

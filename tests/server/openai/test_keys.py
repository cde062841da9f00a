"""Keys of their own: what each may do and how much, in a file that holds none of them."""

from __future__ import annotations

import sqlite3
import stat
import threading

import pytest

from tests.server.openai.conftest import own, running
from tests.server.openai.test_server import until
from tests.server.openai.tools import Scripted
from whet.base.errors import ConfigError
from whet.cli.main import main
from whet.server.openai import callers, key_file
from whet.server.openai.callers import Allowance, Caller
from whet.server.openai.key_file import KeyFile
from whet.server.openai.refused import Refused
from whet.server.openai.service import Service
from whet.server.openai.serving import entry_of

BODY = {"model": "tiny", "prompt": "hello", "max_tokens": 3, "temperature": 0, "logit_bias": {"1": -100}}


@pytest.fixture
def keys(tmp_path):
    file = KeyFile(tmp_path / "keys.sqlite", makes=True)
    yield file
    file.close()


@pytest.fixture
def service(module, tokenizer):
    return Service(own(module, tokenizer), ("tiny",), engine=Scripted(tokenizer, ["one two"] * 20))


def ask(server, key, path="/v1/completions", body=BODY, method="POST"):
    return server.ask(method, path, body, Authorization=f"Bearer {key}")


def test_each_key_opens_what_it_is_for_until_it_is_removed(service, keys):
    known = {name: keys.add(name, Allowance(uses=frozenset(uses))) for name, uses in
             {"all": ("ask", "watch"), "asks": ("ask",), "watches": ("watch",)}.items()}  # fmt: skip
    with running(service, keys) as other:
        found = {name: (ask(other, key)[0], ask(other, key, "/metrics", None, "GET")[0]) for name, key in known.items()}
        assert found == {"all": (200, 200), "asks": (200, 403), "watches": (403, 200)}
        keys.remove("all")
        status, _, told = ask(other, known["all"])
        assert (status, told["error"]["code"]) == (401, "invalid_api_key")
        kept = ask(other, known["asks"], "/v1/chat/completions", {
            "model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 2, "store": True,
        })[2]["id"]  # fmt: skip
        stranger = keys.add("stranger", Allowance())
        read = {
            key: ask(other, key, f"/v1/chat/completions/{kept}", None, "GET")[0] for key in (known["asks"], stranger)
        }
        assert list(read.values()) == [200, 404]


def test_what_a_key_may_use_is_counted_told_and_refused(service, keys, monkeypatch):
    few = keys.add("few", Allowance(requests_per_minute=2, tokens_per_minute=1000))
    daily = keys.add("daily", Allowance(tokens_per_day=5))
    with running(service, keys) as other:
        status, headers, told = ask(other, few)
        assert status == 200 and headers["x-ratelimit-limit-requests"] == "2"
        assert headers["x-ratelimit-remaining-requests"] == "1"
        used = told["usage"]["total_tokens"]
        status, headers, _ = ask(other, few)
        assert status == 200 and 1000 - 2 * used <= int(headers["x-ratelimit-remaining-tokens"]) <= 1000
        status, headers, told = ask(other, few)
        assert (status, told["error"]["code"]) == (429, "rate_limit_exceeded") and 0 < int(headers["retry-after"]) <= 30
        assert ask(other, daily)[0] == 200
        status, headers, told = ask(other, daily)
        assert (status, told["error"]["code"], headers["x-should-retry"]) == (429, "insufficient_quota", "false")
    assert {row["name"]: row["tokens_today"] for row in keys.listed()} == {"few": 0, "daily": used}
    again = KeyFile(keys.path)
    assert again.today("daily") == used
    day = key_file._day()
    monkeypatch.setattr(key_file, "_day", lambda: day + 1)
    assert again.today("daily") == 0
    again.close()


def test_a_bucket_fills_evenly_and_a_debt_is_waited_for():
    now = [0.0]
    caller = Caller("me", Allowance(tokens_per_minute=60, at_once=2), clock=lambda: now[0])
    caller.begin()
    caller.spend(90)  # more than there is: answered once, and then owed
    with pytest.raises(Refused) as told:
        caller.begin()
    assert told.value.wait_s == pytest.approx(31)
    now[0] = 30.9
    with pytest.raises(Refused):
        caller.begin()
    now[0] = 31.1
    caller.begin()
    with pytest.raises(Refused, match="2 requests under way"):
        caller.begin()
    caller.end()
    now[0] = 500.0
    caller.begin()
    assert caller._tokens.level == 60


def test_the_file_holds_digests_and_is_its_owners(keys):
    key = keys.add("alice", Allowance())
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    written = b"".join(path.read_bytes() for path in keys.path.parent.iterdir())
    assert key.encode() not in written and callers.digest(key).encode() in written


def test_the_command_makes_lists_and_removes(tmp_path, capsys):
    file = str(tmp_path / "keys.sqlite")
    assert main(["keys", "add", "alice", "--file", file, "--requests-per-minute", "9", "--use", "ask"]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("whet-")
    assert main(["keys", "list", "--file", file]) == 0
    listed = capsys.readouterr().out
    assert "alice" in listed and "9" in listed and key not in listed
    for words, said in ((["add", "alice"], "already"), (["remove", "alicia"], "did you mean `alice`")):
        assert main(["keys", *words, "--file", file]) != 0
        assert said in capsys.readouterr().err
    assert main(["keys", "remove", "alice", "--file", file]) == 0


def test_keys_of_a_file_that_is_none_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no file of keys"):
        entry_of("", tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("alice: 123456789" * 99)
    with pytest.raises(ConfigError, match="holds no keys"):
        KeyFile(tmp_path / "text.sqlite")
    with pytest.raises(ConfigError, match="another one is given"):
        entry_of("secret", tmp_path / "none.sqlite")


class Watched:
    """A database that says which threads have asked it."""

    def __init__(self, db):
        self._db, self.threads = db, set()

    def execute(self, *given):
        self.threads.add(threading.get_ident())
        return self._db.execute(*given)

    def close(self):
        self._db.close()


def test_the_loop_of_requests_never_waits_for_the_file(service, keys, monkeypatch):
    key = keys.add("alice", Allowance(tokens_per_day=1000, tokens_per_minute=1000))
    keys._db = watched = Watched(keys._db)
    with running(service, keys) as other:
        door, loops = other.server.config.app, set()
        looked = door._check_origin
        monkeypatch.setattr(door, "_check_origin", lambda headers: loops.add(threading.get_ident()) or looked(headers))
        assert ask(other, key)[0] == 200
        until(lambda: keys.today("alice") > 0 and not keys._unwritten)
    assert len(loops) == 1 and watched.threads and not loops & watched.threads


def test_tokens_that_could_not_be_written_are_written_with_the_next(keys):
    other = sqlite3.connect(keys.path, isolation_level=None)
    keys._db.execute("pragma busy_timeout = 10")
    other.execute("begin immediate")
    keys.add_spent("alice", 5)
    keys._writer.submit(lambda: None).result()
    assert keys.today("alice") == 5
    other.execute("rollback")
    keys.add_spent("alice", 2)
    keys._writer.submit(lambda: None).result()
    assert keys.today("alice") == 7
    assert other.execute("select tokens from spent").fetchall() == [(7,)]
    other.close()

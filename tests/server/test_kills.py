"""A server that is killed at any moment while four clients write: what was answered is there, and nothing is half."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import whet.track as track
from tests.server.world import Answer, Client, serving, started
from tests.track.registry.models import folder as model_folder
from whet.track.push.blocks import BIRTH_BYTES
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history
from whet.track.registry.registry import Registry
from whet.track.registry.verifying import damage

API, MLFLOW = "/api/v1", "/api/2.0/mlflow"
# One who asks while nobody answers gets one of these.
GONE = (OSError, http.client.HTTPException)


class Writing:
    """What four clients have asked for, and what of it was answered with success, by what it is about."""

    def __init__(self, client: Client, seed: int, source: Path) -> None:
        self._client, self._seed, self._source = client, seed, source
        self.pushed: dict[str, int] = {}
        self.files: dict[str, bytes] = {}
        self.points: dict[str, list[int]] = {}
        self.tags: list[str] = []
        self.aliases: list[tuple[str, int]] = []
        self.versions: list[int] = []
        self.num_answers = 0

    def run(self, until: threading.Event) -> list[threading.Thread]:
        """Begin all four; each ends with the server."""

        def work(one: Callable[[int], None]) -> None:
            try:
                for number in range(1 << 30):
                    if until.is_set():
                        return
                    one(number)
            except GONE:
                return

        works = (self._push, self._mlflow, self._edit, self._register)
        threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in works]
        for thread in threads:
            thread.start()
        return threads

    def _ask(self, method: str, path: str, body: object = None) -> Answer:
        found = self._client.ask(method, path, body)
        assert found.status == 200, (path, found.body)
        self.num_answers += 1
        return found

    def _push(self, number: int) -> None:
        """A run of its own in pieces, and files of it in blocks, some of them again and again."""
        name, data = f"pushed-{self._seed}-{number}", self._source.read_bytes()
        birth = base64.b64encode(data[:BIRTH_BYTES]).decode()
        here = self._ask("POST", f"{API}/push/{name}", {"logs": {"track/r0.a1.tlog": birth}}).json()["run"]
        place = BIRTH_BYTES
        self.pushed[here] = place
        while place < len(data):
            prefix, piece = hashlib.sha256(data[:place]).hexdigest(), data[place : place + 1500]
            self._ask("PUT", f"{API}/push/{here}/logs/track/r0.a1.tlog?offset={place}&prefix={prefix}", piece)
            place = self.pushed[here] = place + len(piece)
            content = (b"%d" % place) * 1000
            digest = hashlib.sha256(content).hexdigest()
            self._ask("PUT", f"{API}/push/{here}/blocks/{digest}", content)
            said = self._ask("POST", f"{API}/push/{here}/files/model/w-{place % 2}.bin", {"blocks": [digest]})
            assert said.json() == {"missing": []}
            self.files[f"{here}/model/w-{place % 2}.bin"] = content

    def _mlflow(self, number: int) -> None:
        """Runs with points one by one, some of which end."""
        made = self._ask(
            "POST", f"{MLFLOW}/runs/create", {"experiment_id": "0", "run_name": f"m-{self._seed}-{number}"}
        )
        run = made.json()["run"]["info"]["run_id"]
        self.points[run] = []
        for step in range(12):
            body = {"run_id": run, "key": "loss", "value": step / 8, "timestamp": 1, "step": step}
            self._ask("POST", f"{MLFLOW}/runs/log-metric", body)
            self.points[run].append(step)
        if number % 2:
            self._ask("POST", f"{MLFLOW}/runs/update", {"run_id": run, "status": "FINISHED"})

    def _edit(self, number: int) -> None:
        tag = f"tag-{self._seed}-{number}"
        body = {"names": ["own"], "add_tags": [tag], "remove_tags": [], "set": {}}
        self._ask("PATCH", f"{API}/runs", body)
        self.tags.append(tag)

    def _register(self, number: int) -> None:
        added = self._ask("POST", f"{API}/registry/models/chat/versions", {"run": "own"}).json()
        self.versions.append(added["row"]["version"])
        alias = f"a{number % 3}-{self._seed}"
        self._ask("PUT", f"{API}/registry/models/chat/aliases/{alias}", {"version": self.versions[-1]})
        self.aliases.append((alias, self.versions[-1]))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with track.init(name="own", dir=tmp_path / "runs") as run:
        run.log({"loss": 1.0})
    model_folder(tmp_path / "runs" / "own" / "model")
    return tmp_path / "runs"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The log of a run that is elsewhere."""
    with track.init(name="elsewhere", dir=tmp_path / "elsewhere") as run:
        for step in range(300):
            run.log({"loss": float(step)}, step=step)
    return tmp_path / "elsewhere" / "elsewhere" / "track" / "r0.a1.tlog"


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 21))])
def test_what_was_answered_outlives_a_kill_and_nothing_is_half(root: Path, source: Path, seed: int):
    chance, told = random.Random(seed), []
    for kill in range(1 if seed == 0 else 3):
        process, client = started(root)
        writing, until = Writing(client, 10 * seed + kill, source), threading.Event()
        threads, wanted = writing.run(until), chance.randrange(20, 80)
        while writing.num_answers < wanted and any(thread.is_alive() for thread in threads):
            threads[0].join(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        for thread in threads:
            thread.join()
        told.append(writing)
        assert writing.num_answers >= wanted
    for number in range(2):  # as the disk has it, and after a server has opened it again
        look(root, told, source)
        if number == 0:
            with serving(root) as client:
                everything(client)


def everything(client: Client) -> None:
    """A server that has been killed answers for all it has, and goes on with what was open."""
    listed = client.get(f"{API}/runs", limit=10_000)["runs"]
    for run in listed:
        client.get(f"{API}/runs/{run['name']}")
        if run["name"].startswith("m-"):
            body = {"run_id": run["name"], "key": "after", "value": 1.0, "timestamp": 1, "step": 0}
            found = client.ask("POST", f"{MLFLOW}/runs/log-metric", body)
            assert found.status == 200, found.body
    client.get(f"{API}/registry/models", versions="true")


def look(root: Path, told: list[Writing], source: Path) -> None:
    """What was answered is there, in whole, and what was not is there in whole or not at all."""
    every, data = {run.name: run for run in runs(root)}, source.read_bytes()
    for name in every:
        logs = history(root / name)
        assert logs.writers and logs.damaged == 0, name
    registry = Registry(root / ".registry")
    state, num_versions = registry.state(), 0
    assert registry.damaged == 0
    for writing in told:
        for run, size in writing.pushed.items():
            here = (root / run / "track/r0.a1.tlog").read_bytes()
            assert len(here) >= size and data.startswith(here)
        for path, content in writing.files.items():
            here = (root / path).read_bytes()
            # The last that was answered, or one that was on its way when the kill came.
            assert here == content or (len(here) % 1000 == 0 and len(set(here.split(here[: len(here) // 1000]))) == 1)
        for run, steps in writing.points.items():
            found = history(root / run).scalar("loss")[0].tolist()
            assert found[: len(steps)] == steps and len(found) <= len(steps) + 1
        assert set(writing.tags) <= set(every["own"].tags)
        chat = state.named("chat")
        for version in writing.versions:
            assert damage(registry, chat.versions[version]) == []
        for alias in {alias for alias, _ in writing.aliases}:
            last = [version for one, version in writing.aliases if one == alias][-1]
            assert chat.aliases[alias] >= last
        num_versions += len(writing.versions)
    assert len(state.named("chat").versions) >= num_versions if num_versions else True

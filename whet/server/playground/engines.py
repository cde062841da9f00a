"""The engines of a page: a model is served once for all who ask, a few at a time, and ended when nobody does."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from whet.server.errors import Refusal, missing
from whet.server.playground.connected import Connected
from whet.server.playground.engine import Process

Engine = Process | Connected

# So many models are in memory at once, and each so long after the last request.
MOST, IDLE_S = 4, 900.0
# So often it is looked whether one is idle.
_LOOK_S = 5.0
# Of those that failed or have ended so many are remembered, for whoever waits for them.
_REMEMBERED = 16


class Engines:
    """All engines of a server. Any thread may use it."""

    def __init__(
        self, root: Path, connected: Iterable[Connected] = (), *, most: int = MOST, idle_s: float = IDLE_S
    ) -> None:  # fmt: skip
        """Beside those that are started, other servers may be `connected`."""
        self._root, self._most, self.idle_after_s = root, most, idle_s
        self._all: dict[str, Engine] = {one.id: one for one in connected}
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._watching: threading.Thread | None = None

    def start(self, model: str, person: str) -> Engine:
        """The engine of a model, which is begun where there is none. Raises Refusal where all others are in use."""
        with self._lock:
            if self._closing.is_set():
                raise Refusal("TEMPORARILY_UNAVAILABLE", "the server is ending")
            for one in self._all.values():
                if one.is_ours and one.is_alive and one.model == model:
                    one.touch()
                    return one
            self._make_room()
            engine = Process(model, self._root, person)
            self._all[engine.id] = engine
            self._forget()
            if self._watching is None:
                self._watching = threading.Thread(target=self._watch, name="whet-playground", daemon=True)
                self._watching.start()
            return engine

    def get(self, id: str) -> Engine:
        """The engine of an id. Raises Refusal where there is none."""
        engine = self._all.get(id)
        if engine is None:
            raise missing("this model is served no more: start it again")
        return engine

    def listed(self) -> list[Engine]:
        """Those that answer or will, and the last ones that do not, in the order in which they began."""
        return list(self._all.values())

    def close(self) -> None:
        """End all of them. Safe to call again."""
        self._closing.set()
        with self._lock:
            for one in self._all.values():
                one.end()

    def _make_room(self) -> None:
        """End the one that was idle for longest, where there are as many as may be."""
        alive = [one for one in self._all.values() if one.is_alive and one.is_ours]
        if len(alive) < self._most:
            return
        idlest = max(alive, key=lambda one: one.idle_s)
        if not idlest.idle_s:
            names = ", ".join(f"`{one.model}`" for one in alive)
            raise Refusal("TOO_MANY_REQUESTS", f"{len(alive)} models are in use: {names}", wait_s=30)
        idlest.end()

    def _forget(self) -> None:
        gone = [id for id, one in self._all.items() if not one.is_alive]
        for id in gone[:-_REMEMBERED]:
            del self._all[id]

    def _watch(self) -> None:
        while not self._closing.wait(min(_LOOK_S, self.idle_after_s / 2)):
            for one in self.listed():
                if one.is_alive and one.idle_s > self.idle_after_s:
                    one.end()

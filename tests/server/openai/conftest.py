"""Real servers of tiny models on loopback, one of each kind for all tests here."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.generate import tiny
from tests.server.openai.tools import TOOLS_TEMPLATE
from whet.contracts.model import Capabilities
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Limits
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.loading.loaded import loaded
from whet.server.ending import Config, Server
from whet.server.openai.app import Served
from whet.server.openai.callers import Callers, OneKey
from whet.server.openai.service import Service
from whet.server.patience import limits
from whet.server.serving import bound

KEY = "whet-test-key"


@dataclass
class Running:
    """A server that runs, its service, and plain requests to it."""

    service: Service
    port: int
    server: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON (or text) of a request with the key. `body` may be bytes."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
            given = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers}
            connection.request(method, path, data, {name.replace("_", "-"): value for name, value in given.items()})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        told = {name.lower(): value for name, value in response.getheaders()}
        return response.status, told, json.loads(text) if told["content-type"] == "application/json" else text


@contextmanager
def running(service: Service, callers: Callers | None = None) -> Iterator[Running]:
    """The service on a port of its own, which ends as it does for a signal."""
    with served(service, Served(service, callers or OneKey(KEY))) as found:
        yield found


@contextmanager
def served(service: Any, app: Served) -> Iterator[Running]:
    """The app of a service, in the same way."""
    listening = bound("127.0.0.1", 0)
    config = Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=15, **limits())
    server = Server(config, app.end)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Running(service, listening.getsockname()[1], server)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()


def own(module: Any, tokenizer: Any) -> Any:
    """A module with a tokenizer, as a model source gives it."""
    attention.register()
    module.set_attn_implementation(attention.NAME)
    capabilities = Capabilities(context=module.config.max_position_embeddings)
    return loaded(module, tokenizer, capabilities, LanguageModel(module))


@pytest.fixture(scope="package")
def serve() -> Callable[..., Any]:
    """`serve(module, tokenizer, timeout_s, **limits)`: a server, as a context."""

    def begin(module: Any, tokenizer: Any, timeout_s: float = 60.0, **changes: int):
        model = own(module, tokenizer)
        engine = ServingEngine(model, Limits(**{"cache_tokens": 8192, **changes}))
        return running(Service(model, ("tiny",), engine=engine, timeout_s=timeout_s))

    return begin


@pytest.fixture(scope="package")
def tokenizer() -> Any:
    """One whose template writes tools and calls."""
    import copy

    made = copy.deepcopy(tiny.tokenizer())
    made.chat_template = TOOLS_TEMPLATE
    return made


@pytest.fixture(scope="package")
def module() -> Any:
    return tiny.module("llama", max_position_embeddings=1024)


@pytest.fixture(scope="package")
def server(serve: Any, module: Any, tokenizer: Any) -> Iterator[Running]:
    with serve(module, tokenizer) as found:
        yield found

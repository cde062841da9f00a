"""Where spans of requests go: the log of a run in the store, and a collector that speaks OTLP over HTTP."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from whet.base.errors import ConfigError
from whet.server.otlp_json import to_json
from whet.track.logs.claim import slug
from whet.track.logs.event_log import EventLog
from whet.track.logs.frames import RANK_0
from whet.track.reading.spans import KIND, WRITER, Span
from whet.track.reading.store import LOGS, history
from whet.track.script.described import described

# Headers for a collector, as OpenTelemetry's exporters take them: `name=value,name=value`.
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
_TIMEOUT_S = 10.0
_TRACES = "/v1/traces"
_KIND = "serve"


def check_project(root: Path, project: str) -> None:
    """Raises ConfigError for what names no project, and where a project's run is a training, or a script's."""
    name = slug(project)
    if not any(map(str.isalnum, project)) or {"/", "\\"} & set(project):
        said = f"`{project[:100]}` is no name of a project: requests are kept in a run in {root}"
        raise ConfigError(said, at="--record", hint=f"--record {name} --root {root}")
    run = root / name
    if not run.is_dir():
        return
    logs = history(run)
    if (run / "config.yaml").is_file() or (logs.ranks and described(logs).about.get("job_type") != _KIND):
        said = f"`{run.name}` is a run of something else, and requests are kept in one of their own"
        raise ConfigError(said, at="--record", hint=f"--record {run.name}-served")


class Store:
    """The run of a project, in which all servers of it write, each in logs of its own."""

    def __init__(self, root: Path, project: str, config: Mapping[str, Any]) -> None:
        """Raises RunError where nothing can be written, and ConfigError where the run is of something else."""
        check_project(root, project)
        name = slug(project)
        folder = root / name / LOGS
        self._log = EventLog(folder, RANK_0)
        self._log.event("run", 0, {"project": project, "name": name, "job_type": _KIND})
        self._log.event("config", 0, {"values": dict(config)})
        self._spans = EventLog(folder, WRITER)
        self.run = name

    def __call__(self, spans: list[Span]) -> None:
        for span in spans:
            self._spans.event_at(span.end_ns / 1e9, KIND, 0, span.to_dict())

    def close(self) -> None:
        """End both logs."""
        for log in (self._spans, self._log):
            log.close("done", "")


class Collector:
    """An endpoint of OTLP, to which spans are sent as JSON, gzipped."""

    def __init__(self, url: str, service: str) -> None:
        """`url` with or without `/v1/traces`. Raises ConfigError for what is none."""
        place = urlsplit(url)
        if place.scheme not in ("http", "https") or not place.hostname:
            raise ConfigError(f"`{url[:200]}` is no address", at="--otlp", hint="--otlp http://127.0.0.1:4318")
        self._url = url if place.path.endswith(_TRACES) else url.rstrip("/") + _TRACES
        self._resource = {"service.name": service}
        self._headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", **_headers()}
        self._opener = build_opener(_NoRedirects)

    def __call__(self, spans: list[Span]) -> None:
        """Raises ConnectionError where they are not taken."""
        body = gzip.compress(json.dumps(to_json(spans, self._resource)).encode(), 1)
        request = Request(self._url, body, self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                response.read()
        except HTTPError as error:
            raise ConnectionError(f"{self._url} answers {error.code}") from None
        except (URLError, OSError) as error:
            raise ConnectionError(f"{self._url} does not answer: {getattr(error, 'reason', error)}") from None


class _NoRedirects(HTTPRedirectHandler):
    """Headers with a key go where they were meant to, and nowhere else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _headers() -> dict[str, str]:
    pairs = (pair.partition("=") for pair in os.environ.get(HEADERS, "").split(",") if "=" in pair)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}

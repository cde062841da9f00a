"""`/metrics`: requests, tokens and times for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from whet.generate.serving.figures import Figures, Histogram
from whet.server.openai.service import Given

router = APIRouter(tags=["metrics"])

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(service: Given) -> PlainTextResponse:
    """Counts since the start, and what goes on now. Empty for a model without an engine."""
    figures = service.figures
    return PlainTextResponse("" if figures is None else "".join(_lines(figures)), media_type=_TYPE)


def _lines(figures: Figures) -> Iterator[str]:
    yield _head("whet_requests_total", "counter", "Requests by how their answers ended.")
    yield from (f'whet_requests_total{{finish="{how}"}} {count}\n' for how, count in sorted(figures.ended.items()))
    yield _head("whet_tokens_total", "counter", "Tokens of prompts and of answers.")
    yield f'whet_tokens_total{{of="prompt"}} {figures.num_prompt}\n'
    yield f'whet_tokens_total{{of="answer"}} {figures.num_generated}\n'
    yield _head("whet_guesses_total", "counter", "Tokens that were read ahead, and those of them that came.")
    yield f'whet_guesses_total{{were="made"}} {figures.num_guessed}\n'
    yield f'whet_guesses_total{{were="right"}} {figures.num_right}\n'
    yield _head("whet_requests", "gauge", "Requests that are answered, and that wait.")
    yield f'whet_requests{{state="running"}} {figures.num_running}\n'
    yield f'whet_requests{{state="waiting"}} {figures.num_waiting}\n'
    yield from _histogram("whet_first_token_seconds", "From a request to its first token.", figures.first_s)
    yield from _histogram("whet_between_tokens_seconds", "From a token to the next one.", figures.between_s)


def _histogram(name: str, help: str, found: Histogram) -> Iterator[str]:
    yield _head(name, "histogram", help)
    for bound, count in found.at_most():
        yield f'{name}_bucket{{le="{"+Inf" if bound == float("inf") else f"{bound:g}"}"}} {count}\n'
    yield f"{name}_sum {found.total!r}\n{name}_count {found.count}\n"


def _head(name: str, kind: str, help: str) -> str:
    return f"# HELP {name} {help}\n# TYPE {name} {kind}\n"

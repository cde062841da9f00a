"""How long a list of recorded requests takes: the index is made once, then read, sorted, filtered; processor seconds.

python benchmarks/serve/requests.py --requests 100000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from whet.track.logs.event_log import EventLog
from whet.track.reading.drift import COLUMNS, drift
from whet.track.reading.query import parse
from whet.track.reading.request_table import RequestTable
from whet.track.reading.spans import KIND, WRITER, Span
from whet.track.reading.store import LOGS

Found = TypeVar("Found")
BEGAN_NS = 1_790_000_000 * 10**9


def texts(role: str, content: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": content}]}])


def record(folder: Path, num: int) -> None:
    """Requests as `whet serve --record --record-text` keeps them: a span and its three parts."""
    log = EventLog(folder / LOGS, WRITER)
    for number in range(num):
        begin, trace, root = BEGAN_NS + number * 50_000_000, f"{number:032x}", f"{number:016x}"
        about = {
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "owls", "whet.key": "ada",
            "gen_ai.usage.input_tokens": number % 900, "gen_ai.usage.output_tokens": number % 200,
            "gen_ai.response.id": f"chatcmpl-{number}", "gen_ai.response.finish_reasons": ["stop"],
            "whet.first_token_s": number % 97 / 97, "gen_ai.input.messages": texts("user", f"question {number} " * 20),
            "gen_ai.output.messages": texts("assistant", "answer " * 20),
        }  # fmt: skip
        made = [Span(trace, root, "", "chat owls", "server", begin, begin + 10**8, attributes=about)]
        moments = {"whet.tokens": 7, "whet.moments_ms": [1.5] * 20}
        for place, name in enumerate(("wait", "prompt", "answer")):
            own = f"{number:08x}{place + 1:08x}"
            made.append(Span(trace, own, root, name, "internal", begin + place, begin + 5, attributes=moments))
        for one in made:
            log.event_at(one.end_ns / 1e9, KIND, 0, one.to_dict())
    log.close("done", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "shop"
        record(folder, args.requests)
        timed("first look, which makes the index", lambda: RequestTable(folder))
        table = timed("index read again", lambda: RequestTable(folder))
        for _ in range(2):
            timed("the latest 1,000", lambda: table.rows(table.find(parse(""))[:1000]))
        timed("1,000 by another order", lambda: table.rows(table.find(parse(""), "answer_tokens:desc")[:1000]))
        asked = parse('status == "error" or first_token_s > 0.9')
        for word in ("a filter, the first time", "the same filter"):
            timed(word, lambda: table.rows(table.find(asked)[:1000]))
        timed("one request", lambda: table.spans(f"{args.requests // 2:032x}"))
        numbers = table.find(parse(""), "time")
        timed("drift in 20 stretches", lambda: drift({name: table.column(name, numbers) for name in COLUMNS}, 20))


def timed(word: str, does: Callable[[], Found]) -> Found:
    begin = time.process_time()
    found = does()
    print(f"{word:40}{1000 * (time.process_time() - begin):10.1f} ms")
    return found


if __name__ == "__main__":
    main()

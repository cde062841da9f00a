"""A load on `whet serve` that would show what is lost: streams, readers that are slow, clients that vanish.

    python benchmarks/serve/load.py [--minutes 5] [--streams 64] [--size tiny]

So many streams ask on loopback as long as was said, each anew when its answer has come. A part of them read slowly,
a part go in the middle, and a burst of 1,000 requests at once comes in the middle of the time. Told at the end:
requests that got neither a whole answer nor a refusal (lost), what the server itself counted, its memory in the first
and the last third, times between tokens of those who read at once, and what of the processor a token took. Ends with 1
where a request was lost, or the server counted another number of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks/serve")]

# A timeout from outside ends the server too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

from beside import KEY, SERVERS, VOCAB, p99, processor_s, prompt, wait_for, write_model  # noqa: E402

# Of ten streams so many read slowly, and so many go before their answer is whole.
SLOW, GOING = 1, 2
SLOW_S, BURST = 0.2, 1000


@dataclass
class Seen:
    """What became of the requests."""

    ended: Counter[str] = field(default_factory=Counter)
    between_s: list[float] = field(default_factory=list)
    num_tokens: int = 0
    lost: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--size", choices=list(VOCAB), default="tiny")
    parser.add_argument("--tokens", type=int, default=32)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = write_model(Path(name) / args.size, args.size)
        port, log = 19_000 + os.getpid() % 1000, Path(name) / "server.log"
        command = [*SERVERS["whet"], str(folder), "--port", str(port)]
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, start_new_session=True)
        try:
            wait_for(port, process, log)
            return told(*asyncio.run(loaded(port, process.pid, folder, args)), process.pid, port)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def loaded(port: int, pid: int, folder: Path, args: argparse.Namespace) -> tuple[Seen, list[tuple[float, int]]]:
    """Ask as long as was said. What became of it, and the server's memory as time went on."""
    seen, memory = Seen(), list[tuple[float, int]]()
    began = time.monotonic()
    end = began + 60 * args.minutes

    async def stream(number: int) -> None:
        turn = 0
        while time.monotonic() < end:
            await asked(port, folder, number * 100_003 + turn, args.tokens, number % 10, seen)
            turn += 1

    async def watched() -> None:
        while time.monotonic() < end:
            memory.append((time.monotonic() - began, resident(pid)))
            await asyncio.sleep(1)

    async def burst() -> None:
        await asyncio.sleep(30 * args.minutes)
        await asyncio.gather(*(asked(port, folder, 7_000_000 + i, 1, 9, seen) for i in range(BURST)))

    await asyncio.gather(watched(), burst(), *(stream(number) for number in range(args.streams)))
    return seen, memory


async def asked(port: int, folder: Path, number: int, tokens: int, manner: int, seen: Seen) -> None:
    """One request: read at once, slowly, or left amid its answer."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    except OSError as error:
        seen.lost.append(f"no connection: {error}")
        return
    try:
        writer.write(written(port, folder, number, tokens))
        status = int((await reader.readline()).split()[1])
        if status != 200:
            seen.ended[str(status)] += 1
            if status not in (429, 503):
                seen.lost.append(f"status {status}")
            return
        await heard(reader, tokens, manner, seen)
    except (OSError, IndexError, ValueError) as error:
        seen.lost.append(repr(error))
    finally:
        writer.close()


async def heard(reader: asyncio.StreamReader, tokens: int, manner: int, seen: Seen) -> None:
    last, count = 0.0, 0
    while line := await reader.readline():
        if line.startswith(b"data: [DONE]"):
            seen.ended["whole"] += 1
            return
        if not line.startswith(b"data: {"):
            continue
        body = json.loads(line[6:])
        if "error" in body:
            seen.lost.append(body["error"]["message"])
            return
        if not body["choices"][0]["delta"].get("content"):
            continue
        now, count, seen.num_tokens = time.perf_counter(), count + 1, seen.num_tokens + 1
        if last and manner >= SLOW + GOING:
            seen.between_s.append(now - last)
        last = now
        if manner < SLOW:
            await asyncio.sleep(SLOW_S)
        elif manner < SLOW + GOING and count > tokens // 2:
            seen.ended["left"] += 1
            return
    seen.lost.append("the stream ended before its end")


def written(port: int, folder: Path, number: int, tokens: int) -> bytes:
    messages = [{"role": "user", "content": prompt(number, 16)}]
    asking = {"model": str(folder), "messages": messages, "max_tokens": tokens, "temperature": 0, "stream": True}
    body = json.dumps(asking).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def told(seen: Seen, memory: list[tuple[float, int]], pid: int, port: int) -> int:
    """Print it all. 1 where a request was lost or one is still open."""
    still, counted = requests_of(port)
    begin, end = (statistics.median(m for _, m in part) / 2**20 for part in (thirds(memory)[0], thirds(memory)[2]))
    last = [m / 2**20 for _, m in thirds(memory)[2]]
    between = seen.between_s or [0.0]
    print(f"requests      {dict(seen.ended)}, lost {len(seen.lost)}, still open {still}")
    print(f"the server    counted {dict(counted)}")
    grew = f"{end - begin:+,.0f}), from {last[0]:,.0f} to {last[-1]:,.0f}"
    print(f"memory        {begin:,.0f} MiB in the first third, {end:,.0f} in the last ({grew}")
    print(f"between       p50 {statistics.median(between):.3f} s, p99 {p99(between):.3f} s, most {max(between):.3f} s")
    print(f"processor     {1000 * processor_s(pid) / max(1, seen.num_tokens):.2f} ms/token, {seen.num_tokens:,} tokens")
    for said, count in Counter(seen.lost).most_common(5):
        print(f"lost {count}: {said}")
    # Who leaves may have an answer that was whole already; a refusal is no request that was begun.
    is_even = counted.total() == seen.ended["whole"] + seen.ended["left"]
    return 1 if seen.lost or still or not is_even else 0


def thirds(values: list[tuple[float, int]]) -> list[list[tuple[float, int]]]:
    size = max(1, len(values) // 3)
    return [values[:size], values[size:-size] or values, values[-size:]]


def requests_of(port: int) -> tuple[int, Counter[str]]:
    """What the server still has in the making, a moment after all have gone, and how all others ended."""
    asking = Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {KEY}"})
    until, count, ended = time.monotonic() + 20, -1, Counter[str]()
    while count and time.monotonic() < until:
        lines = [line.rpartition(" ") for line in urlopen(asking, timeout=5).read().decode().splitlines()]
        count = sum(int(value) for name, _, value in lines if name.startswith("whet_requests{"))
        ended = Counter({
            name.split('"')[1]: int(value) for name, _, value in lines if name.startswith("whet_requests_total{")
        })  # fmt: skip
    return count, ended


def resident(pid: int) -> int:
    """Bytes of a process that lie in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())

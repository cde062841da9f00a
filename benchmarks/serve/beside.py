"""Tokens a second, time to the first token and between tokens: `whet serve` beside `transformers serve`.

    python benchmarks/serve/beside.py [--sizes tiny 110m] [--concurrency 1 4 16 64] [--only whet] [--minutes 7.5]

Both serve the same random weights in fp32 on the CPU, with the same number of threads, and are asked by the same
client, a process of its own, for greedy streamed answers of as many tokens. The weights never say the end token.
Beside times of the clock stands what the server's process took of the processor for a token, which others on the same
machine do not change much, and by which factor whet's tokens a second are more than this server's. Each server is a
process that has answered before the first measurement. `transformers serve` needs the package `openai`, and runs with
`--continuous-batching`; without, it answers one after the other, and is asked by 16 at once alone. `--only whet
llama.cpp vllm` asks these: llama.cpp of the package `xllamacpp` with the weights in a GGUF of F32, and vLLM of
`VLLM_PYTHON`, an environment of its own, with both cores and as it compiles by itself. After so many
minutes nothing more is begun, and what is left out is said; a server that fails is said, and the others go on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from socket import socket
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

KEY = "whet-benchmark"
SIZES = {
    "tiny": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 688},
    "110m": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 2048},
}
VOCAB = {"tiny": 4_096, "110m": 32_000}
TRANSFORMERS = (sys.executable, "-m", "transformers.cli.transformers", "serve", "--device", "cpu", "--dtype", "float32")
SERVERS = {
    "whet": (sys.executable, "-m", "whet", "serve", "--api-key", KEY, "--dtype", "fp32", "--device", "cpu"),
    # Left to itself it takes nine tenths of the memory for its cache. Each of 64 sequences fits in one of these blocks.
    "transformers, continuous": (*TRANSFORMERS, "--continuous-batching", "--cb-num-blocks", "128"),
    "transformers": TRANSFORMERS,
}
ONE_BY_ONE, AT_ONCE = "transformers", 16
OTHERS = ("llama.cpp", "vllm")  # in words of their own: `command_of`
WORDS = "the quick brown fox jumps over a lazy dog while seven wise owls watch from old oak trees".split()


@dataclass(frozen=True)
class Heard:
    """When one answer was asked for, and when its parts came, in seconds; `text` is all of it."""

    asked: float
    times: tuple[float, ...]
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--concurrency", nargs="*", type=int, default=[1, 4, 16, 64])
    parser.add_argument("--prompt", type=int, default=64, help="words of a prompt")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of an answer")
    parser.add_argument(
        "--rounds", type=int, default=2, help="answers that each of those who ask at once gets, 64 in all"
    )
    parser.add_argument("--limit", type=float, default=100.0, help="seconds after which a measurement is given up")
    parser.add_argument("--minutes", type=float, default=7.5, help="after which no measurement begins")
    parser.add_argument("--only", nargs="*", choices=[*SERVERS, *OTHERS], default=list(SERVERS))
    args = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    print(f"{date.today()}  {platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.2g}")
    print(f"{versions}; fp32, prompts of {args.prompt} words, {args.tokens} tokens, {args.rounds} rounds")
    args.end = time.monotonic() + 60 * args.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout from outside ends the server too
    with tempfile.TemporaryDirectory() as name:
        for size in args.sizes:
            folder = write_model(Path(name) / size, size)
            titles = f"{'at once':>9}{'tokens/s':>10}{'first s':>9}{'p99':>8}{'between s':>11}{'p99':>8}"
            titles += f"{'cpu ms/token':>14}{'whet is':>9}    same"
            print(f"\n{size:26}{titles}")
            texts: dict[int, str] = {}
            speeds: dict[int, float] = {}
            for server in args.only:
                try:
                    measure(server, folder, args, texts, speeds)
                except (Failed, OSError) as error:
                    print(f"{server:26} fails: {' | '.join(str(error).strip().splitlines()[-3:])[-600:]}", flush=True)


class Failed(SystemExit):
    """A server that does not start, or ends: who does not go on with others ends with it."""


def measure(
    server: str, folder: Path, args: argparse.Namespace, texts: dict[int, str], speeds: dict[int, float]
) -> None:
    """Start a server, ask it as often as is wanted, print a line each time. `texts` and `speeds` are of those before,
    by how many asked at once: what they said, and whet's tokens a second."""
    if time.monotonic() > args.end:
        print(f"{server:26}   left out: {args.minutes:g} minutes are over", flush=True)
        return
    with socket() as free:  # the last server's may still be closing
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder.parent / f"{server.replace(', ', '-')}.log").open("w")
    words, more = command_of(server, folder)
    process = subprocess.Popen(
        [*words, "--port", str(port)], env=os.environ | more, stdout=log, stderr=log, cwd=ROOT, process_group=0
    )
    try:
        wait_for(port, process, Path(log.name))
        try:
            asyncio.run(load(port, folder, 1, 1, args.prompt, args.tokens, args.limit))
        except (TimeoutError, RuntimeError, OSError) as error:
            said = " | ".join(Path(log.name).read_text().strip().splitlines()[-3:])
            print(f"{server:26} does not answer ({str(error) or f'in {args.limit:g} s'}): {said[-600:]}", flush=True)
            return
        for concurrency in args.concurrency if server != ONE_BY_ONE else [AT_ONCE]:
            left, rounds = args.end - time.monotonic(), max(1, min(args.rounds, 64 // concurrency))
            if left < 0:
                print(f"{server:26}{concurrency:9}   left out: {args.minutes:g} minutes are over", flush=True)
                continue
            limit = min(args.limit, left + 20)
            began, used = time.perf_counter(), processor_s(process.pid)
            try:
                heard = asyncio.run(load(port, folder, concurrency, rounds, args.prompt, args.tokens, limit))
            except TimeoutError:
                print(f"{server:26}{concurrency:9}   not in {limit:.0f} s", flush=True)
                continue
            except (RuntimeError, OSError) as error:
                print(f"{server:26}{concurrency:9}   fails: {error}", flush=True)
                continue
            seconds, used = time.perf_counter() - began, processor_s(process.pid) - used
            first = [one.times[0] - one.asked for one in heard]
            between = [b - a for one in heard for a, b in zip(one.times, one.times[1:], strict=False)]
            speed, said = len(heard) * args.tokens / seconds, json.dumps([one.text for one in heard[:4]])
            if server == "whet":
                speeds[concurrency] = speed
            same = texts.setdefault(concurrency, said) == said
            more = f"{speeds[concurrency] / speed:.2f}" if concurrency in speeds else ""
            print(
                f"{server:26}{concurrency:9}{speed:10.1f}{statistics.median(first):9.3f}"
                f"{p99(first):8.3f}{statistics.median(between):11.4f}{p99(between):8.3f}"
                f"{1000 * used / (len(heard) * args.tokens):14.2f}{more:>9}{'yes' if same else 'no':>8}",
                flush=True,
            )
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def command_of(server: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command line of a server of a model, without its port, and what its environment has more."""
    if server == "llama.cpp":
        from whet.export.gguf.folder import write_gguf_folder
        from whet.export.source import read_source

        target = folder.with_name(f"{folder.name}-gguf")
        if not target.exists():
            write_gguf_folder(read_source(str(folder)), target, "F32")
        words = [sys.executable, "-m", "whet.generate.servers.xllamacpp", "--model", str(next(target.glob("*.gguf")))]
        return [*words, "--alias", str(folder), "--parallel", "64", "--ctx-size", str(64 * 512), "--jinja"], {}
    if server == "vllm":
        program = Path(os.environ.get("VLLM_PYTHON", sys.executable)).with_name("vllm")
        words = [str(program), "serve", str(folder), "--dtype", "float32", "--max-model-len", "512"]
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        more = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": cores, "HF_HUB_OFFLINE": "1"}
        return [*words, "--max-num-seqs", "64"], more
    return [*SERVERS[server], str(folder)], {}


async def load(
    port: int, folder: Path, concurrency: int, rounds: int, words: int, tokens: int, limit: float
) -> list[Heard]:
    """Answers to so many who ask at once, each several times one after the other."""

    async def one(number: int) -> list[Heard]:
        return [await ask(port, folder, prompt(number * rounds + i, words), tokens) for i in range(rounds)]

    async with asyncio.timeout(limit):
        found = await asyncio.gather(*(one(number) for number in range(concurrency)))
    return [heard for several in found for heard in several]


async def ask(port: int, folder: Path, text: str, tokens: int) -> Heard:
    """One streamed answer, read as it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    asking = {"messages": [{"role": "user", "content": text}], "max_tokens": tokens, "temperature": 0, "stream": True}
    body = json.dumps({"model": str(folder), **asking}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    asked = time.perf_counter()
    writer.write(head.encode() + body)
    times, said = [], ""
    status = await reader.readline()
    while (line := await reader.readline()) and not line.startswith(b"data: [DONE]"):
        if not line.startswith(b"data: {"):
            continue
        choices = json.loads(line[6:]).get("choices") or [{}]
        if content := choices[0].get("delta", {}).get("content"):
            times.append(time.perf_counter())
            said += content
    writer.close()
    if not times:
        raise RuntimeError(f"no answer: {status!r}")
    return Heard(asked, tuple(times), said)


def prompt(number: int, words: int) -> str:
    """Text that no other prompt begins with."""
    return " ".join(random.Random(number).choices(WORDS, k=words))


def processor_s(pid: int) -> float:
    """What a process has taken of the processor, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    """Until the server says that it is there."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Failed(f"the server ended:\n{log.read_text()[-2000:]}")
        try:
            urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise Failed("the server did not start in 300 s")


def write_model(folder: Path, size: str) -> Path:
    """A random llama whose greedy answers are words and never end."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from whet.models.tokenizers.training import train_tokenizer

    tokenizer = train_tokenizer([" ".join(WORDS)] * 50, 400, chat=True)
    config = LlamaConfig(
        **SIZES[size], vocab_size=VOCAB[size], max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id, initializer_range=0.05,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    special = set(tokenizer.all_special_ids)
    words = [i for i in range(len(tokenizer)) if i not in special and tokenizer.decode([i]).isascii()]
    with torch.no_grad():
        kept = model.lm_head.weight[words].clone()
        model.lm_head.weight.zero_()
        model.lm_head.weight[words] = kept
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()

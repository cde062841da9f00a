"""Type the commands of a page: `whet` runs in this process, servers and `torchrun` in forks, the rest in processes."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.docs.blocks import Block, Command, commands, missing
from tests.docs.world import small
from tests.nursery import Child
from tests.ranks import on_ranks
from whet.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
# These set up a machine, and are not run. `make` targets have their own tests or are whole runs of the suite.
NOT_RUN = ("make", "git", "cd", "pip")
PLAIN = ("cat", "echo", "head", "ls")
FILES = ("yaml", "python", "json", "jsonl", "text")
_SERVERS: list[Child] = []
HOME = "/home/you"  # the folder a page works in, as its output shows it


def replay(block: Block, folder: Path) -> list[str]:
    """Do what a block says inside `folder`, the current one, with sizes cut down.

    Returns what did not go as the page shows.
    """
    if block.language != "console":
        write(block, folder, small(block.text))
        return []
    return [complaint for command in commands(block) for complaint in _tried(command, folder)]


def write(block: Block, folder: Path, text: str) -> None:
    """Write `text` under the block's name, if it names a file."""
    if block.language in FILES and "." in block.name:
        path = folder / block.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def type_in(line: str, folder: Path) -> tuple[int, str]:
    """The exit code and all output of a line."""
    words = shlex.split(line, comments=True)
    if words[0] in NOT_RUN:
        return 0, ""
    if words[0] == "torchrun":
        size, start = int(words[words.index("--nproc_per_node") + 1]), words.index("whet") + 1
        return max(on_ranks(size, main, words[start:])), ""
    if words[:2] in (["whet", "server"], ["whet", "serve"]):
        return _served(words[1:], folder)
    if words[0] == "whet":
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = main(words[1:])
        return code, out.getvalue().replace(str(folder), HOME)
    if words[0] == "python":
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, *words[1:]], cwd=folder, capture_output=True, text=True, env=environment)
        return done.returncode, done.stdout + done.stderr
    assert words[0] in PLAIN, f"`{words[0]}` is not a command that pages may use"
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def _served(words: list[str], folder: Path) -> tuple[int, str]:
    """Start a server on a free port, which lives until `stop_servers`, and name it to all later commands."""
    said = folder / f".served{len(_SERVERS)}"
    said.touch()
    process = Child(partial(_saying, said, [*words, "--port", "0"]))
    _SERVERS.append(process)
    num_lines = 2 if words[0] == "serve" else 1
    while len(lines := said.read_text().splitlines(keepends=True)) < num_lines or not lines[-1].endswith("\n"):
        assert process.poll() is None, f"`whet {' '.join(words)}` has ended"
        time.sleep(0.01)
    address = lines[0].strip()
    if words[0] == "serve":
        key = lines[1].strip()
        os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = address, key.removeprefix("key: ")
        return 0, f"{address}\n{key}"
    os.environ["WHET_SERVER"], _, os.environ["WHET_TOKEN"] = address.partition("/?token=")
    return 0, address


def _saying(said: Path, words: list[str]) -> int:
    """The whole life of a server: what it prints stands in a file."""
    with said.open("w", buffering=1) as sys.stdout:
        return main(words)


def stop_servers() -> None:
    """End the servers that a page has started."""
    for process in _SERVERS:
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:
            time.sleep(0.01)
        for name in ("WHET_SERVER", "WHET_TOKEN", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
            os.environ.pop(name, None)
    _SERVERS.clear()


def _tried(command: Command, folder: Path) -> list[str]:
    code, output = type_in(small(command.line), folder)
    if (code != 0) != command.fails:
        return [f"`{command.line}` exits with {code}:\n{output}"]
    if command.line.startswith(("torchrun", *NOT_RUN)):
        return []
    return [f"`{command.line}` does not show `{line}`:\n{output}" for line in missing(command.shown, output)]

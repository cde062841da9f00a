"""The server that plays an engine, as it is started."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from whet.generate.servers.wanted import Command

PLAY = Path(__file__).parent / "play.py"


def command_of(port: int, behaviour: str, folder: Path) -> Command:
    words = (sys.executable, "-S", str(PLAY), str(port), behaviour, str(folder))
    return Command(words, {"PLAY_KEY": "inner"}, secret="inner")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]

"""See what a page's commands print at full size, to write it down: `python -m tests.docs.replay docs/guides/x.md`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.docs.blocks import blocks, commands
from tests.docs.shell import stop_servers, type_in, write
from tests.docs.world import build
from tests.nursery import open_nursery

if __name__ == "__main__":
    open_nursery()
    pages = [Path(name).resolve() for name in sys.argv[1:]]
    for page in pages:
        with tempfile.TemporaryDirectory() as name:
            folder = build(Path(name).resolve())
            os.environ.update(WHET_CACHE=str(folder / ".cache"), COLUMNS="100", HF_HUB_OFFLINE="1")
            os.chdir(folder)
            for block in blocks(page):
                write(block, folder, block.text)
                for command in commands(block) if block.language == "console" else ():
                    code, output = type_in(command.line, folder)
                    print(f"\n$ {command.line}\n{output}[exit {code}]", flush=True)
            stop_servers()
            os.chdir("/")

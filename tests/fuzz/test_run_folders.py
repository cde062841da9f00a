"""Damaged run folders: every command that reads one goes on from what is whole, or says in one message what is not."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import random
import shutil
import socket
from pathlib import Path

import pytest

from tests.fuzz.tried import limited
from tests.tiny import config
from whet.base.config import from_mapping
from whet.cli.main import main
from whet.train.api import train
from whet.train.build import assemble

OTHER_JSON = (
    b"[]",
    b"null",
    b"{}",
    b"5",
    b'"x"',
    b"[" * 5000,
    b"1e999",
    b'{"step": "x"}',
    b"\xff\xfe\x00",
    b"9" * 5000,
)


class Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The folder of a run that was cut after step 4 of 6, with two checkpoints and the model of an earlier end."""
    root = tmp_path_factory.mktemp("fuzzed")
    sections = {"train": {"steps": 6, "checkpoint_every": 2}, "track": {"folder": str(root / "runs"), "sinks": ["log"]}}
    done, _ = train(from_mapping(config(root, name="done", **sections)))
    built = assemble(from_mapping(config(root, name="run", **sections)))
    built.loop.cadence = built.loop.cadence.__class__(1, 2, 100)
    for number in range(5):
        built.loop.advance(built.loop.source.next(number))
    built.close()
    shutil.copytree(done.model, built.folder.path / "model")
    (built.folder.path / "controls").write_text("checkpoint\n")
    (built.folder.path / "ledger.jsonl").write_text(
        '{"source": "rows", "row": 3, "action": "skipped", "reason": "empty", "detail": ""}\n'
    )
    return built.folder.path


def flip(path, rng):
    data = bytearray(path.read_bytes() or b"x")
    for _ in range(rng.choice((1, 1, 3, 40))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut(path, rng):
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size or 1)])


def empty(path, rng):
    path.write_bytes(b"")


def garbage(path, rng):
    path.write_bytes(rng.randbytes(rng.randrange(1, 500)))


def other_json(path, rng):
    path.write_bytes(rng.choice(OTHER_JSON))


def missing(path, rng):
    path.unlink()


def as_folder(path, rng):
    path.unlink()
    path.mkdir()


def pipe(path, rng):
    path.unlink()
    os.mkfifo(path)


def unix_socket(path, rng):
    path.unlink()
    with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(path.parent):  # its names are short
        bound.bind(path.name)


def loop(path, rng):
    path.unlink()
    path.symlink_to(path)


def evil(path, rng):
    path.write_bytes(pickle.dumps(Evil(_tmp(path) / "it-ran")))


def _tmp(path):
    """The test's own folder, above `runs/run/`."""
    return path.parents[list(path.parts[::-1]).index("runs")]


def another(path, rng):
    files = sorted(p for p in path.parents[1].rglob("*") if p.is_file() and p != path)
    path.write_bytes(rng.choice(files).read_bytes())


def wrong_values(path, rng):
    text = path.read_text(errors="replace")
    for old, new in rng.sample([("1", '"1"'), (": ", ": -"), ("0", "null"), ("{", "["), ('"', ""), ("true", "5")], 2):
        text = text.replace(old, new, rng.choice((1, -1)))
    path.write_text(text)


def parent_gone(path, rng):
    shutil.rmtree(path.parent)


WAYS = (
    flip, cut, empty, garbage, other_json, missing, as_folder, pipe, unix_socket, loop, evil, another, wrong_values,
    parent_gone,
)  # fmt: skip
COMMANDS = {
    "train": ["train", "{run}"],
    "show": ["show", "{run}"],
    "json": ["show", "{run}", "--json"],
    "runs": ["runs", "--root", "{root}"],
    "chat": ["chat", "{run}", "--prompt", "the quick", "--max-new-tokens", "2", "--device", "cpu"],
    "evaluate": ["evaluate", "{run}", "--task", "perplexity", "file={rows}", "--device", "cpu"],
    "export": ["export", "{run}", "--output", "{out}"],
}


@pytest.mark.case("D", "B1")
def test_damaged_run_folders_end_in_one_message_or_go_on(whole, tmp_path, tries):
    rng, evil_mark = random.Random(0), tmp_path / "it-ran"
    files = sorted(str(p.relative_to(whole)) for p in whole.rglob("*") if p.is_file())
    failures = []
    for number in range(tries(4, 200)):
        name, way = files[rng.randrange(len(files))], WAYS[number % len(WAYS)]
        is_of_model = name.startswith("model/")
        wanted = ("chat", "evaluate", "export") if is_of_model else ("show", "json", "runs", "train")
        for command in wanted if number % 5 == 0 else rng.sample(wanted, 1 if is_of_model else 2):
            run = tmp_path / "runs" / "run"
            shutil.rmtree(tmp_path / "runs", ignore_errors=True)
            shutil.copytree(whole, run)
            if (run / name).is_file():
                way(run / name, rng)
            if found := failure_of(command, run, tmp_path, whole):
                failures.append(f"{number}: {way.__name__} {name}, whet {command}: {found}")
    assert not evil_mark.exists()
    assert not failures, "\n".join(failures)


def failure_of(command: str, run: Path, folder: Path, whole: Path) -> str | None:
    """What is wrong with how a command ended, if anything is."""
    places = {"run": run, "root": run.parent, "rows": whole.parents[1] / "rows.jsonl", "out": folder / "exported"}
    shutil.rmtree(folder / "exported", ignore_errors=True)
    words = [word.format(**places) for word in COMMANDS[command]]
    out, err = io.StringIO(), io.StringIO()

    try:
        with limited(60), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):  # a loaded machine is slow
            code = main(words)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    text = err.getvalue()
    if "whet failed where it should not" in text or "Traceback" in text:
        return text[-600:]
    if code and ("error: " not in text or "hint: " not in text):
        return f"exit {code}, and no hint: {text[-400:]}"
    return None

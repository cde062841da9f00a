"""Plug-ins of somebody else, in a file that tests name: one that writes down what it hears, others that misbehave."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from whet.base.catalogue import follower
from whet.track.follow.plugin import Follower


class Diary(Follower):
    """A line for each thing heard, in `diary.jsonl` of the run."""

    def start(self, run, state):
        self.path = Path(run.folder, "diary.jsonl")
        self.say("start", run.name)

    def log(self, rows):
        for row in rows:
            if row.is_of_rank:
                self.say("step", row.step)

    def media(self, event):
        self.say("media", event.payload["name"])

    def event(self, event):
        self.say("event", event.kind)

    def finish(self, ending):
        self.say("finish", [ending.status, ending.reason])

    def say(self, kind, what):
        with self.path.open("a") as file:
            file.write(json.dumps([kind, what]) + "\n")


@follower("diary")
def diary():
    """Writes down what it hears."""
    return Diary()


class Bad(Follower):
    """Does what `how` says at the first step that it hears, `times` times."""

    def __init__(self, how, times):
        self.how, self.times = how, times

    def start(self, run, state):
        self.count = Path(run.folder, f"{self.how}.count")

    def log(self, rows):
        tries = int(self.count.read_text() or 0) if self.count.exists() else 0
        self.count.write_text(str(tries + 1))
        if tries >= self.times:
            return
        match self.how:
            case "raise":
                raise ValueError(f"it cannot be, says {os.environ.get('SOME_API_KEY')}")
            case "hang":
                time.sleep(1000)
            case "die":
                os.kill(os.getpid(), 9)
            case "exit":
                raise SystemExit("enough")


@follower("bad")
def bad(*, how: str, times: int = 1000):
    """Misbehaves.

    how: raise, hang, die or exit
    times: how often
    """
    return Bad(how, times)

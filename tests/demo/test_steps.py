"""The round: every stage is a command that can be typed, and what it leaves behind can be used by hand."""

from __future__ import annotations

import io
import json
import shlex
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from transformers import AutoModelForCausalLM, AutoTokenizer

from whet.base.config import load
from whet.base.errors import RunError
from whet.cli.main import main
from whet.demo.guide import Guide
from whet.demo.questions import Question
from whet.demo.report import show
from whet.demo.steps import NUM_PROMPTS, PROMPTS, Measured, Outcome, choose_prompts, steps_within, train
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import Summary
from whet.track.records import RunEnded, RunStarted, StepRecord
from whet.track.sinks.log import LogSink


@dataclass(frozen=True)
class Round:
    """The folder of a round, and what it wrote."""

    folder: Path
    out: str
    err: str

    def commands(self) -> list[list[str]]:
        return [shlex.split(line.removeprefix("$ ")) for line in self.err.splitlines() if line.startswith("$ ")]

    def perplexity(self, run: str) -> float:
        return json.loads((self.folder / f"{run}-loss.json").read_text())["figures"]["perplexity"]["value"]


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory: pytest.TempPathFactory) -> Round:
    folder, out, err = tmp_path_factory.mktemp("round") / "demo", io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert main(["demo", "--fast", "--folder", str(folder)]) == 0
    return Round(folder, out.getvalue(), err.getvalue())


def test_each_stage_shows_the_command_that_does_it(round_trip: Round) -> None:
    words = [command[:2] for command in round_trip.commands()]
    assert words == [
        ["whet", "tokenizer"],
        ["whet", "data"],
        ["whet", "train"],
        ["whet", "train"],
        ["whet", "evaluate"],
        ["whet", "train"],
        ["whet", "evaluate"],
        *[["whet", "chat"]] * NUM_PROMPTS,
    ]


def test_fine_tuning_lowers_the_perplexity_of_held_out_answers(round_trip: Round) -> None:
    blind = len(AutoTokenizer.from_pretrained(round_trip.folder / "tokenizer"))
    assert round_trip.perplexity("sft") < round_trip.perplexity("pretrain") < blind


def test_a_shown_command_gives_the_same_figure_when_typed(round_trip: Round, tmp_path: Path) -> None:
    measure = [command for command in round_trip.commands() if command[1] == "evaluate"][-1]
    assert main([*measure[1:-2], "--output", str(tmp_path / "again.json")]) == 0
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["figures"]["perplexity"]["value"] == pytest.approx(round_trip.perplexity("sft"), rel=1e-6)


def test_the_model_loads_with_transformers(round_trip: Round) -> None:
    model = AutoModelForCausalLM.from_pretrained(round_trip.folder / "runs" / "sft" / "model")
    assert model.config.model_type == "llama"


def test_the_configs_left_behind_can_be_run_again(round_trip: Round) -> None:
    for name in ("pretrain", "sft"):
        run = load(round_trip.folder / f"{name}.yaml").run
        assert (run.name, run.objective.kind) == (name, name)


def test_the_report_says_what_was_gained_and_what_to_type_next(round_trip: Round) -> None:
    for text in ("perplexity", "pre-trained", "fine-tuned", "whet chat", "whet show", str(round_trip.folder)):
        assert text in round_trip.out.replace("\n", "")


def report_of(before: float, after: float) -> str:
    out, run = io.StringIO(), Summary("sft", Path("demo/runs/sft"), "done", "", 1, 8, 8, 1.0, 0.0, 60.0, 9.0)
    measured = [Measured(perplexity, 0.1) for perplexity in (before, after)]
    show(Outcome(Path("demo"), 3.0, 2048, 570, *measured, run, run, []), Console(file=out, width=400))
    return out.getvalue()


def test_what_the_report_says_was_learned_follows_from_what_was_measured() -> None:
    enough, too_little, worse = report_of(113.0, 50.5), report_of(1500.0, 400.0), report_of(40.0, 50.5)
    assert "often the verb" in enough and "--minutes" not in enough
    for said in (too_little, worse):
        assert "often the verb" not in said and "whet demo --minutes 20 --folder demo-2" in said
    assert "127.0.0.1" not in enough and "open the address that it prints" in enough


def test_held_out_text_is_in_no_training_file(round_trip: Round) -> None:
    from whet.demo.corpus import HELD_OUT

    for name in ("corpus.jsonl", "questions.jsonl"):
        sources = [json.loads(line)["source"] for line in (round_trip.folder / name).read_text().splitlines()]
        assert sources
        assert not {source.replace("/", ".").partition(".")[0] for source in sources} & HELD_OUT


def test_an_existing_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--folder", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_no_minutes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--folder", str(tmp_path / "demo"), "--minutes", "0"]) == 2
    assert "--minutes" in capsys.readouterr().err


def test_a_stage_that_was_stopped_ends_the_demo_with_what_goes_on(tmp_path: Path) -> None:
    log = LogSink(EventLog(tmp_path / "runs" / "pretrain" / "track"))
    log.receive(RunStarted(0, total=10))
    log.receive(StepRecord(3, 10, {"loss": 1.0}, tokens=8, samples=1, seconds=1.0, peak_bytes=1))
    log.receive(RunEnded(3, "stopped", "asked to"))
    with pytest.raises(RunError, match="pretrain stopped at step 3 of 10") as caught:
        train(Guide(lambda words: 0, 1, 60.0), tmp_path, tmp_path / "pretrain.yaml", "pretrain")
    assert caught.value.hint == f"whet train {tmp_path / 'runs' / 'pretrain'}"


def test_steps_fill_the_time_and_are_never_none() -> None:
    assert steps_within(100.0, tokens_per_s=5000.0, batch_tokens=1000) == 500
    assert steps_within(-3.0, tokens_per_s=5000.0, batch_tokens=1000) > 0


def test_the_known_prompts_come_first_and_others_fill_up() -> None:
    others = [
        Question(f"csv.f{number}", f"What does `csv.f{number}` do?", "It does.", "csv.py:1") for number in range(5)
    ]
    known = Question(PROMPTS[1], f"What is `{PROMPTS[1]}`?", "It is.", "a.py:1")
    assert choose_prompts([*others, known]) == [known, *others[: NUM_PROMPTS - 1]]

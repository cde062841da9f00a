"""The round of the demo: corpus, tokenizer, inspection, pre-training, fine-tuning, measuring, answering."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whet.base.errors import RunError
from whet.base.units import figure
from whet.demo.configs import SMALL, TINY, Scale, pretrain_yaml, sft_yaml
from whet.demo.corpus import Library, read_library, write_corpus
from whet.demo.guide import Guide, RunCommand
from whet.demo.questions import Question, QuestionSet, make_questions, write_questions
from whet.track.reading.store import Summary, summarize

# Fine-tuning takes an epoch, but at most this share of the time left after the tokenizer; pre-training takes the rest.
# Four epochs would end worse than they began: perplexity 132 of held-out answers, after 54 with one (LOG.md).
FINETUNE_SHARE = 0.4
# Kept back for measuring and answering at the end.
KEPT_BACK_S = 20.0
FEWEST_STEPS = 8
LOOKED_AT = 512

FAST_MODULES = frozenset("csv fnmatch glob heapq json logging queue sched string tempfile textwrap".split())

# Asked at the end, as far as this Python documents them: functions and classes of held-out modules.
PROMPTS = (
    "shutil.copyfile",
    "configparser.NoSectionError",
    "zipfile.is_zipfile",
    "json.loads",
    "textwrap.TextWrapper",
    "heapq.merge",
)
NUM_PROMPTS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """A held-out question, what the library says, and what the model said."""

    question: str
    library: str
    model: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What `whet evaluate --task loss` found on held-out answers."""

    perplexity: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the round gave."""

    folder: Path
    minutes: float
    vocabulary: int
    held_out: int
    before: Measured
    after: Measured
    pretrain: Summary
    sft: Summary
    answers: Sequence[Answer]


def go_round(folder: Path, minutes: float, is_fast: bool, run_command: RunCommand) -> Outcome:
    """Go round the loop once inside `folder`, which must be new, in about `minutes`; `is_fast` takes seconds.

    `run_command` is the command line's `main`. Raises WhetError where a command fails.
    """
    _start(folder)
    scale = TINY if is_fast else SMALL
    guide = Guide(run_command, num_stages=7, budget_s=0.0 if is_fast else 60 * minutes)
    guide.stage("read the standard library: text and questions")
    questions = _read(guide, folder, FAST_MODULES if is_fast else None)
    guide.stage("train a tokenizer")
    texts = (folder / "corpus.jsonl", folder / "questions.jsonl")
    tokenizer = folder / "tokenizer"
    guide.command("tokenizer", "train", *texts, "--vocab-size", scale.vocabulary, "--chat", "--output", tokenizer)
    guide.stage("see which tokens of an answer are learned")
    epoch = _look(guide, folder, len(questions.train))
    guide.stage("pre-train a small decoder on the text")
    pretrain = _pretrain(guide, folder, scale, epoch)
    guide.stage("fine-tune it on the questions")
    before = _measure(guide, folder, "pretrain")
    sft = _finetune(guide, folder, scale, epoch)
    guide.stage("measure it on held-out questions again")
    after = _measure(guide, folder, "sft")
    guide.stage("ask about modules it has never seen")
    answers = [_ask(guide, folder, question) for question in choose_prompts(questions.held_out)]
    return Outcome(
        folder, guide.spent_s / 60, scale.vocabulary, len(questions.held_out), before, after, pretrain, sft, answers
    )


def _start(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise RunError(
            f"{folder} exists already", hint=f"whet demo --folder {folder}-2, or remove it: rm -r {folder}"
        ) from None
    except OSError as error:
        raise RunError(f"cannot make the folder {folder}: {error.strerror}", hint="choose another --folder") from None


def _read(guide: Guide, folder: Path, only: frozenset[str] | None) -> QuestionSet:
    library = read_library(only=only)
    questions = make_questions(library.modules)
    corpus = write_corpus(library.part(held_out=False), folder / "corpus.jsonl")
    write_questions(questions.train, folder / "questions.jsonl")
    write_questions(questions.held_out, folder / "held_out.jsonl")
    for line in _inventory(folder, library, corpus, questions):
        guide.say(line)
    return questions


def _inventory(folder: Path, library: Library, corpus: Counter[str], questions: QuestionSet) -> list[str]:
    """What lies in which file, and what was left out for which reason."""
    left_out = library.skipped + Counter({"files without a docstring": corpus["undocumented"]}) + questions.skipped
    return [
        f"from {library.folder}",
        f"{folder / 'corpus.jsonl'}: signatures and docstrings of {corpus['files']} files, "
        f"{figure(corpus['characters'])} characters",
        f"{folder / 'questions.jsonl'}: {len(questions.train):,} questions, answered by the docstring's first sentence",
        f"{folder / 'held_out.jsonl'}: {len(questions.held_out):,} questions about modules that neither file shows",
        "left out: " + ", ".join(f"{reason} ({count:,})" for reason, count in left_out.items()),
    ]


def _look(guide: Guide, folder: Path, num_questions: int) -> float:
    """Show a question as the model will see it; return how many tokens all of them have, judged by some."""
    command = ("data", "inspect", folder / "questions.jsonl", "--model", folder / "tokenizer")
    seen = guide.command(*command, "--rows", 1, "--limit", LOOKED_AT)
    counted = re.search(r"([\d,]+) samples, ([\d,]+) tokens", seen)
    assert counted, "`whet data inspect` counts samples and tokens"
    samples, tokens = (int(text.replace(",", "")) for text in counted.groups())
    return num_questions * tokens / samples


def _pretrain(guide: Guide, folder: Path, scale: Scale, epoch: float) -> Summary:
    """Measure the speed with a few steps, then train for as long as fine-tuning on `epoch` tokens leaves time."""
    config = folder / "pretrain.yaml"
    config.write_text(pretrain_yaml(folder, scale, steps=1))
    guide.say(f"{scale.probe_steps} steps first, to see how many fit into the time")
    speed = train(guide, folder, config, "speed", f"train.steps={scale.probe_steps}").tokens_per_s or 1.0
    left = guide.left_s - KEPT_BACK_S
    seconds = left - min(epoch / speed, FINETUNE_SHARE * left)
    config.write_text(pretrain_yaml(folder, scale, steps_within(seconds, speed, scale.pretrain_batch)))
    return train(guide, folder, config, "pretrain")


def _finetune(guide: Guide, folder: Path, scale: Scale, epoch: float) -> Summary:
    """Fine-tune for an epoch, or for what is left of the time at the speed of pre-training."""
    config = folder / "sft.yaml"
    speed = summarize(folder / "runs" / "pretrain").tokens_per_s or 1.0
    affordable = steps_within(guide.left_s - KEPT_BACK_S, speed, scale.sft_batch)
    config.write_text(sft_yaml(folder, scale, min(affordable, math.ceil(epoch / scale.sft_batch))))
    return train(guide, folder, config, "sft")


def train(guide: Guide, folder: Path, config: Path, run: str, *overrides: str) -> Summary:
    """Train to the end. Raises RunError when the run was stopped on the way: the demo stops with it."""
    named = (f"name={run}",) if overrides else ()
    guide.command("train", config, *named, *overrides)
    summary = summarize(folder / "runs" / run)
    if summary.step != summary.total:
        raise RunError(
            f"the demo ends here: {run} stopped at step {summary.step} of {summary.total}",
            hint=f"whet train {summary.folder}",
        )
    return summary


def steps_within(seconds: float, tokens_per_s: float, batch_tokens: int) -> int:
    return max(FEWEST_STEPS, int(seconds * tokens_per_s / batch_tokens))


def _measure(guide: Guide, folder: Path, run: str) -> Measured:
    model, held_out, output = folder / "runs" / run / "model", folder / "held_out.jsonl", folder / f"{run}-loss.json"
    guide.command("evaluate", model, "--task", "loss", "--file", held_out, "--output", output)
    figures = json.loads(output.read_text())["figures"]
    return Measured(figures["perplexity"]["value"], figures["accuracy"]["value"])


def _ask(guide: Guide, folder: Path, question: Question) -> Answer:
    model = folder / "runs" / "sft" / "model"
    reply = guide.command("chat", model, "--prompt", question.text, "--temperature", 0, "--max-new-tokens", 40)
    return Answer(question.text, question.answer, reply.strip())


def choose_prompts(held_out: Sequence[Question]) -> list[Question]:
    """The questions about PROMPTS that this Python's library answers, filled up with the first of the others."""
    known = {question.name: question for question in held_out}
    chosen = [known[name] for name in PROMPTS if name in known]
    return (chosen + [question for question in held_out if question not in chosen])[:NUM_PROMPTS]

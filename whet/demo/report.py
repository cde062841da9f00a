"""The table at the end: what was gained, where everything lies, and what to type next."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from whet.base.units import duration, figure
from whet.demo.steps import Outcome

# How many times surer than a blind guess a model is whose answers have their form; the demo's usual 3 minutes give 40.
FORMED = 20.0


def show(outcome: Outcome, console: Console | None = None) -> None:
    """Print the report on stdout."""
    (console or Console(highlight=False)).print(Group(Text(), *_parts(outcome)))


def _parts(outcome: Outcome) -> list[RenderableType]:
    return [_gain(outcome), Text(), _answers(outcome), Text(), _honest(outcome), Text(), _next(outcome)]


def _gain(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.held_out:,} answers about modules never trained on", title_justify="left")
    table.add_column("")
    for name in ("perplexity of a token", "tokens guessed right"):
        table.add_column(name, justify="right")
    table.add_row("blind guess", f"{outcome.vocabulary:,}", f"{100 / outcome.vocabulary:.2g} %")
    for name, found in (("pre-trained", outcome.before), ("fine-tuned", outcome.after)):
        table.add_row(name, figure(found.perplexity), f"{100 * found.accuracy:.3g} %")
    return table


def _answers(outcome: Outcome) -> Table:
    table = Table(title="what it says", title_justify="left", show_lines=True)
    for name in ("question", "the model", "the library"):
        table.add_column(name, overflow="fold")
    for answer in outcome.answers:
        table.add_row(Text(answer.question), Text(answer.model), Text(answer.library))
    return table


def _honest(outcome: Outcome) -> Text:
    """What was learned, as far as it was measured."""
    trained = duration(round(outcome.pretrain.duration_s + outcome.sft.duration_s))
    gain = outcome.vocabulary / outcome.after.perplexity
    learned = (
        f"It learned for {trained} on this machine, and is {figure(gain)} times surer of a token than a blind guess."
    )
    if gain >= FORMED and outcome.after.perplexity < outcome.before.perplexity:
        form = "That gives an answer its form and often the verb; facts take a larger model, more text and more time."
        return Text(f"{learned} {form}")
    again = f"whet demo --minutes 20 --folder {outcome.folder}-2"
    return Text(f"{learned} That was too little time for answers to take their form: {again}")


def _next(outcome: Outcome) -> Table:
    folder = outcome.folder
    run, model = folder / "runs" / "sft", folder / "runs" / "sft" / "model"
    grid = Table.grid(padding=(0, 3))
    for what, command in (
        ("talk to it", f"whet chat {model}"),
        ("see the curves", f"whet show {run}"),
        ("on a page", f"whet ui --root {folder / 'runs'}, then open the address that it prints"),
        ("read longer", f"whet train {folder / 'pretrain.yaml'} name=longer train.steps=20000"),
        ("change it", f"edit {folder / 'sft.yaml'}, then whet train {folder / 'sft.yaml'} name=mine"),
        ("the model", f"{model}  (safetensors, loads with transformers)"),
    ):
        grid.add_row(what, Text(command))
    return grid

"""The table at the end: what was gained, where everything lies, and what to type next."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from whet.base.units import duration, figure
from whet.demo.steps import Outcome


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
    trained = duration(round(outcome.pretrain.duration_s + outcome.sft.duration_s))
    return Text(
        f"It learned for {trained} on this machine. It has the form of an answer and often the verb; "
        "facts take a larger model, more text and more time."
    )


def _next(outcome: Outcome) -> Table:
    folder = outcome.folder
    run, model = folder / "runs" / "sft", folder / "runs" / "sft" / "model"
    grid = Table.grid(padding=(0, 3))
    for what, command in (
        ("talk to it", f"whet chat {model}"),
        ("see the curves", f"whet show {run}"),
        ("on a page", f"whet ui --root {folder / 'runs'}, at http://127.0.0.1:8100"),
        ("read longer", f"whet train {folder / 'pretrain.yaml'} name=longer train.steps=20000"),
        ("change it", f"edit {folder / 'sft.yaml'}, then whet train {folder / 'sft.yaml'} name=mine"),
        ("the model", f"{model}  (safetensors, loads with transformers)"),
    ):
        grid.add_row(what, Text(command))
    return grid

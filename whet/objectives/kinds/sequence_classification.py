"""Classification of texts, one class each or several, and regression."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import objective
from whet.base.settings import Momentum
from whet.contracts.objective import Objective, Traits


@objective(
    "sequence-classification",
    takes=("classified",),
    families=("causal", "masked"),
    settings={"attention=bidirectional": "objective.bidirectional"},
)
def sequence_classification(
    *,
    problem: Literal["single", "multi", "regression"] = "single",
    labels: tuple[str, ...] | None = None,
    label_smoothing: Momentum = 0.0,
    template: str | None = None,
    attention: Literal["causal", "bidirectional"] = "causal",
) -> Objective:
    """Learn the class of a text (`single`), all classes that hold (`multi`), or numbers (`regression`).

    problem: what a label is
    labels: names of the classes, in order; by default those of the training data, sorted
    label_smoothing: share of the target that goes to all classes alike (with `single`)
    template: makes one text of two, with {first} and {second}; by default the tokenizer joins them
    attention: `bidirectional` lets a decoder's tokens see what follows them
    """
    from whet.base.errors import ConfigError
    from whet.contracts.model import Head
    from whet.contracts.reading import Classes
    from whet.objectives.classes import SequenceClasses

    if label_smoothing and problem != "single":
        raise ConfigError(
            f"`label_smoothing` does nothing with `problem: {problem}`", at="objective.label_smoothing",
            hint="objective.label_smoothing=0",
        )  # fmt: skip
    if labels is not None and problem == "regression":
        raise ConfigError("numbers have no names", at="objective.labels", hint="objective.labels=null")
    if template is not None and not ("{first}" in template and "{second}" in template):
        raise ConfigError(
            "the template lacks {first} or {second}", at="objective.template", hint="template: '{first}\\n{second}'"
        )
    words = {"single": "single_label_classification", "multi": "multi_label_classification", "regression": "regression"}
    head = Head("sequence", None, words[problem], attention == "causal", _notes(template))
    reading = Classes(problem, labels, template, attention)
    return SequenceClasses(problem, Traits(reading=reading, head=head), label_smoothing)


def _notes(template: str | None) -> dict[str, str]:
    return {} if template is None else {"whet_template": template}

"""Process reward models: the chance that each step of a solution is right."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.contracts.objective import Objective, Traits


@objective("process-reward", takes=("stepwise",))
def process_reward(*, separator: str = "\n", last_only: bool = False) -> Objective:
    """Learn whether each step is right, at the token that closes it.

    separator: text after each step, whose last token has the label
    last_only: learn the last step of each row alone
    """
    from whet.base.errors import ConfigError
    from whet.contracts.model import Head
    from whet.contracts.reading import Steps
    from whet.objectives.classes import StepClasses

    if not separator:
        raise ConfigError("a step needs something that closes it", at="objective.separator", hint="separator: '\\n'")
    head = Head("token", ("wrong", "right"), notes={"whet_separator": separator})
    return StepClasses(Traits(reading=Steps(separator, last_only), head=head))

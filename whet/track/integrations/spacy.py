"""spaCy: `[training.logger] @loggers = "whet.Track.v1"` once this is imported (`spacy train --code`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spacy import registry

from whet.track.integrations.joining import joined, numbers

Logged = Callable[[dict[str, Any] | None], None]


@registry.loggers("whet.Track.v1")
def logger(project: str | None = None, name: str | None = None) -> Callable[..., tuple[Logged, Callable[[], None]]]:
    """Records losses (`loss/...`) and scores of each evaluation, at its step, and the pipeline's config."""

    def setup(nlp: Any, stdout: Any = None, stderr: Any = None) -> tuple[Logged, Callable[[], None]]:
        run = joined({"project": project, "name": name}, nlp.config.interpolate())

        def log_step(info: dict[str, Any] | None) -> None:
            if info is not None:
                told = {**numbers(info["losses"], "loss/"), **numbers(info["other_scores"]), "score": info["score"]}
                run.log(numbers(told), step=info["step"])

        return log_step, run.finish

    return setup

"""What a language model, behind an OpenAI-compatible server or in this process, thinks of a reply."""

from __future__ import annotations

from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.base.settings import Count, Natural, Place, Positive
from whet.contracts.rewards import Reward


@reward("judge", model="path")
def judge(
    *,
    url: str = "",
    path: Place | None = None,
    model: str | None = None,
    device: str = "auto",
    rubric: str = "Judge how correct, complete and helpful the reply is.",
    low: float = 0.0,
    high: float = 10.0,
    tries: Count = 2,
    max_new_tokens: Count = 1024,
    key_env: str = "OPENAI_API_KEY",
    timeout_s: Positive = 120.0,
    retries: Natural = 4,
) -> Reward:
    """The score that a judge model gives, from 0 (`low`) to 1 (`high`); it sees the row's `answer` where there is one.

    url: an OpenAI-compatible server with its version, such as https://api.openai.com/v1
    path: instead of a server a model in this process: its folder, its run, the run's name, or a hub id
    model: the judge's name at a server; the only one that it serves by default
    device: of a model in this process: cpu, cuda, cuda:1; a GPU where there is one by default
    rubric: what to judge by, or a file with it (.txt, .md)
    low: the worst score of the scale that the judge is asked for
    high: the best one
    tries: how often it is asked until it gives a score
    max_new_tokens: tokens that a verdict may have
    key_env: environment variable that holds the key
    timeout_s: seconds without an answer before a request is given up
    retries: how often a request is made again that failed in a way that may pass
    """
    from whet.rewards.judging import Judge, of_path, of_url, read_rubric

    if low >= high:
        raise ConfigError(f"a scale from {low:g} to {high:g} has no room", hint="low: 0, high: 10")
    if bool(url) == bool(path):
        given = "both are" if url else "neither is"
        said = f"a judge is asked at `url` or loaded from `path`, and {given} given"
        raise ConfigError(said, hint="url=http://127.0.0.1:8000/v1, or path=runs/judge")
    engine = of_path(path, device) if path else of_url(url, model, key_env, timeout_s, retries)
    return Judge(engine, read_rubric(rubric), low, high, tries, max_new_tokens)

"""What a language model behind an OpenAI-compatible server thinks of a reply."""

from __future__ import annotations

from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.base.settings import Count, Natural, Positive
from whet.contracts.rewards import Reward


@reward("judge")
def judge(
    *,
    url: str,
    model: str | None = None,
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
    model: the judge's name there; the only one that it serves by default
    rubric: what to judge by, or a file with it (.txt, .md)
    low: the worst score of the scale that the judge is asked for
    high: the best one
    tries: how often it is asked until it gives a score
    max_new_tokens: tokens that a verdict may have
    key_env: environment variable that holds the key
    timeout_s: seconds without an answer before a request is given up
    retries: how often a request is made again that failed in a way that may pass
    """
    from whet.generate.http import Endpoint
    from whet.generate.openai_api import Remote, served_model
    from whet.rewards.judging import Judge, read_rubric

    if low >= high:
        raise ConfigError(f"a scale from {low:g} to {high:g} has no room", hint="low: 0, high: 10")
    endpoint = Endpoint(url, key_env=key_env, timeout_s=timeout_s, retries=retries)
    engine = Remote(endpoint, served_model(endpoint, model), concurrency=1)
    return Judge(engine, read_rubric(rubric), low, high, tries, max_new_tokens)

"""Any OpenAI-compatible server as an engine: requests from our settings, completions from its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from whet.base.errors import ConfigError, RunError
from whet.base.seeds import derive
from whet.base.threads import Threads
from whet.generate.http import Endpoint
from whet.generate.prompts import prompt_ids
from whet.generate.protocol import Completion, Finish, GenerateSettings, Piece, Prompt, Token

Dialect = Literal["openai", "vllm"]
# What log-probabilities a vLLM server tells: of the model's own distribution, or of what the token was drawn from.
Told = Literal["raw", "processed"]
_BEYOND = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}  # what OpenAI's own servers do not know


@dataclass(frozen=True, slots=True)
class Remote:
    """An engine behind HTTP (contract: `whet.generate.protocol.Engine`).

    With a `tokenizer`, prompts are rendered here and sent as token ids, so that server and trainer cannot differ about
    a template. Of the dialect `vllm` ids and log-probabilities of tokens come back exactly; of `openai` an answer has
    no ids (`tokens` is empty), for a server's texts of tokens do not determine them.
    """

    endpoint: Endpoint
    model: str
    dialect: Dialect = "openai"
    tokenizer: Any = None
    concurrency: int = 16
    extra: Mapping[str, Any] = field(default_factory=dict)
    told: Told = "raw"

    def complete(
        self, prompts: Sequence[Prompt], settings: GenerateSettings, numbers: Sequence[int] | None = None
    ) -> list[Completion]:
        """One answer a prompt, asked for side by side. The first that fails for good ends all."""
        threads = Threads(min(self.concurrency, max(len(prompts), 1)), "whet-ask")
        numbered = zip(range(len(prompts)) if numbers is None else numbers, prompts, strict=True)
        try:
            asked = [threads.submit(self._one, number, prompt, settings) for number, prompt in numbered]
            return [future.result() for future in asked]
        finally:
            threads.close()

    def stream(self, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
        path, body = self._request(0, prompt, settings)
        finish: Finish | None = None
        for event in self.endpoint.stream(path, {**body, "stream": True}):
            choice = (event.get("choices") or [{}])[0]
            text = choice.get("text") or (choice.get("delta") or {}).get("content") or ""
            finish = _finish(choice.get("finish_reason")) or finish
            if text:
                yield Piece(text)
        yield Piece("", None, finish or "stop")

    def _one(self, number: int, prompt: Prompt, settings: GenerateSettings) -> Completion:
        path, body = self._request(number, prompt, settings)
        answer = self.endpoint.post(path, body)
        try:
            choice = answer["choices"][0]
            text = choice["text"] if "text" in choice else choice["message"].get("content") or ""
            finish = _finish(choice.get("finish_reason")) or "stop"
            usage = answer.get("usage") or {}
            prompt_tokens = usage.get("prompt_tokens") or len(body.get("prompt", ()))
            tokens = self._tokens(choice, settings)
            return Completion(
                text, tokens, finish, prompt_tokens, temperature_told(self.told, settings),
                num_answer_tokens=None if tokens else usage.get("completion_tokens"),
            )  # fmt: skip
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            reason = f"{self.endpoint.url}{path} answered without {error}: {str(answer)[:200]}"
            raise RunError(reason, hint="is it an OpenAI-compatible server?") from None

    def _request(self, number: int, prompt: Prompt, settings: GenerateSettings) -> tuple[str, dict[str, Any]]:
        """The path to post to, and the body."""
        is_chat = self.tokenizer is None and not isinstance(prompt, str) and not _are_ids(prompt)
        body: dict[str, Any] = {"model": self.model, **self._sampling(number, settings, is_chat), **self.extra}
        if is_chat:
            return "/chat/completions", {**body, "messages": [dict(message) for message in prompt]}  # type: ignore[arg-type]
        text: Any = prompt
        if self.tokenizer is not None or _are_ids(prompt):
            text = prompt_ids(self.tokenizer, prompt)
        return "/completions", {**body, "prompt": text}

    def _sampling(self, number: int, settings: GenerateSettings, is_chat: bool) -> dict[str, Any]:
        beyond = {name: getattr(settings, name) for name, plain in _BEYOND.items() if getattr(settings, name) != plain}
        if beyond and self.dialect == "openai":
            raise ConfigError(f"OpenAI's API knows no `{next(iter(beyond))}`", hint="dialect: vllm, if the server does")
        length = "max_completion_tokens" if is_chat and self.dialect == "openai" else "max_tokens"
        wanted: dict[str, Any] = {
            length: settings.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "seed": derive("remote", settings.seed, number) % 2**31,
            **beyond,
        }
        if settings.stop:
            wanted["stop"] = list(settings.stop)
        if settings.logprobs or settings.top_logprobs:
            top = settings.top_logprobs
            wanted |= {"logprobs": True, "top_logprobs": top} if is_chat else {"logprobs": top}
        if self.dialect == "vllm":
            wanted |= {"return_token_ids": True, "return_tokens_as_token_ids": True}
        return wanted

    def _tokens(self, choice: Mapping[str, Any], settings: GenerateSettings) -> tuple[Token, ...]:
        """Tokens whose ids the server tells; none where it tells only texts."""
        ids = choice.get("token_ids")
        if ids is None:
            return ()
        wants = settings.logprobs or settings.top_logprobs
        facts = _logprobs(choice.get("logprobs") or {}) if wants else [(None, ())] * len(ids)
        if len(facts) != len(ids):
            raise RunError(
                f"{self.endpoint.url} told log-probabilities of {len(facts)} tokens and ids of {len(ids)}",
                hint="a newer server may tell both",
            )
        return tuple(Token(token_id, logprob, top) for token_id, (logprob, top) in zip(ids, facts, strict=True))


def temperature_told(told: Told, settings: GenerateSettings) -> float | None:
    """The temperature at which log-probabilities are that come with these settings; None behind filters."""
    if told == "raw":
        return 1.0
    is_plain = settings.top_p == 1 and all(getattr(settings, name) == plain for name, plain in _BEYOND.items())
    return (settings.temperature or 1.0) if is_plain else None


Facts = tuple[float | None, tuple[tuple[int, float], ...]]


def _logprobs(told: Mapping[str, Any]) -> list[Facts]:
    """Log-probabilities of each token and of alternatives, of either endpoint's form."""
    if told.get("content") is not None:
        return [
            (entry["logprob"], tuple((_id(t["token"]), t["logprob"]) for t in entry.get("top_logprobs") or ()))
            for entry in told["content"]
        ]
    tops = told.get("top_logprobs") or [None] * len(told.get("token_logprobs") or ())
    return [
        (value, tuple((_id(name), logprob) for name, logprob in (top or {}).items()))
        for value, top in zip(told.get("token_logprobs") or (), tops, strict=True)
    ]


def _id(token: str) -> int:
    """The id in vLLM's `token_id:123`; -1 where a server gives a text."""
    return int(token.removeprefix("token_id:")) if token.startswith("token_id:") else -1


def _finish(reason: str | None) -> Finish | None:
    return None if reason is None else "length" if reason == "length" else "stop"


def _are_ids(prompt: Prompt) -> bool:
    return not isinstance(prompt, str) and len(prompt) > 0 and all(isinstance(token, int) for token in prompt)


def served_model(endpoint: Endpoint, model: str | None) -> str:
    """The model to ask for: the given one, else the only one that the server has. Raises ConfigError."""
    if model is not None:
        return model
    names = [entry["id"] for entry in (endpoint.get("/models") or {}).get("data", ())]
    if len(names) != 1:
        listed = ", ".join(names[:8]) or "none"
        raise ConfigError(
            f"{endpoint.url} serves {len(names)} models ({listed})",
            hint=f"name one: `model: {names[0] if names else 'Qwen/Qwen3-0.6B'}`",
        )
    return names[0]

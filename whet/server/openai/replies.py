"""What answers look like on the wire: choices, log-probabilities, usage, and the events of a stream."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from fastapi.responses import Response

from whet.generate.protocol import Token
from whet.generate.serving.request import Handle
from whet.server.openai.refused import refusal_of
from whet.server.openai.token_texts import TokenTexts
from whet.track.script.plain import to_json

DONE = b"data: [DONE]\n\n"
# JSON has no infinity; OpenAI says this of a token that cannot come.
_NEVER = -9999.0


def answer(body: Any) -> Response:
    """JSON, also of half a surrogate pair."""
    return Response(to_json(body), media_type="application/json")


def head(kind: str, prefix: str, model: str) -> dict[str, Any]:
    """The members that an answer and all its chunks have in common."""
    return {"id": f"{prefix}-{secrets.token_hex(12)}", "object": kind, "created": int(time.time()), "model": model}


def usage(handles: Sequence[Handle], n: int, *, generated: int | None = None) -> dict[str, Any]:
    """Tokens of the prompts, each once though it has `n` answers, and of the answers."""
    firsts = handles[::n]
    num_prompt = sum(len(handle.request.ids) for handle in firsts)
    if generated is None:
        generated = sum(len(one.completion.tokens) for one in handles if one.completion is not None)
    cached = sum(handle.num_cached for handle in firsts)
    return {
        "prompt_tokens": num_prompt, "completion_tokens": generated, "total_tokens": num_prompt + generated,
        "prompt_tokens_details": {"cached_tokens": cached},
    }  # fmt: skip


async def events(chunks: AsyncGenerator[dict[str, Any], None], left: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    """Chunks as server-sent events. One that fails is told as an event too: the answer's head has gone out.

    `left` is called at the end, also where the client goes before.
    """
    try:
        async with aclosing(chunks) as all_of_them:
            async for chunk in all_of_them:
                yield event(chunk)
    except Exception as error:
        yield event(refusal_of(error).body())
        return
    finally:
        left()
    yield DONE


async def named_events(
    told: AsyncGenerator[dict[str, Any], None], left: Callable[[], None]
) -> AsyncGenerator[bytes, None]:
    """The same with the name of each event, which its `type` is, before it."""
    try:
        async with aclosing(told) as all_of_them:
            async for one in all_of_them:
                yield named_event(one)
    except Exception as error:
        yield named_event(refusal_of(error).body())
    finally:
        left()


def named_event(body: dict[str, Any]) -> bytes:
    """With the name of it, which its `type` is."""
    return b"event: %s\ndata: %s\n\n" % (body["type"].encode(), written(body))


def event(body: Any) -> bytes:
    return b"data: %s\n\n" % written(body)


def written(body: dict[str, Any]) -> bytes:
    """As `to_json` has it, which looks through what is JSON already before it writes it: a fifth of a token's way."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):  # an infinite number, or half a surrogate pair
        return to_json(body)


def chat_logprobs(texts: TokenTexts, tokens: Sequence[Token]) -> dict[str, Any]:
    """Log-probabilities as chats have them."""
    content = [
        {**_told(texts, token.id, token.logprob), "top_logprobs": [_told(texts, i, p) for i, p in token.top]}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _told(texts: TokenTexts, token_id: int, logprob: float | None) -> dict[str, Any]:
    return {"token": texts.text(token_id), "logprob": _finite(logprob), "bytes": list(texts.bytes(token_id))}


def completion_logprobs(texts: TokenTexts, tokens: Sequence[Token], top: int, offset: int) -> dict[str, Any]:
    """Log-probabilities as completions have them, of tokens that begin behind so many letters. A token that is told
    comes first, whatever it is written like."""
    words, offsets = [], []
    for token in tokens:
        words.append(texts.text(token.id))
        offsets.append(offset)
        offset += len(words[-1])
    return {
        "tokens": words,
        "token_logprobs": [_finite(token.logprob) for token in tokens],
        "top_logprobs": [_best(texts, token) for token in tokens] if top else None,
        "text_offset": offsets,
    }


def _best(texts: TokenTexts, token: Token) -> dict[str, float] | None:
    """The likeliest by their texts, and the token itself. Of two with the same text the likelier one is told."""
    if token.logprob is None:
        return None
    found: dict[str, float] = {}
    for one, logprob in (*token.top, (token.id, token.logprob)):
        found.setdefault(texts.text(one), max(logprob, _NEVER))
    return found


def _finite(logprob: float | None) -> float | None:
    return None if logprob is None else max(logprob, _NEVER)

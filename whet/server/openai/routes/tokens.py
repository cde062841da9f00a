"""`/tokenize`, `/detokenize`: texts and conversations as the model's tokens, and back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from whet.server.openai.asking import messages_of
from whet.server.openai.refused import Refused
from whet.server.openai.service import Given, readable
from whet.server.openai.wire import Detokenize, Tokenize

router = APIRouter(tags=["tokens"])


@router.post("/tokenize")
def tokenize(body: Tokenize, service: Given) -> dict[str, Any]:
    """Token ids of a `prompt`, or of `messages` as the model reads them."""
    service.adapter(body.model)
    if (body.prompt is None) == (body.messages is None):
        raise Refused("give a `prompt` or `messages`", param="prompt", code="missing_required_parameter")
    with readable("prompt" if body.messages is None else "messages"):
        if body.messages is not None:
            text = service.chat_text(messages_of(body.messages))
            ids = service.tokenizer.encode(text, add_special_tokens=False)
        else:
            ids = service.tokenizer.encode(body.prompt, add_special_tokens=body.add_special_tokens)
    return {"tokens": ids, "count": len(ids), "max_model_len": service.context}


@router.post("/detokenize")
def detokenize(body: Detokenize, service: Given) -> dict[str, Any]:
    """The text of token ids."""
    service.adapter(body.model)
    return {"prompt": service.tokenizer.decode(service.checked(body.tokens, "tokens"))}

"""`/tokenize`, `/detokenize`, `/tokenizer_info`: texts and conversations as the model's tokens, and back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from whet.server.openai.asking import exchange_of, prompt_of
from whet.server.openai.fitting import check_length
from whet.server.openai.refused import Refused
from whet.server.openai.service import Given, readable
from whet.server.openai.wire import Detokenize, Tokenize

router = APIRouter(tags=["tokens"])


@router.post("/tokenize")
def tokenize(body: Tokenize, service: Given) -> dict[str, Any]:
    """Token ids of a `prompt`, or of `messages` (with `tools`) as the model reads them; and their texts, if asked."""
    service.adapter(body.model)
    if (body.prompt is None) == (body.messages is None):
        raise Refused("give a `prompt` or `messages`", param="prompt", code="missing_required_parameter")
    if body.prompt is None:
        ids = prompt_of(service, exchange_of(service, body.tools), body.messages or [], "messages")
    else:
        with readable("prompt"):
            check_length(service, [body.prompt], "prompt")
            ids = service.tokenizer.encode(body.prompt, add_special_tokens=body.add_special_tokens)
    told = {"token_strs": [service.texts.text(token) for token in ids]} if body.return_token_strs else {}
    return {"tokens": ids, "count": len(ids), "max_model_len": service.context, **told}


@router.post("/detokenize")
def detokenize(body: Detokenize, service: Given) -> dict[str, Any]:
    """The text of token ids."""
    service.adapter(body.model)
    return {"prompt": service.tokenizer.decode(service.checked(body.tokens, "tokens"))}


@router.get("/tokenizer_info")
def tokenizer_info(service: Given) -> dict[str, Any]:
    """What a tokenizer's config says, as vLLM tells it: with it lm-evaluation-harness needs no tokenizer of its own."""
    names = ("bos_token", "eos_token", "pad_token", "unk_token", "chat_template")
    told = {name: getattr(service.tokenizer, name, None) for name in names}
    return {"tokenizer_class": type(service.tokenizer).__name__, "model_max_length": service.context, **told}

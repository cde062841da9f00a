"""Requests of tests, and batchers in which they wait."""

from __future__ import annotations

from tests.generate import tiny
from tests.generate.test_decode import GREEDY
from whet.generate.prompts import stop_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.batcher import Batcher
from whet.generate.serving.entry import Entry
from whet.generate.serving.request import Handle, Limits, Request
from whet.models.decoding import together
from whet.models.forward import attention

ONE = GenerateSettings(max_new_tokens=1)


def ids_of(text: str) -> list[int]:
    return tiny.tokenizer().encode(text)


def asked(text: str, settings: GenerateSettings = GREEDY, **more) -> Request:
    return Request(ids=ids_of(text), settings=settings, **more)


def batcher_of(module, texts, settings=GREEDY, processors=None, kind=together.Together, **limits):
    """A batcher where all of these wait, and their handles."""
    attention.register()
    module.set_attn_implementation(attention.NAME)
    limits = {"cache_tokens": 4096, **limits}
    batcher = Batcher(kind(module, 0, limits["cache_tokens"]), Limits(**limits))
    handles = [Handle(asked(text, settings, processors=(processors or {}).get(i, ()))) for i, text in enumerate(texts)]
    for handle in handles:
        batcher.add(Entry(handle, tiny.tokenizer(), stop_ids(module, tiny.tokenizer()), 128))
    return batcher, handles


def stepped(batcher):
    """Step to the end, as the engine does. Gives how many steps failed."""
    failed = 0
    for _ in range(400):
        if not batcher.is_busy:
            return failed
        try:
            batcher.step()
        except Exception as error:
            failed += 1
            batcher.fail(error)
    raise AssertionError("it does not end")


def told_of(handle):
    """The ids that an answer has come to, or what it failed with."""
    try:
        return [piece.token.id for piece in handle.pieces()]
    except RuntimeError as error:
        return str(error)

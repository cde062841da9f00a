"""A trained reward model that scores replies in this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from whet.base.errors import ModelError
from whet.contracts.rewards import Message
from whet.contracts.sample import Sample
from whet.rewards.answer import Row, after_thinking

BATCH_TOKENS = 16_384


class ModelReward:
    """The score of the conversation's last token, as the objective `reward` trains it; thinking aside.

    The prompt's messages and the reply are rendered with the model's own chat template.
    """

    runs_in: ClassVar[str] = "here"

    def __init__(self, path: str, device: str) -> None:
        from whet.generate.models import pick_device, pick_dtype
        from whet.models.loading.find import find_model

        found = find_model(path)
        _check_head(found)
        self._loaded = _load(found, pick_device(device), pick_dtype("auto", found, pick_device(device)))
        self._lock = threading.Lock()

    def __call__(self, prompt: Sequence[Message], completions: Sequence[str], row: Row) -> list[float]:
        from whet.data.chat.template import chat_template

        tokenizer: Any = self._loaded.processor
        template = chat_template(tokenizer)
        replies = [{"role": "assistant", "content": after_thinking(text).strip()} for text in completions]
        texts = [template.render([*map(dict, prompt), reply]) for reply in replies]
        ids = [np.array(tokenizer.encode(text, add_special_tokens=False), np.int32) for text in texts]
        context = self._loaded.capabilities.context
        for tokens in ids:
            if context is not None and len(tokens) > context:
                raise ModelError(
                    f"a reply with its prompt has {len(tokens):,} tokens, the reward model takes {context:,}",
                    hint="rollout.max_new_tokens with a smaller number",
                )
        with self._lock:
            return [score for batch in _batches(ids) for score in self._scores(batch)]

    def _scores(self, ids: Sequence[np.ndarray]) -> list[float]:
        import torch

        from whet.data.order.collate import collate

        samples = [Sample(tokens, np.zeros(len(tokens), np.float32)) for tokens in ids]
        device = next(self._loaded.module.parameters()).device
        with torch.no_grad():
            found = self._loaded.model.run(collate(samples, trained=False).to(device), frozenset({"scores"}))
        return found["scores"][:, 0].tolist()


def _load(path: str, device: Any, dtype: Any) -> Any:
    from whet.base.catalogue import model_source
    from whet.contracts.model import Head
    from whet.models.loading.context import BuildContext
    from whet.models.loading.fill import filled

    context = BuildContext(dtype=dtype, head=Head("sequence", labels=("",)))
    loaded = filled(model_source.usual().build(context, path=path), device)
    if loaded.processor is None:
        raise ModelError(f"{path} holds no tokenizer", hint="copy the tokenizer's files into the model's folder")
    loaded.module.eval()
    return loaded


def _check_head(path: str) -> None:
    """A language model would get a head of random numbers."""
    import json

    from whet.models.forward.heads import beside
    from whet.models.tuning.adapter_files import is_adapter

    if is_adapter(path):
        head = beside(path)
        if head is None or head.kind != "sequence":
            raise ModelError(
                f"{path} is an adapter without a head that scores", hint="train one with `objective: reward`"
            )
        return
    file = Path(path) / "config.json"
    if not file.is_file():
        return  # of a hub's id the weights' own check speaks
    names = json.loads(file.read_text(encoding="utf-8")).get("architectures") or []
    if not any(name.endswith("ForSequenceClassification") for name in names):
        raise ModelError(
            f"{path} is no reward model: it holds {', '.join(names) or 'no architecture'}",
            hint="train one with `objective: reward`",
        )


def _batches(ids: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    batches: list[list[np.ndarray]] = []
    for tokens in ids:
        if batches and sum(map(len, batches[-1])) + len(tokens) <= BATCH_TOKENS:
            batches[-1].append(tokens)
        else:
            batches.append([tokens])
    return batches

"""What MLflow loads an exported package with: text in, text out. It is copied into the package, and needs no whet.

`mlflow.pyfunc.load_model` calls `_load_pyfunc` with the folder of the model. Weights are safetensors and the rest JSON:
nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

BATCH = 8


class TextModel:
    """A model that answers texts: it generates where it can, else it says the likeliest label."""

    def __init__(self, folder: Path) -> None:
        import torch
        import transformers
        from transformers import AutoConfig, AutoTokenizer

        config = AutoConfig.from_pretrained(folder)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
        kind: Any = getattr(transformers, config.architectures[0])
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.float32 if device == "cpu" else config.dtype
        self.model: Any = kind.from_pretrained(folder, dtype=dtype, use_safetensors=True).eval().to(device)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> list[str]:
        """An answer for each text: a list of texts, one text, or a table whose first column has them.

        `params`: `max_new_tokens` (256) and `temperature` (0, which is greedy). With a chat template a text is what the
        user says; without one it is gone on with.
        """
        import torch

        texts, given = _texts(model_input), dict(params or {})
        answer = self._generated if self.model.can_generate() else self._labelled
        with torch.no_grad():
            return [said for part in _batches(texts) for said in answer(part, given)]

    def _generated(self, texts: list[str], given: Mapping[str, Any]) -> Iterable[str]:
        has_template = bool(self.tokenizer.chat_template) and not self.model.config.is_encoder_decoder
        if has_template:
            turns = [[{"role": "user", "content": text}] for text in texts]
            texts = [self.tokenizer.apply_chat_template(t, tokenize=False, add_generation_prompt=True) for t in turns]
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        asked = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=not has_template)
        asked = {name: asked[name].to(self.model.device) for name in ("input_ids", "attention_mask")}
        temperature = float(given.get("temperature", 0.0))
        how: dict[str, Any] = {"temperature": temperature} if temperature else {}
        num_tokens = int(given.get("max_new_tokens", 256))
        ids = self.model.generate(
            **asked,
            max_new_tokens=num_tokens,
            do_sample=bool(temperature),
            pad_token_id=self.tokenizer.pad_token_id,
            **how,
        )
        start = 0 if self.model.config.is_encoder_decoder else asked["input_ids"].shape[1]
        return self.tokenizer.batch_decode(ids[:, start:], skip_special_tokens=True)

    def _labelled(self, texts: list[str], given: Mapping[str, Any]) -> Iterable[str]:
        asked = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True).to(self.model.device)
        asked.pop("token_type_ids", None)
        found = self.model(**asked).logits.argmax(-1).tolist()
        return [self.model.config.id2label[place] for place in found]


def _texts(given: Any) -> list[str]:
    """The texts of a list, of one text, or of the first column of a pandas table."""
    if isinstance(given, str):
        return [given]
    columns = getattr(given, "iloc", None)
    return [str(text) for text in (given if columns is None else columns[:, 0].tolist())]


def _batches(texts: list[str]) -> Iterable[list[str]]:
    for start in range(0, len(texts), BATCH):
        yield texts[start : start + BATCH]


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> TextModel:
    """What MLflow asks for by this name."""
    return TextModel(Path(path))

"""Classes: what builds a language model of each family, or a model with each head, and what others call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
)

Family = Literal["causal", "masked", "seq2seq"]
Kind = Literal["sequence", "token", "none"]


@dataclass(frozen=True, slots=True)
class Class:
    """What builds and loads a kind of model: `auto` of transformers, for configs whose type is in `configs`.

    `purpose` is what the hub calls its use, `task` what PEFT calls it, and `adapted` PEFT's class that loads an adapter
    with its base; None where PEFT has none.
    """

    auto: Any
    configs: Any
    purpose: str
    task: str | None
    adapted: str | None

    @property
    def ending(self) -> str:
        """How the names of its architectures end, such as ForTokenClassification."""
        return self.auto.__name__.removeprefix("AutoModel")


LANGUAGE: dict[Family, Class] = {
    "causal": Class(
        AutoModelForCausalLM, MODEL_FOR_CAUSAL_LM_MAPPING,
        "text-generation", "CAUSAL_LM", "AutoPeftModelForCausalLM",
    ),
    "masked": Class(AutoModelForMaskedLM, MODEL_FOR_MASKED_LM_MAPPING, "fill-mask", None, None),
    "seq2seq": Class(
        AutoModelForSeq2SeqLM, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
        "text2text-generation", "SEQ_2_SEQ_LM", "AutoPeftModelForSeq2SeqLM",
    ),
}  # fmt: skip
HEADED: dict[Kind, Class] = {
    "sequence": Class(
        AutoModelForSequenceClassification, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
        "text-classification", "SEQ_CLS", "AutoPeftModelForSequenceClassification",
    ),
    "token": Class(
        AutoModelForTokenClassification, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
        "token-classification", "TOKEN_CLS", "AutoPeftModelForTokenClassification",
    ),
    "none": Class(
        AutoModel, MODEL_MAPPING,
        "feature-extraction", "FEATURE_EXTRACTION", "AutoPeftModelForFeatureExtraction",
    ),
}  # fmt: skip

"""A folder that transformers, vLLM and SGLang load: safetensors, config, tokenizer, chat template, card."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import exporter
from whet.export.sizes import Size, parse_size

if TYPE_CHECKING:
    from whet.export.report import Report
    from whet.export.source import Source


@exporter("hf")
def hf(
    source: Source,
    output: Path,
    *,
    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    shard_size: Size = "5GB",
) -> Report:
    """A transformers folder: safetensors, config, tokenizer, chat template, card.

    dtype: cast the weights; by default they stay as they are
    shard_size: largest file, such as 500MB
    """
    from whet.export.report import compare
    from whet.export.writing import DTYPES, write_model
    from whet.models.sentence_transformers import is_sentence, read_sentence, write_sentence

    module: Any = source.module
    made_by = Path(str(getattr(module, "name_or_path", "")))
    beside = None
    if is_sentence(made_by):
        beside = partial(write_sentence, embedder=read_sentence(made_by), config=module.config)
    report = write_model(
        output,
        module,
        module.config,
        source.tokenizer,
        generation_config=getattr(module, "generation_config", None),
        card=source.card,
        dtype=DTYPES.get(dtype, source.dtype),
        shard_bytes=parse_size(shard_size),
        beside=beside,
        check=lambda folder: compare(source.trained, folder, device=source.device),
    )
    assert report is not None
    return report

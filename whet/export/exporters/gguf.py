"""A GGUF file for llama.cpp and what is built on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import exporter

if TYPE_CHECKING:
    from whet.export.report import Report
    from whet.export.source import Source


@exporter("gguf")
def gguf(
    source: Source,
    output: Path,
    *,
    type: Literal["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_0", "Q4_K_M", "Q4_0"] = "F16",
) -> Report:
    """A GGUF file for llama.cpp, with tokenizer and chat template, run by llama.cpp to prove it.

    type: of the matrices; K-types fall back to Q8_0 or Q5_0 where rows are no multiple of 256
    """
    from whet.export.gguf.folder import write_gguf_folder

    return write_gguf_folder(source, output, type)

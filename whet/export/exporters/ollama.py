"""A GGUF file with the Modelfile that makes it a model of Ollama."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import exporter

if TYPE_CHECKING:
    from whet.export.report import Report
    from whet.export.source import Source


@exporter("ollama")
def ollama(
    source: Source,
    output: Path,
    *,
    type: Literal["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_0", "Q4_K_M", "Q4_0"] = "Q8_0",
    system: str | None = None,
) -> Report:
    """A GGUF file and a Modelfile: `ollama create NAME -f Modelfile`.

    type: of the matrices, as for `gguf`
    system: a system message that Ollama puts first by default
    """
    from whet.export.gguf.folder import write_gguf_folder
    from whet.export.modelfile import modelfile

    def beside(folder: Path, file: Path) -> None:
        text = modelfile(source.module, source.tokenizer, file.name, system)
        (folder / "Modelfile").write_text(text, encoding="utf-8")

    return write_gguf_folder(source, output, type, beside)

"""A folder with a GGUF file that llama.cpp has run and found to be the trained model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from whet.export.folder import appearing
from whet.export.gguf.architectures import architecture
from whet.export.gguf.llama_cpp import library, run_gguf
from whet.export.gguf.writing import package, write_gguf
from whet.export.limits import GGUF
from whet.export.observation import NUM_GENERATED, TEXTS, Observed, continuing, renders
from whet.export.report import Report, judge
from whet.export.writing import checked
from whet.generate.serving.caches import context_length

if TYPE_CHECKING:
    from whet.export.source import Source


def write_gguf_folder(
    source: Source, output: Path, kind: str, beside: Callable[[Path, Path], None] | None = None
) -> Report:
    """Write `<name>-<kind>.gguf` into the new folder `output`, and what `beside` puts there, given folder and file.

    Raises WhetError before anything is written if a package is missing or the architecture is unknown, and ModelError,
    with the files kept aside, when llama.cpp does something else with the file than the model did.
    """
    package(), library(), architecture(source.module.config)
    with appearing(output) as part:
        file = part / f"{source.name}-{kind}.gguf"
        write_gguf(file, source.module.state_dict(), source.module.config, source.tokenizer, kind, source.name)
        if beside is not None:
            beside(part, file)
        report = checked(part, output, lambda _: compare_gguf(source, file, kind))
    assert report is not None
    return report


def compare_gguf(source: Source, file: Path, kind: str) -> Report:
    """What llama.cpp does with the file, beside what the model did. The template is the one that the file holds."""
    ran = run_gguf(file, TEXTS, source.trained.rendered, NUM_GENERATED)
    fitting = continuing(ran.ids, context_length(source.module))
    written = Observed(
        torch.float32,
        ran.ids,
        [torch.from_numpy(logits) for logits in ran.logits],
        list(_rendered(source, file)),
        source.trained.end_of_turn,
        [ran.continued[number] for number in fitting] if source.trained.continued else [],
    )
    return judge(source.trained, written, ran.stops, GGUF[kind], ran_by="llama.cpp")


def _rendered(source: Source, file: Path) -> list[str]:
    """The conversations as the template in the file renders them."""
    field = package().GGUFReader(file).get_field("tokenizer.chat_template")
    return list(renders(source.tokenizer, field.contents())) if field is not None else []

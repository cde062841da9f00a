"""An MLmodel package: `mlflow.pyfunc.load_model` loads it, and so does MLflow's `transformers` flavour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import exporter
from whet.export.sizes import Size, parse_size

if TYPE_CHECKING:
    from whet.export.report import Report
    from whet.export.source import Source


@exporter("mlflow")
def mlflow(
    source: Source,
    output: Path,
    *,
    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    shard_size: Size = "5GB",
    mlflow_version: str = "3.17.2",
) -> Report:
    """An MLmodel package with locked requirements and no pickle: text in, text out.

    dtype: cast the weights; by default they stay as they are
    shard_size: largest file, such as 500MB
    mlflow_version: the one that the requirements name
    """
    from whet.export.mlflow_package import MODEL, pack
    from whet.export.report import compare
    from whet.export.writing import DTYPES, write_model
    from whet.models.forward.heads import class_of

    module: Any = source.module
    report = write_model(
        output,
        module,
        module.config,
        source.tokenizer,
        generation_config=getattr(module, "generation_config", None),
        card=source.card,
        dtype=DTYPES.get(dtype, source.dtype),
        shard_bytes=parse_size(shard_size),
        beside=lambda folder: pack(folder, class_of(module.config).purpose, mlflow_version),
        check=lambda folder: compare(source.trained, folder / MODEL, device=source.device),
    )
    assert report is not None
    return report

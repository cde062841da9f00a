"""An MLmodel package around a model's folder: what MLflow needs to load, serve and describe it, and no pickle.

<package>/  MLmodel  requirements.txt  python_env.yaml  conda.yaml  code/  model/  components/tokenizer/
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

import yaml

from whet.base.errors import ModelError

MODEL, TOKENIZER, CODE, LOADER = "model", "components/tokenizer", "code", "whet_pyfunc"
# What the model needs in the end; what these need is locked as well.
_NEEDED = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "jinja2")
# Purposes that MLflow's own `transformers` flavour has a pipeline for.
_PIPELINES = {
    "text-generation": "TextGenerationPipeline", "text-classification": "TextClassificationPipeline",
    "token-classification": "TokenClassificationPipeline", "fill-mask": "FillMaskPipeline",
}  # fmt: skip
_TEXT = json.dumps([{"type": "string", "required": True}])
_PARAMS = json.dumps([
    {"name": "max_new_tokens", "type": "long", "default": 256, "shape": None},
    {"name": "temperature", "type": "double", "default": 0.0, "shape": None},
])  # fmt: skip


def pack(folder: Path, purpose: str, mlflow_version: str) -> None:
    """Turn a folder that transformers loads into a package, in place. `purpose` is a task of transformers' pipelines.

    Raises ModelError for a model that neither generates nor classifies texts.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    generates = (folder / "generation_config.json").is_file()
    if not generates and purpose != "text-classification":
        raise ModelError(
            f"MLflow's text in, text out does not fit a model for {purpose}", at=str(folder), hint="whet export --to hf"
        )
    _move(folder)
    (folder / CODE).mkdir()
    loader = Path(__file__).with_name("pyfunc_loader.py").read_text(encoding="utf-8")
    (folder / CODE / f"{LOADER}.py").write_text(loader, encoding="utf-8")
    pins = [f"mlflow=={mlflow_version}", *locked(_NEEDED)]
    (folder / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    python, pip = platform.python_version(), f"pip=={_version('pip') or '25.0'}"
    needs = {"python": python, "build_dependencies": [pip], "dependencies": ["-r requirements.txt"]}
    _write(folder / "python_env.yaml", needs)
    inner = [f"python={python}", pip.replace("==", "="), {"pip": pins}]
    _write(folder / "conda.yaml", {"channels": ["conda-forge"], "dependencies": inner, "name": "mlflow-env"})
    _write(folder / "MLmodel", _described(folder, config, purpose, python))


def locked(names: Iterable[str]) -> list[str]:
    """`name==version` of packages and of all that they need, as they are installed here; none that is not here."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        try:
            own = distribution(name)
        except PackageNotFoundError:  # needed on other systems only
            continue
        found[name] = own.version.partition("+")[0]  # `2.13.0+cpu` is on no index of packages
        needs = [Requirement(text) for text in own.requires or ()]
        left += [one.name for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [f"{name}=={number}" for name, number in sorted(found.items())]


def _move(folder: Path) -> None:
    """The model's files below `model/`, and those of the tokenizer a second time where the flavour looks for them."""
    (folder / MODEL).mkdir()
    (folder / TOKENIZER).mkdir(parents=True)
    for path in [path for path in folder.iterdir() if path.is_file() and path.name != "README.md"]:
        os.replace(path, folder / MODEL / path.name)
        if path.name.startswith(("tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "chat_template")):
            shutil.copyfile(folder / MODEL / path.name, folder / TOKENIZER / path.name)


def _described(folder: Path, config: dict[str, Any], purpose: str, python: str) -> dict[str, Any]:
    """What stands in MLmodel."""
    tokenizer = json.loads((folder / MODEL / "tokenizer_config.json").read_text(encoding="utf-8"))
    flavours: dict[str, Any] = {
        "python_function": {
            "code": CODE, "data": MODEL, "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "loader_module": LOADER, "python_version": python,
        }
    }  # fmt: skip
    if purpose in _PIPELINES:
        flavours["transformers"] = {
            "code": CODE, "components": ["tokenizer"], "framework": "pt", "instance_type": _PIPELINES[purpose],
            "model_binary": MODEL, "pipeline_model_type": config["architectures"][0], "source_model_name": "",
            "task": purpose, "tokenizer_type": tokenizer.get("tokenizer_class"),
            "torch_dtype": f"torch.{config.get('dtype', 'float32')}", "transformers_version": _version("transformers"),
        }  # fmt: skip
    return {
        "flavors": flavours, "model_size_bytes": sum(p.stat().st_size for p in (folder / MODEL).iterdir()),
        "model_uuid": uuid.uuid4().hex, "signature": {"inputs": _TEXT, "outputs": _TEXT, "params": _PARAMS},
        "utc_time_created": f"{datetime.now(UTC).replace(tzinfo=None)}",
    }  # fmt: skip


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _write(path: Path, values: Any) -> None:
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")

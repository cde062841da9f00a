"""The config of a model that is only named: a folder, a config.json, a published model, or an id on the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from whet.base.documents import read_object
from whet.base.errors import ModelError
from whet.base.nearest import nearest
from whet.base.paths import user_path
from whet.data.sources.opened import ending
from whet.data.sources.readers import is_readable
from whet.plan.architecture import described
from whet.track.reading import store
from whet.track.registry.names import is_reference

FILE = Path(__file__).with_name("published.json")

# What a model is called that was trained on from a published one, in the same sizes.
_TUNED = ("instruct", "base")


@cache
def published() -> Mapping[str, Mapping[str, Any]]:
    """Configs of known models by their id on the hub, as they are published; what a plan does not read is left out."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def find_config(name: str) -> tuple[str, dict[str, Any]]:
    """What the model is called, and its config, which names its class.

    Only a hub id that is not among the published asks the hub.
    Raises ModelError for what is no model, with the nearest name that is one.
    """
    path = _meant(name)
    if path.is_dir():
        path = path / "model" / "config.json" if (path / "model" / "config.json").is_file() else path / "config.json"
        if not path.is_file():
            raise ModelError(f"{name} holds no config.json", at=name, hint="the folder of a model")
    if path.is_file():
        if ending(path) != ".json" and is_readable(path):
            raise ModelError(f"{name} is data, and no model", at=name, hint=f"whet advise {name}")
        return name, _with_class(name, read_object(path, error=ModelError))
    known = {short(one): one for one in published()} | {one.lower(): one for one in published()}
    if (found := known.get(name.lower())) is not None:
        return found, dict(published()[found])
    base, _, tuned = name.lower().rpartition("-")
    if tuned in _TUNED and (found := known.get(base)) is not None:
        return name if "/" in name else f"{found}-{tuned.title()}", dict(published()[found])
    near = nearest(name.lower(), known)
    if "/" in name and name.count("/") == 1 and near not in published():
        return name, _of_hub(name, near)
    hint = f"did you mean `{near}`?" if near else "a folder, a config.json, or an id such as Qwen/Qwen3-0.6B"
    raise ModelError(f"no model is called `{name}`", at="model", hint=hint)


def _with_class(name: str, config: dict[str, Any]) -> dict[str, Any]:
    check_class(name, config)
    return config


def check_class(name: str, config: Mapping[str, Any]) -> None:
    """Raise ModelError for a config that does not say of which class its model is, with what its other fields tell."""
    kind = config.get("model_type")
    if isinstance(kind, str) and kind:
        return
    listed = config.get("architectures")
    bare = re.sub(r"For.*|Model$", "", str(listed[0])).lower() if isinstance(listed, list) and listed else ""
    meant = next((one for one in described() if one.replace("_", "") == bare), None)
    near = nearest("model_type", [key for key in config if key != "model_type"])
    hint = f'"model_type": "{meant or "llama"}"' + ("" if meant else f", or another of {', '.join(described())}")
    hint = f"did you mean `model_type` by `{near}`?" if near else hint
    said = "lacks `model_type`" if kind is None else f"has {ascii(kind)[:40]} for its `model_type`"
    raise ModelError(f"the config {said}, the class of its model", at=name, hint=hint)


def config_of(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config of a model by the settings of its source: what is written out in `init`, or that of a name."""
    told = source.get("init") or source.get("path")
    return told if isinstance(told, Mapping) else find_config(str(told))[1]


def _meant(name: str) -> Path:
    """The folder or file of a name: itself, a run, or a version of the registry."""
    if is_reference(name):
        from whet.models.loading.find import find_model

        return Path(find_model(name))
    path = user_path(name, at="model")
    return path if path.exists() or not (store.ROOT / path).is_dir() else store.ROOT / path


def short(hub_id: str) -> str:
    """The last part of an id, in small letters: `llama-3.1-405b`."""
    return hub_id.rpartition("/")[2].lower().removeprefix("meta-")


def _of_hub(name: str, near: str | None) -> dict[str, Any]:
    from huggingface_hub import hf_hub_download

    from whet.base import hub

    try:
        with hub.asked(name):
            return _with_class(name, read_object(Path(hf_hub_download(name, "config.json")), error=ModelError))
    except ModelError:
        raise
    except Exception as error:
        reason = hub.silence() or f"{type(error).__name__}"
        hint = f"did you mean `{near}`?" if near else "a folder, or a config.json of the model"
        raise ModelError(f"the config of `{name}` cannot be read: {reason}", at="model", hint=hint) from error

"""What a new version is: files of a folder or a run, and what they and the run tell of where they come from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from whet.base.digests import sha256s, text_digest
from whet.base.documents import field, read_object
from whet.base.errors import ModelError, RunError, WhetError
from whet.base.paths import user_path
from whet.base.yaml import parse
from whet.track.reading.store import find, history, is_run
from whet.track.recorded.machine_reading import environments
from whet.track.registry.evaluations import HELD_OUT, ITS_OWN, brief
from whet.track.registry.packages import FILE as MLMODEL
from whet.track.registry.packages import package
from whet.track.registry.referring import DEPENDENCIES
from whet.track.registry.registry import version_at

Kind = Literal["full", "adapter", "merged", "quantized", "exported"]
KINDS = get_args(Kind)
_WEIGHTS = (".safetensors", ".gguf", ".bin", ".onnx", ".pt", ".pkl")
_TELLING = (*_WEIGHTS, "config.json", MLMODEL)
_HINT = "a run that is done, or a folder with a model"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What `Registry.add` is given: files by name, what is known of them, and the run's evaluations of them."""

    contents: Mapping[str, Path]
    about: Mapping[str, Any]
    evaluations: tuple[Path, ...]
    package: Mapping[str, Path]


def place_of(given: str, root: Path) -> tuple[Path, Path | None]:
    """The folder of a model that is meant, and the run that it lies in. Raises WhetError for neither."""
    path = user_path(given)
    for folder in (path, root / path):
        if folder.is_dir() and not is_run(folder) and any(name.endswith(_TELLING) for name in os.listdir(folder)):
            return folder, _run_of(folder)
    run = find(given, root)
    if not (run / "model").is_dir():
        raise RunError(f"the run `{run.name}` has no model yet", at=str(run / "model"), hint=f"whet train {run}")
    return run / "model", run


def candidate(
    folder: Path,
    run: Path | None,
    *,
    kind: Kind | None = None,
    base: str | None = None,
    licence: str | None = None,
    with_links: bool = True,
) -> Candidate:
    """A folder as a version; `kind`, `base` and `licence` overrule what is found. Raises WhetError.

    Links are followed, or left out without `with_links`: what strangers put together may lead anywhere.
    """
    files = {
        path.relative_to(folder).as_posix(): path for path in _files(folder) if with_links or not path.is_symlink()
    }
    taken = package(folder, files)
    contents = dict(taken.contents if taken else files)
    is_own = run is not None and folder.resolve() == (run / "model").resolve()
    found_base = base or (taken.base if taken else None) or _base(contents) or (_began_with(run) if run else None)
    about: dict[str, Any] = {
        "kind": kind or _kind(folder, contents),
        **_of_base(found_base),
        "architecture": _architecture(contents),
        "tokenizer": _tokenizer(contents),
        "template": _template(contents),
        "licence": licence or _licence(contents),
        "package": ", ".join(taken.flavours) if taken else None,
        "source": str(folder.resolve()),
        "evaluations": [*_held_out(run), *_kept(run)] if run and is_own else [],
        **(_of_run(run) if run else {}),
    }
    evaluations = tuple(_results(run)) if run and is_own else ()
    known = {name: one for name, one in about.items() if one is not None}
    return Candidate(contents, known, evaluations, files if taken and taken.is_flat else {})


def check_model(found: Candidate, folder: Path) -> None:
    """Raise ModelError where no file of a candidate holds weights and no package is said to be there."""
    if not any(name.endswith(_WEIGHTS) for name in found.contents) and "package" not in found.about:
        raise ModelError(f"{folder} holds no model", at=str(folder), hint=_HINT)


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder; hidden ones and those that are not whole are left out, links are followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not name.startswith(".") and not name.endswith(".part"):
                yield path


def _run_of(folder: Path) -> Path | None:
    """The run that a folder lies in: `model`, or one of `exports`."""
    real = folder.resolve()
    return next((parent for parent in list(real.parents)[:2] if is_run(parent)), None)


def _kind(folder: Path, contents: Mapping[str, Path]) -> str:
    if "adapter_config.json" in contents:
        return "adapter"
    if _json(contents, "config.json").get("quantization_config"):
        return "quantized"
    if folder.resolve().parent.name == "exports":
        return "merged" if folder.name.startswith("merged") else "exported"
    return "full" if "config.json" in contents else "exported"


def _base(contents: Mapping[str, Path]) -> str | None:
    """What an adapter was made for, by its folder."""
    base = _json(contents, "adapter_config.json").get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        return None
    beside = contents["adapter_config.json"].parent.parent / base
    return str(beside) if not Path(base).exists() and beside.exists() else base


def _began_with(run: Path) -> str | None:
    path = run / "config.yaml"
    with suppress(WhetError, OSError, UnicodeDecodeError):
        model = parse(path.read_text(encoding="utf-8"), str(path))[0].get("model")
        base = model.get("path") if isinstance(model, Mapping) else model
        return base if isinstance(base, str) else None
    return None


def _of_base(base: str | None) -> dict[str, Any]:
    """The base in words; one of the registry by its version, whatever becomes of its names."""
    at = version_at(Path(base)) if base and Path(base).is_dir() else None
    if base is None or at is None:
        return {"base": base}
    place = Path(base).resolve().parent
    return {"base": f"registry:{at[0]}", "base_version": [place.parent.name, int(place.name)]}


def _architecture(contents: Mapping[str, Path]) -> str | None:
    config = _json(contents, "config.json")
    named = config.get("architectures")
    if isinstance(named, list) and named:
        return str(named[0])
    return str(config.get("model_type") or _json(contents, "adapter_config.json").get("peft_type") or "") or None


def _tokenizer(contents: Mapping[str, Path]) -> str | None:
    """SHA-256 of tokenizer.json; where a tokenizer has none, of its vocabulary's files."""
    wanted = [name for name in contents if name == "tokenizer.json"]
    wanted = wanted or sorted(n for n in contents if n.startswith("vocab") or n.endswith(".model") or n == "merges.txt")
    digests = sha256s(contents[name] for name in wanted)
    found = [digests[contents[name]] for name in wanted]
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest() if found else None


def _template(contents: Mapping[str, Path]) -> str | None:
    """SHA-256 of the chat template's text."""
    text = _json(contents, "tokenizer_config.json").get("chat_template")
    if "chat_template.jinja" in contents:
        text = contents["chat_template.jinja"].read_bytes()
    if not text:
        return None
    data = text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text)).encode()
    return hashlib.sha256(data).hexdigest()


def _licence(contents: Mapping[str, Path]) -> str | None:
    """What the head of a model card says."""
    card = contents.get("README.md")
    if card is None:
        return None
    with suppress(WhetError, OSError, UnicodeDecodeError):
        text = card.read_text(encoding="utf-8")
        if text.startswith("---\n") and "\n---" in text[4:]:
            head = parse(text[4:].partition("\n---")[0], str(card))[0]
            told = head.get("license") if isinstance(head, Mapping) else None
            return ", ".join(map(str, told)) if isinstance(told, list) else str(told) if told else None
    return None


def _of_run(run: Path) -> dict[str, Any]:
    """Which run and step, on which data and code."""
    logs = history(run)
    told = (environments(run, logs) or [{}])[-1].get("git") or {}
    code = {name: told[name] for name in ("commit", "branch", "is_dirty") if name in told}
    return {"run": {"name": run.resolve().name, "step": logs.last_step}, "data": _data(run), "code": code or None}


def _data(run: Path) -> dict[str, Any] | None:
    """One digest of all that the run learned from, and where each part of it lies."""
    with suppress(WhetError):
        path = run / DEPENDENCIES
        found = field(read_object(path), "depends_on", dict, at=str(path))
        data = {place: entry for place, entry in sorted(found.items()) if place.startswith("data.")}
        files = {place: entry.get("files") for place, entry in data.items()}
        sources = [str(entry.get("path")) for entry in data.values()]
        return {"digest": text_digest(json.dumps(files, sort_keys=True)), "sources": sources} if data else None
    return None


def _held_out(run: Path | None) -> list[dict[str, Any]]:
    """The last held-out figures of the training itself."""
    logs = history(run) if run else None
    names = [name for name in logs.names() if name.startswith(f"{HELD_OUT}/")] if logs else []
    last = {figure: logs.recent(name) for name in names if logs and (figure := name.partition("/")[2]) not in ITS_OWN}
    figures = {name: {"value": float(values[-1])} for name, values in last.items() if len(values)}
    return [{"task": HELD_OUT, "figures": figures}] if figures else []


def _results(run: Path | None) -> list[Path]:
    """What `whet evaluate` has kept in a run, the oldest first."""
    found = (run / "evaluations").glob("*.json") if run else ()
    return sorted(found, key=lambda path: path.stat().st_mtime)


def _kept(run: Path | None) -> list[dict[str, Any]]:
    found = []
    for path in _results(run):
        with suppress(WhetError):
            found.append({**brief(read_object(path)), "file": path.name})
    return found


def _json(contents: Mapping[str, Path], name: str) -> dict[str, Any]:
    """An object in a file; an empty one where there is none. Raises ModelError for a damaged one."""
    return read_object(contents[name], error=ModelError, hint=_HINT) if name in contents else {}

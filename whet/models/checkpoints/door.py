"""What a model's folder holds, checked by our own readers before a library reads it: JSON, names of files, headers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from whet.base.documents import checked, field, read_object
from whet.base.errors import ModelError, WhetError, is_out_of_memory, one_line
from whet.base.regular import refuse_odd
from whet.models.checkpoints.patterns import check_patterns

INDEX = "model.safetensors.index.json"
_OBJECTS = (
    "config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.json", "preprocessor_config.json", "processor_config.json",
)  # fmt: skip
_AGAIN = "copy the file again, or compare it with the model's page"


def check_folder(folder: Path) -> None:
    """Raise ModelError for files of a model's folder that are damaged or name files beyond it.

    Reads the small files whole and of weights the headers alone. A path that is no folder is left to whoever loads it.
    """
    if not folder.is_dir():
        return
    refuse_odd(folder, ModelError)
    for name in _OBJECTS:
        if (folder / name).exists():
            held = read_object(folder / name, error=ModelError, hint=_AGAIN)
            if name == "tokenizer.json":
                check_patterns(held, folder / name)
            elif name == "config.json":
                _check_config(held, folder / name)
    if (folder / "adapter_config.json").exists():
        _check_adapter(folder / "adapter_config.json")
    for index in sorted(folder.glob("*.safetensors.index.json")):
        places_of(index)
    for file in sorted(folder.glob("*.safetensors")):
        check_header(file)


def places_of(index: Path) -> dict[str, str]:
    """Name of each tensor -> the file that holds it, as an index says. Raises ModelError where one is missing or lies
    in another folder; a link into the hub's cache is a file like any other."""
    held = read_object(index, error=ModelError, hint=_AGAIN)
    places = field(held, "weight_map", dict, at=str(index), error=ModelError, hint=_AGAIN)
    for name in places.values():
        checked(name, str, at=f"{index}: weight_map", error=ModelError, hint=_AGAIN)
    for name in sorted(set(places.values())):
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in name or "\\" in name:
            raise ModelError(
                f"the index names `{ascii(name)[1:60]}`, which lies in another folder", at=str(index),
                hint="the files of a model lie in its folder: get it anew from where it was published",
            )  # fmt: skip
        if not (index.parent / name).is_file():
            raise ModelError(f"{index.parent} lacks {name}", at=str(index), hint="copy the missing files")
    return places


def check_header(file: Path) -> None:
    """Raise ModelError for a safetensors file that is cut, empty or something else."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        said = str(error).strip().split("\n")[0]
        raise ModelError(f"`{file.name}` is damaged or cut: {said}", at=str(file), hint="copy the file again") from None


@contextmanager
def read_by_others(path: str | Path, at: str | None = None) -> Iterator[None]:
    """Turn what a library raises inside, on files that are not as it thinks, into a ModelError with a sentence."""
    try:
        yield
    except WhetError:
        raise
    except Exception as error:  # transformers, PEFT and tokenizers raise whatever the next line of theirs happens to
        is_system = isinstance(error, OSError) and error.errno is not None  # a full disk, missing rights
        if is_system or is_out_of_memory(error):
            raise
        said = one_line(error)
        raise ModelError(f"{path} cannot be loaded: {said}", at=at, hint=f"{_AGAIN}; --debug shows more") from error


def _check_config(values: dict[str, Any], file: Path) -> None:
    """What every library takes for granted of a config."""
    how: Any = {"at": str(file), "error": ModelError, "hint": _AGAIN}
    for name in field(values, "architectures", list, default=[], **how) if values.get("architectures") else ():
        checked(name, str, **how)
    for name, form in (("id2label", dict), ("label2id", dict), ("auto_map", dict), ("quantization_config", dict)):
        if values.get(name) is not None:
            field(values, name, form, **how)


def _check_adapter(file: Path) -> None:
    hint = f"save the adapter again with PEFT: model.save_pretrained({str(file.parent)!r})"
    values = read_object(file, error=ModelError, hint=hint)
    for name in ("peft_type", "base_model_name_or_path", "task_type", "revision"):
        if values.get(name) is not None:
            field(values, name, str, at=str(file), error=ModelError, hint=hint)
    if values.get("peft_type") is not None:
        _check_type(values["peft_type"], file)


def _check_type(kind: str, file: Path) -> None:
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING as known

    if kind not in {str(getattr(name, "value", name)) for name in known}:
        raise ModelError(f"PEFT knows no adapter of the type `{kind[:60]}`", at=str(file), hint="pip install -U peft")

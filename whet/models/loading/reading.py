"""Config and tokenizer of a transformers model, checked, with an error and a hint for what goes wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoTokenizer, PretrainedConfig

from whet.base import hub
from whet.base.documents import read_object
from whet.base.errors import TOKENIZER, ModelError, first_line, one_line
from whet.models.checkpoints import coded, quantized
from whet.models.checkpoints.door import check_folder
from whet.models.loading.capacity import bytes_of, check_counts, check_memory, check_sizes, from_config
from whet.models.loading.classes import HEADED
from whet.models.loading.families import auto_class, family_of, first_position, stated_length
from whet.models.loading.find import near_run
from whet.models.loading.spec import Spec
from whet.models.loading.spelling import check_spelling
from whet.models.probing.config_check import check_runs
from whet.models.text import text_config
from whet.models.tokenizers.read_back import as_read_back
from whet.models.tuning import new_tokens
from whet.models.tuning.adapter_files import ends_of, stored_shapes

# Bytes and weights of the models that have been built without memory: a run reads its model several times.
_SIZES: dict[tuple[bool, str], tuple[int, int]] = {}
Read = tuple[PretrainedConfig, Any | None]
# What was read within `read_once`, by what was asked for.
_KEPT: ContextVar[dict[str, Read] | None] = ContextVar("kept", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Inside, a model's config and tokenizer are read once, whoever asks: a large vocabulary takes half a second."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def read(spec: Spec) -> Read:
    """The model's config, known to be one of a language model, and its tokenizer (None for `init` without one).

    For `init`, the vocabulary size and the special tokens come from the tokenizer where the config says nothing. Within
    `read_once` all have the same tokenizer, and each a config of its own.
    """
    kept = _KEPT.get()
    if kept is None:
        return _read(spec)
    key = repr(spec)
    if key not in kept:
        kept[key] = _read(spec)
    config, tokenizer = kept[key]
    return deepcopy(config), tokenizer


def _read(spec: Spec) -> Read:
    if spec.path is not None:
        check_folder(Path(spec.path))
    if spec.tokenizer is not None:
        check_folder(Path(spec.tokenizer))
    if spec.under is not None:
        if spec.new_tokens:
            raise ModelError(
                "an adapter's model has the tokens that it was trained with",
                at="model.new_tokens",
                hint=f"model={spec.under.path or spec.path}",
            )
        return _of_adapter(spec, spec.under)
    if spec.init is None:
        config = stored_config(spec)
        _check_language(config, spec)
        tokenizer = _tokenizer(spec)
    else:
        tokenizer = _tokenizer(spec)
        config = _initial_config(spec.init, tokenizer)
        _check_language(config, spec)
    _check_vocabulary(config, tokenizer, spec)
    if spec.init is not None:
        check_fits(spec, config, tokenizer)
        tokenizer = None if tokenizer is None else as_read_back(tokenizer, config)
    _check_stored(spec, config)
    if spec.new_tokens:
        new_tokens.add(tokenizer, spec.new_tokens)
    return config, tokenizer


def _check_language(config: PretrainedConfig, spec: Spec) -> None:
    """Raise ModelError for a model that is none of language, or whose text is not told apart from the rest."""
    if family_of(config, allow_code=spec.allow_code) is None:
        raise ModelError(
            f"`{config.model_type}` is not a language model in transformers{_listed(config)}",
            at="model",
            hint="a language model, such as model=Qwen/Qwen3-0.6B",
        )
    text_config(config)


def _listed(config: PretrainedConfig) -> str:
    """What transformers has it for instead."""
    kinds = [kind.ending for kind in HEADED.values() if type(config) in kind.configs and kind.ending]
    if not kinds:
        return ""
    return f", which lists it as ...{' and ...'.join(kinds)} alone; models with a head are made of language models here"


def stored_config(spec: Spec) -> PretrainedConfig:
    """The config of a folder or a hub id. Raises ModelError where there is none, or none that can be read."""
    assert spec.path is not None
    if Path(spec.path).exists():
        stored = _read_config(Path(spec.path) / "config.json", inside=spec.path)
        check_counts(stored, str(Path(spec.path) / "config.json"))
        has_code = bool(stored.get("auto_map"))
        if has_code and not spec.allow_code and stored.get("model_type") not in CONFIG_MAPPING:
            raise ModelError(
                f"{spec.path} brings Python code of its own",
                at="model.path",
                hint="model.allow_code=true, if you trust it",
            )
        if not has_code:
            check_kind(stored.get("model_type"), f"{spec.path}/config.json")
    try:
        with hub.asked(spec.path):
            return AutoConfig.from_pretrained(spec.path, revision=spec.revision, trust_remote_code=spec.allow_code)
    except Exception as error:
        raise explained(error, spec.path, "model.path") from error


def context_length(config: PretrainedConfig) -> int | None:
    """The longest sequence that the model was made for, where its config says so."""
    length = stated_length(config)
    return length - first_position(config) if length else None


def new_pieces(spec: Spec) -> dict[int, list[int]]:
    """The id of each new token, and the ids of what the tokenizer made of it before."""
    return new_tokens.add(_tokenizer(spec), spec.new_tokens) if spec.new_tokens else {}


def check_fits(spec: Spec, config: PretrainedConfig, tokenizer: Any | None = None) -> None:
    """Raise ModelError where a model that is to be drawn cannot be built, or has more weights than there is memory."""
    whole = (spec.allow_code, config.to_json_string(use_diff=False))
    if whole not in _SIZES:
        kind = auto_class(config, allow_code=spec.allow_code)
        with torch.device("meta"):
            module = from_config(kind, deepcopy(config), {"dtype": torch.float32, "trust_remote_code": spec.allow_code})
        _SIZES[whole] = bytes_of(module), sum(p.numel() for p in module.parameters())
    num_bytes, num_weights = _SIZES[whole]
    check_memory(
        num_bytes, what=f"a `{config.model_type}` of {num_weights:,} weights",
        at="model.init", hint="a smaller hidden_size, vocab_size or num_hidden_layers",
    )  # fmt: skip
    if isinstance(spec.init, dict):
        check_runs(spec.init, partial(_initial_config, tokenizer=tokenizer))


def _check_stored(spec: Spec, config: PretrainedConfig) -> None:
    if spec.path is None:
        return
    method = quantized.stored_method(config)
    if method is not None and spec.quantize is not None:
        raise ModelError(
            f"{spec.path} is quantized already, by `{method}`", at="model.quantize", hint="model.quantize=null"
        )
    if not coded.is_read_here(config):
        quantized.check_stored(config, spec.path)


def _of_adapter(spec: Spec, under: Spec) -> tuple[PretrainedConfig, Any | None]:
    """The base model's config, and the tokenizer beside the adapter where there is one."""
    assert spec.path is not None
    config, tokenizer = read(under)
    if spec.tokenizer is None and has(spec.path, "tokenizer*", "vocab*", "*.model"):
        tokenizer = _tokenizer(spec)
    rows = _rows_of_adapter(spec.path, config, allow_code=spec.allow_code)
    if rows is not None:
        text_config(config).vocab_size = rows
        config.vocab_size = rows
    _check_vocabulary(config, tokenizer, spec)
    return config, tokenizer


def _rows_of_adapter(path: str, config: PretrainedConfig, *, allow_code: bool) -> int | None:
    """How many tokens the embedding has that an adapter brings whole, if they are not as many as the base's."""
    shapes, vocab = stored_shapes(path), getattr(text_config(config), "vocab_size", None)
    whole = [shape[0] for name, shape in shapes.items() if name.endswith(".weight") and shape]
    if vocab is None or max(whole, default=0) <= vocab:
        return None
    with torch.device("meta"):
        module = auto_class(config, allow_code=allow_code).from_config(config, trust_remote_code=allow_code)
    ends = ends_of(shapes, module)
    rows = set(ends.values()) - {vocab}
    if not rows:
        return None
    tied = getattr(text_config(config), "tie_word_embeddings", False)
    if len(rows) > 1 or (module.get_output_embeddings() is not None and len(ends) < 2 and not tied):
        raise ModelError(
            f"the adapter {path} has {' and '.join(f'{n:,}' for n in sorted(rows))} rows of {', '.join(ends)}, and its "
            f"base {vocab:,} of each end: the other end's rows are nowhere",
            at=path, hint=f"save it again with PEFT: model.save_pretrained({path!r}, save_embedding_layers=True)",
        )  # fmt: skip
    return rows.pop()


def _tokenizer(spec: Spec) -> Any | None:
    source = spec.tokenizer or spec.path
    if source is None:
        return None
    at = "model.tokenizer" if spec.tokenizer else "model.path"
    if Path(source).is_dir() and not has(source, "tokenizer*", "vocab*", "*.model"):
        raise ModelError(f"{source} holds no tokenizer", at=at, hint=TOKENIZER)
    revision = None if spec.tokenizer else spec.revision
    try:
        with hub.asked(source):
            return AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=spec.allow_code)
    except Exception as error:
        raise explained(error, source, at) from error


def _initial_config(init: dict[str, Any] | str, tokenizer: Any | None) -> PretrainedConfig:
    values = _read_config(Path(init)) if isinstance(init, str) else dict(init)
    kind = values.pop("model_type", None)
    if kind is None:
        raise ModelError("`init` names no model_type", at="model.init", hint="model.init.model_type=llama")
    check_kind(kind, "model.init.model_type")
    _check_typed(values)
    if not isinstance(init, str):  # published files hold settings of other versions
        check_spelling(kind, values, "model.init")
    if tokenizer is not None:
        values.setdefault("vocab_size", len(tokenizer))
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            values.setdefault(name, getattr(tokenizer, name, None))
    config = _made(kind, values, "model.init")
    if config.is_encoder_decoder and getattr(config, "decoder_start_token_id", None) is None:
        # A decoder with a config of its own begins as a text does (T5Gemma), any other with padding, as T5.
        start = getattr(getattr(config, "decoder", None), "bos_token_id", None)
        config.decoder_start_token_id = config.pad_token_id if start is None else start
    return config


def published_config(told: Mapping[str, Any], at: str) -> PretrainedConfig:
    """The config of a config.json, which may hold settings of other versions. Raises ModelError for one that is
    none."""
    values = dict(told)
    kind = values.pop("model_type", None)
    check_kind(kind, at)
    _check_typed(values)
    config = _made(kind, values, at)
    text_config(config)
    return config


def _made(kind: str, values: dict[str, Any], at: str) -> PretrainedConfig:
    try:
        config = AutoConfig.for_model(kind, **values)
        check_sizes(config.to_dict(), at)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"`{kind}` cannot be built so: {one_line(error.__cause__ or error)}", at=at,
            hint="compare it with the config.json of a published model of this architecture",
        ) from error  # fmt: skip
    return config


def check_kind(kind: Any, at: str) -> None:
    """Raise ModelError for what is no `model_type` of transformers, with the nearest."""
    if isinstance(kind, str) and kind in CONFIG_MAPPING:
        return
    if not isinstance(kind, str):
        raise ModelError(f"`model_type` is {ascii(kind)[:60]}, not a name", at=at, hint="model_type: llama")
    near = difflib.get_close_matches(kind[:80], list(CONFIG_MAPPING), n=3)
    hint = f"did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else "pip install -U transformers"
    raise ModelError(f"transformers knows no model_type `{kind[:80]}`", at=at, hint=hint)


def _check_typed(values: dict[str, Any]) -> None:
    """What transformers takes for instructions of its own has no place among the settings of a new model."""
    for name in values:
        if not isinstance(name, str) or name.startswith("_") or name in ("auto_map", "quantization_config"):
            raise ModelError(f"`{str(name)[:60]}` is no setting of a new model", at="model.init", hint="remove it")


def _check_vocabulary(config: PretrainedConfig, tokenizer: Any | None, spec: Spec) -> None:
    vocab = getattr(text_config(config), "vocab_size", None)
    if tokenizer is not None and vocab is not None and len(tokenizer) > vocab:
        hint = f"in transformers: model.resize_token_embeddings({len(tokenizer)}), and save it again"
        if spec.tokenizer is not None:
            hint = "model.tokenizer=null, and what lies beside the model is read"
        if spec.init is not None:
            hint = f"model.init.vocab_size={len(tokenizer)}"
        raise ModelError(
            f"the tokenizer has {len(tokenizer):,} tokens and the model only {vocab:,}",
            at="model",
            hint=hint,
        )


def _read_config(path: Path, inside: str | None = None) -> dict[str, Any]:
    if not path.exists():
        what = f"{inside} is not a model: it has no config.json" if inside else f"{path} does not exist"
        raise ModelError(what, at="model", hint="a folder written by `save_pretrained`, or a hub id")
    return read_object(path, error=ModelError, hint="a JSON object with `model_type`: compare it with the model's page")


def explained(error: Exception, source: str, at: str) -> ModelError:
    """What the hub or transformers said, in one line, with something to try."""
    first = first_line(error)
    text = f"{type(error).__name__} {error} {error.__cause__}"
    if Path(source).exists():
        return ModelError(f"{source} cannot be loaded: {first}", at=at, hint="compare its files with the model's page")
    if source.startswith((".", "/", "~")) or source.count("/") > 1:
        return ModelError(f"{source} does not exist", at=at, hint="a folder, or a hub id such as Qwen/Qwen3-0.6B")
    near = near_run(source) if at == "model.path" else None  # a run stands for its model, not for its tokenizer
    meant = f"did you mean `{near}`?" if near else None
    if "gated" in text.lower() or "401" in text or "403" in text:
        return ModelError(f"the hub refuses {source}: {first}", at=at, hint="accept its licence, then `hf auth login`")
    if "RepositoryNotFound" in text or "404" in text:
        return ModelError(
            f"the hub has no model {source}", at=at, hint=meant or "check the spelling at https://huggingface.co/models"
        )
    absent = f"{source} is neither a folder here nor in the cache of the hub"
    if meant:
        return ModelError(absent, at=at, hint=meant)
    if silence := hub.silence():
        return ModelError(
            f"{absent}: {silence}",
            at=at,
            hint=f"check the spelling, or on a machine with network: hf download {source}",
        )
    return ModelError(f"{source} cannot be had from the hub: {first}", at=at, hint=f"hf download {source}")


def has(folder: str, *patterns: str) -> bool:
    return any(next(Path(folder).glob(pattern), None) is not None for pattern in patterns)

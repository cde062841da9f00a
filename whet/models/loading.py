"""Config, weights and tokenizer of a transformers model, with an error and a hint for what goes wrong."""

from __future__ import annotations

import difflib
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
)

from whet.base import hub
from whet.base.documents import read_object
from whet.base.errors import ModelError
from whet.base.seeds import forked
from whet.contracts.model import Head
from whet.models.adapters import (
    base_of,
    breaks_a_tie,
    ends_of,
    grow_for,
    is_adapter,
    merged,
    stored_shapes,
    with_adapter,
)
from whet.models.attention import own
from whet.models.checkpoints import coded, quantized
from whet.models.checkpoints.door import check_folder
from whet.models.checkpoints.quantized import Quantization
from whet.models.families import auto_class, family_of, first_position
from whet.models.heads import DRAWN, REDRAWN, headed, is_drawn, quietly
from whet.models.merging.layers import untie
from whet.models.probes import one_line
from whet.models.read_back import as_read_back
from whet.models.rehearsal import check_runs
from whet.models.room import bytes_of, check_counts, check_memory, check_sizes
from whet.models.tuning import new_tokens


@dataclass(frozen=True, slots=True)
class Spec:
    """Which model: exactly one of `path` (folder or hub id) and `init` (config dict or config file).

    `path` may be an adapter's folder; then the model is its base (`base`, or what the adapter names) with it. The
    linear layers are packed by the codec `quantize`, but for those with one of the patterns `keep` in their name.
    """

    path: str | None = None
    init: dict[str, Any] | str | None = None
    tokenizer: str | None = None
    revision: str | None = None
    allow_code: bool = False
    base: str | None = None
    quantize: str | None = None
    keep: tuple[str, ...] = ()
    new_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.path is None) == (self.init is None):
            raise ModelError("a model needs either `path` or `init`", at="model", hint="model=Qwen/Qwen3-0.6B")
        if self.base is not None and not is_adapter(self.path):
            raise ModelError(
                "`model.base` is for an adapter's folder", at="model.base", hint="model.path=ADAPTER_FOLDER"
            )
        if self.keep and self.quantize is None:
            raise ModelError(
                "`model.keep` names layers that are not quantized, and none is", at="model.keep", hint="quantize: nf4"
            )

    @property
    def under(self) -> Spec | None:
        """The base model of an adapter's folder; None for a model."""
        if self.path is None or not is_adapter(self.path):
            return None
        own = Quantization.beside(self.path)
        codec, keep = (own.codec, own.keep) if own else (None, ())
        path = self.base or base_of(self.path)
        return replace(self, path=path, base=None, revision=None, quantize=codec, keep=keep)

    @property
    def quantization(self) -> Quantization | None:
        return Quantization(self.quantize, self.keep) if self.quantize else None


def read(spec: Spec) -> tuple[PretrainedConfig, Any | None]:
    """The model's config, known to be one of a language model, and its tokenizer (None for `init` without one).

    For `init`, the vocabulary size and the special tokens come from the tokenizer where the config says nothing.
    """
    if spec.path is not None:
        check_folder(Path(spec.path))
    if spec.tokenizer is not None:
        check_folder(Path(spec.tokenizer))
    if spec.under is not None:
        if spec.new_tokens:
            raise ModelError(
                "an adapter's model has the tokens that it was trained with",
                at="model.new_tokens",
                hint="model=ITS_BASE",
            )
        return _of_adapter(spec, spec.under)
    if spec.init is None:
        config = stored_config(spec)
        tokenizer = _tokenizer(spec)
    else:
        tokenizer = _tokenizer(spec)
        config = _initial_config(spec.init, tokenizer)
    if family_of(config, allow_code=spec.allow_code) is None:
        raise ModelError(
            f"`{config.model_type}` is not a language model in transformers",
            at="model",
            hint="a model whose config.json names a ...ForCausalLM, ...ForMaskedLM or ...ForConditionalGeneration",
        )
    _check_vocabulary(config, tokenizer)
    if spec.init is not None:
        check_fits(spec, config, tokenizer)
        tokenizer = None if tokenizer is None else as_read_back(tokenizer, config)
    _check_stored(spec, config)
    if spec.new_tokens:
        new_tokens.add(tokenizer, spec.new_tokens)
    return config, tokenizer


def check_fits(spec: Spec, config: PretrainedConfig, tokenizer: Any | None = None) -> None:
    """Raise ModelError where a model that is to be drawn cannot be built, or has more weights than there is memory."""
    kind = auto_class(config, allow_code=spec.allow_code)
    with torch.device("meta"):
        module = _from_config(kind, deepcopy(config), {"dtype": torch.float32, "trust_remote_code": spec.allow_code})
    num_bytes = bytes_of(module)
    check_memory(
        num_bytes, what=f"a `{config.model_type}` of {sum(p.numel() for p in module.parameters()):,} weights",
        at="model.init", hint="a smaller hidden_size, vocab_size or num_hidden_layers",
    )  # fmt: skip
    if isinstance(spec.init, dict):
        check_runs(spec.init, partial(_initial_config, tokenizer=tokenizer))


def _from_config(kind: Any, config: PretrainedConfig, how: dict[str, Any]) -> PreTrainedModel:
    """The model that a config describes. Raises ModelError where its sizes do not go together."""
    try:
        return kind.from_config(config, **how)
    except MemoryError:
        raise
    except Exception as error:  # each architecture fails in its own way
        raise ModelError(
            f"`{config.model_type}` cannot be built with these sizes: {one_line(error)}", at="model",
            hint="compare the config with a published one of this architecture",
        ) from error  # fmt: skip


def new_pieces(spec: Spec) -> dict[int, list[int]]:
    """The id of each new token, and the ids of what the tokenizer made of it before."""
    return new_tokens.add(_tokenizer(spec), spec.new_tokens) if spec.new_tokens else {}


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
    if spec.tokenizer is None and _has(spec.path, "tokenizer*", "vocab*", "*.model"):
        tokenizer = _tokenizer(spec)
    rows = _rows_of_adapter(spec.path, config, allow_code=spec.allow_code)
    if rows is not None:
        config.get_text_config().vocab_size = rows
        config.vocab_size = rows
    _check_vocabulary(config, tokenizer)
    return config, tokenizer


def _rows_of_adapter(path: str, config: PretrainedConfig, *, allow_code: bool) -> int | None:
    """How many tokens the embedding has that an adapter brings whole, if they are not as many as the base's."""
    shapes, vocab = stored_shapes(path), getattr(config.get_text_config(), "vocab_size", None)
    whole = [shape[0] for name, shape in shapes.items() if name.endswith(".weight") and shape]
    if vocab is None or max(whole, default=0) <= vocab:
        return None
    with torch.device("meta"):
        module = auto_class(config, allow_code=allow_code).from_config(config, trust_remote_code=allow_code)
    ends = ends_of(shapes, module)
    rows = set(ends.values()) - {vocab}
    if not rows:
        return None
    tied = getattr(config.get_text_config(), "tie_word_embeddings", False)
    if len(rows) > 1 or (module.get_output_embeddings() is not None and len(ends) < 2 and not tied):
        raise ModelError(
            f"the adapter {path} has {' and '.join(f'{n:,}' for n in sorted(rows))} rows of {', '.join(ends)}, and its "
            f"base {vocab:,} of each end: the other end's rows are nowhere",
            at=path, hint="save it again with PEFT: model.save_pretrained(FOLDER, save_embedding_layers=True)",
        )  # fmt: skip
    return rows.pop()


def context_length(config: PretrainedConfig) -> int | None:
    """The longest sequence that the model was made for, where its config says so."""
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return length - first_position(config) if length else None


def build_module(
    spec: Spec,
    config: PretrainedConfig,
    *,
    dtype: torch.dtype,
    seed: int,
    attention: str | None,
    on_meta: bool,
    merge: bool = True,
    head: Head | None = None,
) -> PreTrainedModel:
    """The model with its own weights (or freshly drawn ones, for `init`) on the CPU, or without any on meta.

    `attention` is a name of transformers' attention interface; None is the model's own choice. Draws come from a fork
    of the default generator seeded with `seed`. Raises when the weights lack a tensor: it would be random. An adapter's
    folder gives its base model with the adapter folded into the weights, or (not `merge`) beside them. Another
    `head` than that of a language model is drawn where the weights have none.
    """
    kind = headed(config, head) if head else auto_class(config, allow_code=spec.allow_code)
    if spec.under is not None:
        build: dict[str, Any] = {
            "dtype": dtype, "seed": seed, "attention": attention, "on_meta": on_meta, "head": head,
        }  # fmt: skip
        base = build_module(spec.under, _of_base(config, spec.under), **build)
        return _quantized(spec, _with_adapter(spec, base, merge, on_meta))
    how = {"dtype": dtype, "attn_implementation": attention or own(config), "trust_remote_code": spec.allow_code}
    if on_meta:
        with torch.device("meta"):
            return _quantized(spec, _from_config(kind, config, how))
    with forked(seed, "model"):
        if spec.init is not None:
            return _quantized(spec, _from_config(kind, config, how))
        return _with_weights(spec, config, how, kind, has_head=head is not None)


def _of_base(config: PretrainedConfig, under: Spec) -> PretrainedConfig:
    """The config with as many tokens as the base has, where an adapter has more."""
    if under.path is None or under.under is not None:
        return config
    vocab = getattr(stored_config(under).get_text_config(), "vocab_size", None)
    if vocab in (None, config.get_text_config().vocab_size):
        return config
    config = deepcopy(config)
    config.get_text_config().vocab_size = config.vocab_size = vocab
    return config


def _quantized(spec: Spec, module: Any) -> Any:
    if spec.quantization is not None:
        quantized.quantize(module, spec.quantization)
    return module


def _with_adapter(spec: Spec, base: PreTrainedModel, merge: bool, on_meta: bool) -> Any:
    assert spec.path is not None
    if merge:
        base = quantized.dequantize(base)
    if on_meta:
        grow_for(base, spec.path)
        if merge and breaks_a_tie(spec.path, stored_shapes(spec.path), base):
            untie(base)
        module: Any = base
    else:
        module = merged(base, spec.path) if merge else with_adapter(base, spec.path)
    module.name_or_path = spec.path
    return module


def _with_weights(
    spec: Spec, config: PretrainedConfig, how: dict[str, Any], kind: Any, *, has_head: bool
) -> PreTrainedModel:
    assert spec.path is not None
    _check_folder(spec.path)
    if coded.is_read_here(config):
        return coded.load_coded(spec.path, config, how, kind)
    if spec.quantization is not None:
        how = {**how, "quantization_config": quantized.streaming(spec.quantization)}
    try:
        with hub.asked(spec.path), quantized.unpacking(config) as unpack, quietly() if has_head else nullcontext():
            module, report = kind.from_pretrained(
                spec.path,
                config=config,
                revision=spec.revision,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=has_head,
                **how,
            )
            unpack(module)
    except Exception as error:
        raise _explained(error, spec.path, "model.path") from error
    missing = sorted(report["missing_keys"])
    if has_head:
        others = {name: (tuple(stored), tuple(wanted)) for name, stored, wanted in report["mismatched_keys"]}
        for name in sorted(name for name in others if not is_drawn(name)):
            raise ModelError(
                f"`{name}` of {spec.path} has the shape {others[name][0]}, and by its config {others[name][1]}",
                at="model.path", hint="compare its files with the model's page",
            )  # fmt: skip
        object.__setattr__(module, REDRAWN, sorted(others))
        missing = [name for name in missing if name not in others]
        object.__setattr__(module, DRAWN, [name for name in missing if is_drawn(name)])
        missing = [name for name in missing if not is_drawn(name)]
    if missing:
        raise ModelError(
            f"the weights of {spec.path} lack {len(missing)} tensors of {type(module).__name__}: {_some(missing)}",
            at="model.path",
            hint="a checkpoint of the whole language model, head included",
        )
    return module


def _tokenizer(spec: Spec) -> Any | None:
    source = spec.tokenizer or spec.path
    if source is None:
        return None
    at = "model.tokenizer" if spec.tokenizer else "model.path"
    if Path(source).is_dir() and not _has(source, "tokenizer*", "vocab*", "*.model"):
        raise ModelError(f"{source} holds no tokenizer", at=at, hint="model.tokenizer=FOLDER_OR_HUB_ID")
    revision = None if spec.tokenizer else spec.revision
    try:
        with hub.asked(source):
            return AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=spec.allow_code)
    except Exception as error:
        raise _explained(error, source, at) from error


def _initial_config(init: dict[str, Any] | str, tokenizer: Any | None) -> PretrainedConfig:
    values = _read_config(Path(init)) if isinstance(init, str) else dict(init)
    kind = values.pop("model_type", None)
    if kind is None:
        raise ModelError("`init` names no model_type", at="model.init", hint="model.init.model_type=llama")
    _check_kind(kind, "model.init.model_type")
    _check_typed(values)
    if tokenizer is not None:
        values.setdefault("vocab_size", len(tokenizer))
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            values.setdefault(name, getattr(tokenizer, name, None))
    try:
        config = AutoConfig.for_model(kind, **values)
        check_sizes(config.to_dict(), "model.init")
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"`{kind}` cannot be built so: {one_line(error)}", at="model.init",
            hint="compare it with the config.json of a published model of this architecture",
        ) from error  # fmt: skip
    if config.is_encoder_decoder and getattr(config, "decoder_start_token_id", None) is None:
        config.decoder_start_token_id = config.pad_token_id  # as in T5
    return config


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
            _check_kind(stored.get("model_type"), f"{spec.path}/config.json")
    try:
        with hub.asked(spec.path):
            return AutoConfig.from_pretrained(spec.path, revision=spec.revision, trust_remote_code=spec.allow_code)
    except Exception as error:
        raise _explained(error, spec.path, "model.path") from error


def _check_kind(kind: Any, at: str) -> None:
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


def _check_folder(path: str) -> None:
    """Say early and plainly when a folder holds no safetensors."""
    if not Path(path).is_dir() or _has(path, "*.safetensors"):
        return
    if _has(path, "*.bin", "*.pt", "*.pth"):
        raise ModelError(
            f"{path} holds pickled weights only, and unpickling runs any code that is in them",
            at="model.path",
            hint=f'if you trust the file: python -c "from transformers import AutoModelForCausalLM as M; '
            f"M.from_pretrained('{path}').save_pretrained('{path}-safe')\"",
        )
    raise ModelError(f"{path} holds no weights (*.safetensors)", at="model.path", hint=f"model.init={path}/config.json")


def _check_vocabulary(config: PretrainedConfig, tokenizer: Any | None) -> None:
    vocab = getattr(config.get_text_config(), "vocab_size", None)
    if tokenizer is not None and vocab is not None and len(tokenizer) > vocab:
        raise ModelError(
            f"the tokenizer has {len(tokenizer):,} tokens and the model only {vocab:,}",
            at="model",
            hint="model.tokenizer=FOLDER of the tokenizer that this model was trained with",
        )


def _read_config(path: Path, inside: str | None = None) -> dict[str, Any]:
    if not path.exists():
        what = f"{inside} is not a model: it has no config.json" if inside else f"{path} does not exist"
        raise ModelError(what, at="model", hint="a folder written by `save_pretrained`, or a hub id")
    return read_object(path, error=ModelError, hint="a JSON object with `model_type`: compare it with the model's page")


def _explained(error: Exception, source: str, at: str) -> ModelError:
    """What the hub or transformers said, in one line, with something to try."""
    first = str(error).strip().split("\n")[0] or type(error).__name__
    text = f"{type(error).__name__} {error} {error.__cause__}"
    if Path(source).exists():
        return ModelError(f"{source} cannot be loaded: {first}", at=at, hint="compare its files with the model's page")
    if source.startswith((".", "/", "~")) or source.count("/") > 1:
        return ModelError(f"{source} does not exist", at=at, hint="a folder, or a hub id such as Qwen/Qwen3-0.6B")
    if "gated" in text.lower() or "401" in text or "403" in text:
        return ModelError(f"the hub refuses {source}: {first}", at=at, hint="accept its licence, then `hf auth login`")
    if "RepositoryNotFound" in text or "404" in text:
        return ModelError(
            f"the hub has no model {source}", at=at, hint="check the spelling at https://huggingface.co/models"
        )
    silence = hub.silence()
    if silence:
        return ModelError(
            f"{source} is neither a folder here nor in the cache of the hub: {silence}",
            at=at,
            hint=f"check the spelling, or on a machine with network: hf download {source}",
        )
    return ModelError(f"{source} cannot be had from the hub: {first}", at=at, hint=f"hf download {source}")


def _has(folder: str, *patterns: str) -> bool:
    return any(next(Path(folder).glob(pattern), None) is not None for pattern in patterns)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

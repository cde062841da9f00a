"""From what a user names to what is served: the model in memory, its adapters, an engine or an embedder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whet.base.errors import ConfigError, ModelError
from whet.base.units import size
from whet.contracts.model import Loaded
from whet.generate.models import load_model
from whet.generate.ranks.leading import Followers
from whet.generate.ranks.shared import led
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Limits
from whet.models.checkpoints.quantized import stored_method
from whet.models.forward.heads import head_of
from whet.models.loading.find import find_model
from whet.models.loading.reading import stored_config
from whet.models.loading.spec import Spec
from whet.models.sentence_transformers import is_sentence
from whet.models.tuning.adapter_files import base_of, is_adapter
from whet.models.tuning.several import Several
from whet.models.tuning.wrapper import wrapper_of
from whet.server.openai.feedback import FeedbackFiles
from whet.server.openai.observing.opening import Observing
from whet.server.openai.service import Embedding, Scoring, Service
from whet.track.recorded.checkpoint_names import checkpoint_named
from whet.track.registry.registry import exact
from whet.train.checkpoint_model import load_any


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is to be served and how: `model` as it was typed, `adapters` by the names that they are asked for by."""

    model: str
    name: str | None = None
    adapters: Mapping[str, str]
    device: str = "auto"
    dtype: str = "auto"
    root: Path
    limits: Limits
    timeout_s: float
    feedback: Path | None = None
    draft: str | None = None
    quantize: str | None = None
    is_mapped: bool = False
    tensor: int = 1
    observing: Observing = Observing()


def opened(opening: Opening) -> Service:
    """Load it all. Raises WhetError for a model or an adapter that cannot be served."""
    opening.observing.check(opening.root)
    if checkpoint_named(opening.model, opening.root) is not None:
        return _of_checkpoint(opening)
    model = exact(opening.model, opening.root)
    folder = find_model(model, opening.root)
    _names(opening)
    if opening.tensor > 1:
        return _over_ranks(opening, model, folder)
    if opening.quantize:
        _check_plain(folder, opening)
    if is_sentence(Path(folder)):
        _check_asked_for_texts(opening, "makes embeddings")
    adapters = {name: _adapter(name, given, opening.root) for name, given in opening.adapters.items()}
    loaded = load_model(
        model, device=opening.device, dtype=opening.dtype, root=opening.root, quantize=opening.quantize,
        is_mapped=opening.is_mapped,
    )  # fmt: skip
    return _service(opening, loaded, model, folder, adapters)


def _over_ranks(opening: Opening, model: str, folder: str) -> Service:
    """Service of a model whose matrices lie on several processes. Raises ModelError for what they do not share."""
    given = {"--adapter": opening.adapters, "--quantize": opening.quantize, "--weights": opening.is_mapped}
    if word := next((word for word, value in given.items() if value), None):
        said = f"{word} is of a model that one process has, and --tensor {opening.tensor} shares it"
        raise ModelError(said, at=word, hint=f"leave {word} or --tensor out")
    how = {"device": opening.device, "dtype": opening.dtype}
    loaded, followers = led(model, "whet serve", **how, root=opening.root, ranks=opening.tensor)
    try:
        return _writing(opening, loaded, model, folder, {}, followers)
    except BaseException:
        followers.close()
        raise


def _of_checkpoint(opening: Opening) -> Service:
    """The model of a checkpoint. Raises ModelError for what would have to be made of files that it has not."""
    given = {
        "--quantize": opening.quantize, "--weights": opening.is_mapped, "--adapter": opening.adapters,
        "--tensor": opening.tensor > 1,
    }  # fmt: skip
    if word := next((word for word, value in given.items() if value), None):
        said = f"{opening.model} is a checkpoint, and {word} is of models that lie in a folder"
        raise ModelError(said, at=word, hint=f"whet export {opening.model}")
    loaded = load_any(opening.model, device=opening.device, dtype=opening.dtype, root=opening.root)
    return _service(opening, loaded, opening.model, opening.model, {})


def _service(
    opening: Opening, loaded: Loaded, model: str, folder: str, adapters: Mapping[str, str]
) -> Service:  # fmt: skip
    """Service of a loaded model, by what it does."""
    if loaded.embedder is not None:
        _check_asked_for_texts(opening, "makes embeddings")
        return Service(loaded, _names(opening), embedding=Embedding(loaded, loaded.embedder))
    head = head_of(loaded.module.config)  # type: ignore[arg-type]
    if head is not None and head.kind == "sequence":
        _check_asked_for_texts(opening, "scores texts")
        return Service(loaded, _names(opening), scoring=Scoring(loaded, head))
    return _writing(opening, loaded, model, folder, adapters)


def _names(opening: Opening) -> tuple[str]:
    """What the model is asked for by. Raises ConfigError for an adapter that is called the same."""
    name = opening.name or opening.model
    if name in opening.adapters:
        raise ConfigError(
            f"the adapter is called `{name}`, as the model is", at="--adapter", hint=f"--called {name}-base"
        )
    return (name,)


def _writing(
    opening: Opening, loaded: Loaded, model: str, folder: str, adapters: Mapping[str, str],
    followers: Followers | None = None,
) -> Service:  # fmt: skip
    """Service of a model that continues texts."""
    engine = _engine(loaded, folder, adapters, opening, followers)
    _tell_weights(loaded, opening)
    feedback = None if opening.feedback is None else FeedbackFiles(opening.feedback)
    about = {
        "model": model,
        "adapters": dict(opening.adapters),
        "device": opening.device,
        "dtype": opening.dtype,
        "quantize": opening.quantize,
    }
    return Service(
        loaded, _names(opening), engine=engine, adapters=tuple(adapters), timeout_s=opening.timeout_s,
        feedback=feedback, recorder=opening.observing.recorder(opening.root, about),
    )  # fmt: skip


def _engine(
    loaded: Loaded, folder: str, adapters: Mapping[str, str], opening: Opening, followers: Followers | None
) -> ServingEngine:
    """What answers, with the adapters beside the model and the draft before it."""
    several = None
    if adapters:
        if wrapper_of(loaded.module) is not None:
            raise ModelError(
                f"{opening.model} is an adapter itself, and others go beside its base model", at="--adapter",
                hint=_beside(folder, opening),
            )  # fmt: skip
        several = Several(loaded.module, adapters)
    draft = None
    if opening.draft:
        its = exact(opening.draft, opening.root)
        draft = load_any(its, device=opening.device, dtype=opening.dtype, root=opening.root)
    return ServingEngine(loaded, opening.limits, several, draft, followers, packs=not opening.is_mapped)


def _tell_weights(loaded: Loaded, opening: Opening) -> None:
    """Say what was done to the weights, and what they take."""
    taken, said = size(sum(loaded.costs.weight_bytes.values())), ""
    if opening.quantize:
        said = f"linear layers are packed as {opening.quantize}: the weights take {taken}"
    if opening.is_mapped:
        dtype = str(next(loaded.module.parameters()).dtype).removeprefix("torch.")
        said = f"the weights, {taken} in {dtype}, stay in their files: what memory has no room for is read again"
    if said:
        print(said, file=sys.stderr, flush=True)


def _check_asked_for_texts(opening: Opening, does: str) -> None:
    """Raises ModelError where something is asked for that is of models that continue texts alone."""
    others = {
        "--draft": opening.draft, "--adapter": opening.adapters or None, "--feedback": opening.feedback,
        "--quantize": opening.quantize,
    }  # fmt: skip
    given = next((word for word, value in others.items() if value is not None), "")
    if word := opening.observing.option or given:
        said = f"{opening.model} {does}, and {word} is of models that continue texts"
        raise ModelError(said, at=word, hint=f"whet serve {opening.model}")


def _check_plain(folder: str, opening: Opening) -> None:
    """Raises ModelError where there are no weights as they are that could be packed."""
    if is_adapter(folder):
        said = f"{opening.model} is an adapter, which goes with its base as that was when it was trained"
        hint = f"{_beside(folder, opening)} --quantize {opening.quantize}"
        raise ModelError(said, at="--quantize", hint=hint)
    if method := stored_method(stored_config(Spec(folder))):
        said = f"{opening.model} is quantized already, by `{method}`"
        raise ModelError(said, at="--quantize", hint=f"whet serve {opening.model}")


def _beside(folder: str, opening: Opening) -> str:
    """The command that serves the model, an adapter, and those asked for beside their base."""
    adapters = {Path(folder).name: folder, **opening.adapters}
    words = [word for name, path in adapters.items() for word in ("--adapter", f"{name}={path}")]
    return shlex.join(["whet", "serve", base_of(folder), *words])


def _adapter(name: str, given: str, root: Path) -> str:
    folder = find_model(exact(given, root), root)
    if not is_adapter(folder):
        said = f"{given} is no adapter: it is a whole model"
        raise ModelError(said, at=f"--adapter {name}", hint=f"whet serve {given}")
    return folder

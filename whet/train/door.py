"""The door: what is known to fail, or to do nothing, is refused before any data is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.base.errors import ConfigError
from whet.base.facts import Need
from whet.base.run import Data, Run
from whet.contracts.model import FAMILIES
from whet.contracts.tuner import Tuner
from whet.parallel.world import device_of
from whet.train.folder import RunFolder
from whet.train.online.door import check_online

# Settings of `data` that say how text becomes tokens, and those of them that are about conversations and replies.
_OF_TEXT = ("template", "tools", "thinking", "system", "train_on", "loss_scale", "max_length", "truncation", "allow")
_OF_REPLIES = ("template", "tools", "thinking", "system", "train_on", "loss_scale", "allow")


def enter(run: Run, *, is_new: bool) -> Tuner:
    """The run's tuner, once nothing speaks against the run. Raises WhetError with the setting's place."""
    if is_new:
        RunFolder.refuse_taken(run)
    device_of(run.train.device)
    chosen = objective.get(run.objective.kind).build(**run.objective.values())
    check_online(run)
    _check_evaluation(run)
    _check_optimizer(run)
    _check_objective(run, chosen)
    _check_ahead(run)
    _check_virtual(run)
    if not model_source.get(run.model.kind).facts.tokens:
        _check_without_tokens(run)
    elif objective.get(run.objective.kind).facts.form:
        _check_raw(run)
    elif getattr(chosen, "reading", None) is not None:
        _check_texts(run)
    return tuner.get(run.tuner.kind).build(**run.tuner.values())


def check_family(run: Run, family: str) -> None:
    """Raise ConfigError when the objective cannot train a model of this family."""
    kind = objective.get(run.objective.kind)
    families = kind.facts.families
    if family in families:
        _check_of_family(run, family)
        return
    fitting = [n for n in objective.names() if family in objective.get(n).facts.families]
    hint = f"objective: {', '.join(fitting)}" if fitting else f"a model that is {FAMILIES[families[0]]}"
    path = run.model.values().get("path")
    name = path or run.model.values()["init"]
    name = name["model_type"] if isinstance(name, dict) else name
    raise ConfigError(
        f"`objective: {kind.name}` trains {' or '.join(FAMILIES[one] for one in families)}, and {name} is "
        f"{FAMILIES[family]}",
        at="objective.kind",
        hint=hint,
    )


def _check_of_family(run: Run, family: str) -> None:
    """What only decoders have."""
    if family == "causal":
        return
    if run.train.group is not None:
        raise ConfigError(
            f"`train.group` shifts the attention of decoders, and the model is {FAMILIES[family]}",
            at="train.group", hint="train.group=null",
        )  # fmt: skip
    if family == "masked":
        if run.objective.values().get("attention") == "bidirectional":
            raise ConfigError(
                "`objective.attention` does nothing: an encoder's tokens see all of their text anyway",
                at="objective.attention", hint="objective.attention=causal",
            )  # fmt: skip
        if run.evaluate.prompts:
            raise ConfigError(
                "`evaluate.prompts`: an encoder writes no answers", at="evaluate.prompts", hint="evaluate.prompts=[]"
            )
        return
    if run.train.neftune:
        raise ConfigError(
            "`train.neftune` is for models that read and write in one row", at="train.neftune", hint="train.neftune=0"
        )
    for name, shown in _changed(run, ("template", "tools", "thinking", "system", "train_on", "allow")):
        raise ConfigError(
            f"`data.{name}` does nothing: an encoder-decoder reads a question as it is and learns all of its answer",
            at=f"data.{name}", hint=f"data.{name}={shown}",
        )  # fmt: skip


def _check_evaluation(run: Run) -> None:
    """Settings of `evaluate` that wait for something which never comes."""
    for number, source in enumerate(run.data.held_out if isinstance(run.data.held_out, list) else ()):
        if source.weight != 1:
            place = f"data.held_out.{number}.weight"
            raise ConfigError(f"`{place}` does nothing: held-out samples count once each", at=place, hint=f"{place}=1")
    if run.data.held_out:
        return
    if run.evaluate.early_stop is not None:
        raise _idle("evaluate.early_stop", "nothing is held out to measure")
    if run.evaluate.every is not None and not run.evaluate.prompts:
        raise _idle("evaluate.every", "nothing is held out to measure, and there are no prompts to answer")


def _check_objective(run: Run, chosen: object) -> None:
    """What of the run does not go with the objective's head, or with its passes."""
    name = run.objective.kind
    if getattr(chosen, "head", None) is not None and run.evaluate.prompts:
        raise ConfigError(
            f"`evaluate.prompts` asks for answers, and a model of `{name}` gives none",
            at="evaluate.prompts",
            hint="evaluate.prompts=[]",
        )
    if objective.get(name).facts.replays and run.train.neftune:
        raise ConfigError(
            f"`train.neftune`: `{name}` goes over each step twice, and the noise is there only once",
            at="train.neftune",
            hint="train.neftune=0",
        )


def _check_optimizer(run: Run) -> None:
    """What the chosen optimizer needs of the loop, and what of `train` does not go with it."""
    chosen, train = run.optimizer, run.train
    needs: set[Need] = set(optimizer.get(chosen.kind).facts.needs)
    if (rest := chosen.values().get("rest")) is not None:  # of what is no matrix
        needs |= set(optimizer.get(rest.kind).facts.needs)
    if "sampled_gradient" in needs and run.objective.kind not in ("pretrain", "sft"):
        raise ConfigError(
            f"`optimizer: {chosen.kind}` draws labels from the model, and `objective: {run.objective.kind}` takes none",
            at="optimizer.kind",
            hint="optimizer: adamw",
        )
    if train.rounding != "stochastic" and train.precision != "bf16-pure":
        raise ConfigError(
            "`train.rounding` does nothing: no weights are bfloat16",
            at="train.rounding",
            hint="train.precision=bf16-pure",
        )
    if train.ema and needs & {"turns", "evaluation_weights"}:
        raise ConfigError(
            f"`train.ema`: `optimizer: {chosen.kind}` forgets or averages weights itself",
            at="train.ema",
            hint="train.ema=0",
        )
    if train.in_backward:
        _check_in_backward(run, needs)


def _check_ahead(run: Run) -> None:
    """Modules that look further ahead know neither groups of attention nor labels that were drawn."""
    if not run.objective.values().get("mtp"):
        return
    if run.train.group is not None:
        raise ConfigError(
            "`train.group` shifts attention in the model's own layers, and `objective.mtp` adds others",
            at="train.group", hint="train.group=null",
        )  # fmt: skip
    if "sampled_gradient" in optimizer.get(run.optimizer.kind).facts.needs:
        raise ConfigError(
            f"`optimizer: {run.optimizer.kind}` draws labels from the model, of the next token alone",
            at="optimizer.kind", hint="objective.mtp=0",
        )  # fmt: skip


def _check_virtual(run: Run) -> None:
    """Virtual tokens stand in each sample's row, where neither shifted groups nor the largest logits know of them."""
    kind = tuner.get(run.tuner.kind)
    if not kind.facts.virtual:
        return
    if run.train.group is not None:
        raise ConfigError(
            f"`train.group` cuts samples into groups, and the virtual tokens of `tuner: {kind.name}` belong to all",
            at="train.group", hint="train.group=null, or tuner=lora",
        )  # fmt: skip
    if "attention_logits" in optimizer.get(run.optimizer.kind).facts.needs:
        raise ConfigError(
            f"`optimizer: {run.optimizer.kind}` scales back projections to queries and keys, and `tuner: {kind.name}` "
            "trains none",
            at="optimizer.kind", hint="optimizer: muon, or tuner=lora",
        )  # fmt: skip


def _check_in_backward(run: Run, needs: set[Need]) -> None:
    """Of gradients that are taken out of their parameters in the backward pass, nothing else can be asked."""
    if run.train.clip:
        raise ConfigError(
            "`train.in_backward` steps with one gradient at a time, and cannot clip them",
            at="train.in_backward",
            hint="train.clip=0",
        )
    if needs & {"sampled_gradient", "attention_logits"} or run.train.ema or run.tuner.kind not in ("full", "freeze"):
        which = (
            "train.ema"
            if run.train.ema
            else f"optimizer: {run.optimizer.kind}"
            if needs
            else f"tuner: {run.tuner.kind}"
        )
        raise ConfigError(
            f"`train.in_backward` does not go with `{which}`", at="train.in_backward", hint="train.in_backward=false"
        )


def _idle(setting: str, reason: str) -> ConfigError:
    return ConfigError(f"`{setting}` does nothing: {reason}", at=setting, hint="data.held_out=0.1")


def _check_raw(run: Run) -> None:
    """What is about replies does nothing where every token of raw text is alike."""
    for name, shown in _changed(run, _OF_REPLIES):
        raise ConfigError(
            f"`data.{name}` does nothing: `objective: {run.objective.kind}` takes raw text",
            at=f"data.{name}",
            hint=f"data.{name}={shown}",
        )


def _check_texts(run: Run) -> None:
    """What is about conversations does nothing where none are read; labels may be allowed to be missing."""
    for name, shown in _changed(run, _OF_REPLIES):
        if name == "allow" and run.data.allow <= {"unseen_labels"}:
            continue
        raise ConfigError(
            f"`data.{name}` is about conversations, and `{run.objective.kind}` reads none",
            at=f"data.{name}",
            hint=f"data.{name}={shown}",
        )


def _changed(run: Run, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Settings of `data` that are not their default, and how the default is written."""
    for name in names:
        default = Data.model_fields[name].default
        if getattr(run.data, name) != default:
            yield name, "null" if default is None else default if isinstance(default, str) else "[]"


def _check_without_tokens(run: Run) -> None:
    for name, shown in _changed(run, _OF_TEXT):
        raise _wordless(f"data.{name}", f"data.{name}={shown}")
    if run.evaluate.prompts:
        raise _wordless("evaluate.prompts", "evaluate.prompts=[]")
    if run.train.neftune:
        raise _wordless("train.neftune", "train.neftune=0")
    if run.train.group is not None:
        raise _wordless("train.group", "train.group=null")
    for name in ("tokens", "batch_tokens"):
        if getattr(run.train, name) is not None:
            raise _wordless(f"train.{name}", "train.epochs=1" if name == "tokens" else "train.batch_samples=128")


def _wordless(setting: str, hint: str) -> ConfigError:
    return ConfigError(f"`{setting}` is about tokens, and the model has none", at=setting, hint=hint)

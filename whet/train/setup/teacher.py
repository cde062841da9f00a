"""The teacher of a distillation: a frozen model beside the student, or what it finds likeliest, stored beforehand."""

from __future__ import annotations

import contextlib
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from whet.base.catalogue import model_source
from whet.base.errors import ConfigError, ModelError, RunError
from whet.base.run import Run
from whet.contracts.batch import Batch
from whet.contracts.model import PLAIN, Loaded, Prediction, Readout
from whet.contracts.objective import Taught
from whet.contracts.sample import Sample
from whet.data.order.dataset import Dataset
from whet.data.store.teacher_logits import Teachings, TeachingsWriter, complete, is_stored, read_facts
from whet.kernels.linear_divergence import of_tokens, prediction_logits
from whet.kernels.linear_scores import linear_top
from whet.models.tokenizers.vocabulary import differences, fingerprint
from whet.parallel.pipeline.staged import Staged, through
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.world import AXES, World
from whet.train.setup.dataset_pass import batches_of
from whet.train.step.frozen import Frozen
from whet.train.step.micro_batches import Dealer

AT = "objective.teacher"
# Tokens a rank asks a teacher about at once, where the config does not say.
_MICRO_BATCH = {"cpu": 4096, "cuda": 16_384}


class Teacher(Frozen):
    """A frozen model that runs in the precision of its own weights, whatever that of the run."""

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, Tensor]:
        with torch.autocast(batch.text.ids.device.type, enabled=False):
            return super().run(batch, want, readout)

    def prediction(self, batch: Batch) -> Prediction:
        model: Any = self._model
        with self._asked(), torch.autocast(batch.text.ids.device.type, enabled=False):
            return model.prediction(batch)


def is_told(taught: Taught) -> bool:
    """Whether a run learns from what is stored of its teacher, and not from the teacher in every step."""
    return taught.top > 0 or is_stored(taught.path)


def check_teacher(taught: Taught, tokenizer: Any) -> None:
    """Raise WhetError where the teacher cannot teach this student: it has other tokens, or was asked otherwise."""
    if taught.top > len(tokenizer or ()):
        raise ConfigError(
            f"`top` is {taught.top}, and the tokenizer has {len(tokenizer or ())} tokens",
            at="objective.top", hint="objective.top=64",
        )  # fmt: skip
    if taught.path is None or not is_stored(taught.path):
        return _compare(tokenizer, read_tokenizer(taught), taught.path or taught.model.kind)
    facts = read_facts(Path(taught.path))
    if facts["tokenizer"] != fingerprint(tokenizer):
        raise ModelError(
            f"what is stored of `{facts['teacher']}` is about other tokens than the student's", at=AT,
            hint="a teacher with the student's tokenizer, or `whet distill` to learn from its answers",
        )  # fmt: skip
    if facts["temperature"] != taught.temperature:
        raise ConfigError(
            f"the teacher was stored at temperature {facts['temperature']:g}, and {taught.temperature:g} is asked for",
            at="objective.temperature", hint=f"objective.temperature={facts['temperature']:g}",
        )  # fmt: skip
    return None


def read_tokenizer(taught: Taught) -> Any:
    """The teacher's tokenizer, before any weight is read."""
    kind = model_source.get(taught.model.kind)
    with _its_place():
        return kind.facts.read(**taught.model.values())[0] if kind.facts.read is not None else None


def _compare(student: Any, teacher: Any, name: str) -> None:
    if student is None or teacher is None:
        raise ModelError(
            f"the teacher `{name}` has no tokenizer to compare with the student's",
            at=AT,
            hint=f"{AT}.tokenizer=Qwen/Qwen3-0.6B, or a folder with a tokenizer",
        )
    if found := differences(student, teacher):
        raise ModelError(
            f"the teacher `{name}` has another vocabulary than the student: {found}", at=AT,
            hint="a teacher with the student's tokenizer, or `whet distill` to learn from its answers",
        )  # fmt: skip


def teacher_run(run: Run, taught: Taught, world: World) -> Run:
    """The run as if the teacher were its model: frozen, in its own precision, without what only training needs."""
    narrow = taught.precision == "bf16" or (taught.precision == "auto" and world.device.type == "cuda")
    changes = {
        "precision": "bf16-pure" if narrow else "fp32", "neftune": 0.0, "group": None, "recompute": "none",
        "fp8": "none",
    }  # fmt: skip
    return run.model_copy(update={"model": taught.model, "train": run.train.model_copy(update=changes)})


def load_teacher(build: Callable[[], Loaded]) -> Teacher:
    """The teacher that `build` gives, with its mistakes placed where the config names it."""
    with _its_place():
        loaded = build()
    return Teacher(loaded.module, loaded.model)


def tell(
    taught: Taught,
    world: World,
    data: Mapping[str, Dataset],
    folder: Path,
    build: Callable[[], Loaded],
    micro_batch: int | str,
) -> Teachings:
    """What the teacher finds likeliest, for every sample: read where it is stored, else asked once and stored.

    A rank asks about a `micro_batch` of tokens at once. The teacher is gone afterwards. Raises DataError for samples
    that an earlier run's teacher was not asked about.
    """
    given = Path(taught.path or "")
    place = given if is_stored(taught.path) else folder / "teacher"
    if not world.agreed(is_stored(place)):
        _store(taught, world, data, place, load_teacher(build), micro_batch)
        if world.device.type == "cuda":
            torch.cuda.empty_cache()
    elif place != given:
        _check_own(place, taught)
    told = Teachings(place, taught.top)
    for part in data.values() if place == given else ():
        told.check(part)
    return told


def _check_own(place: Path, taught: Taught) -> None:
    """Raise RunError where what is stored in the run's folder was told by another teacher, or told otherwise."""
    facts, asked = read_facts(place), {"teacher": taught.path, "temperature": taught.temperature}
    for name, value in asked.items():
        if facts.get(name, value) != value:
            raise RunError(
                f"what is stored of the teacher has `{name}: {facts[name]}`, and the run `{value}`: "
                "it is of another run, or of before the config was changed",
                at=str(place),
                hint=f"put the run's own back, or rm -r {place}, and ask the teacher again",
            )


def _store(
    taught: Taught, world: World, data: Mapping[str, Dataset], place: Path, teacher: Teacher, micro_batch: int | str
) -> None:
    partial_folder = place.with_name(f"{place.name}.partial")
    if world.is_writer:
        shutil.rmtree(partial_folder, ignore_errors=True)
    world.wait()
    tokenizer = read_tokenizer(taught)
    longest = max(int(part.lengths.max()) for part in data.values())
    capacity = max(longest, _MICRO_BATCH[world.device.type] if isinstance(micro_batch, str) else micro_batch)
    said = (
        found
        for name, part in data.items()
        for found in _ask(name, part, Dealer(world, capacity), teacher, len(tokenizer), taught)
    )
    if world.is_first(AXES["data"]):  # of ranks that see the same samples one writes
        writer = TeachingsWriter(partial_folder, world.index("data"))
        for found in said:
            writer.append(*found)
        writer.close()
    else:
        deque(said, maxlen=0)  # the others take part in asking
    world.wait()
    if world.is_writer:
        facts = {
            "top": taught.top, "temperature": taught.temperature, "parts": world.count("data"),
            "tokenizer": fingerprint(tokenizer), "teacher": taught.path,
        }  # fmt: skip
        complete(partial_folder, place, facts)
    world.wait()


def _ask(
    name: str, data: Dataset, dealer: Dealer, teacher: Teacher, vocab: int, taught: Taught
) -> Iterator[tuple[Sample, np.ndarray, np.ndarray]]:
    """This rank's samples, each with what the teacher finds likeliest: ids and log-probabilities (P, K)."""
    world = dealer.world
    for batch, numbers in batches_of(
        data, dealer, dealer.capacity * world.count("data"), f"asking the teacher ({name})"
    ):
        ids_PK, logprobs_PK = _likeliest(teacher, batch.to(world.device), vocab, taught, world)
        at = 0
        for number in numbers:
            sample = data[number]
            count = int((np.asarray(sample.weights)[1:] > 0).sum())
            yield sample, ids_PK[at : at + count].numpy(), logprobs_PK[at : at + count].numpy()
            at += count


def _likeliest(teacher: Teacher, batch: Batch, vocab: int, taught: Taught, world: World) -> tuple[Tensor, Tensor]:
    """What the teacher finds likeliest, whose layers may lie on several ranks."""

    def found() -> tuple[Tensor, Tensor]:
        return likeliest(teacher.prediction(batch), taught.top, vocab, taught.temperature)

    return (
        found() if stages_of(teacher.module) is None else through(Staged(teacher.module, teacher), batch, world, found)
    )


@torch.no_grad()
def likeliest(teacher: Prediction, top: int, vocab: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Ids and log-probabilities (P, K) of a reading's likeliest tokens among the first `vocab`, on the CPU.

    A head often has more rows than the tokenizer has tokens; those mean nothing, and a student may not have them.
    """
    teacher = of_tokens(teacher, None, min(vocab, teacher.vocab))
    if teacher.weight is None:
        found = torch.log_softmax(prediction_logits(teacher) / temperature, -1).topk(top, -1)
        ids_PK, logprobs_PK = found.indices, found.values
    else:
        with torch.autocast(teacher.states.device.type, enabled=False):
            ids_PK, logprobs_PK = linear_top(
                teacher.states, teacher.weight, top, temperature=temperature, bias=teacher.bias,
                logit_scale=teacher.logit_scale, softcap=teacher.softcap,
            )  # fmt: skip
    return ids_PK.int().cpu(), logprobs_PK.float().cpu()


@contextlib.contextmanager
def _its_place() -> Iterator[None]:
    """What a model source says of `model` is about the teacher here."""
    try:
        yield
    except ModelError as error:
        if error.at is not None and error.at.startswith("model"):
            error.at = AT + error.at.removeprefix("model")
        if error.hint is not None and error.hint.startswith("model"):
            error.hint = AT + error.hint.removeprefix("model")
        raise

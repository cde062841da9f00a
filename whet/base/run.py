"""Run: the whole config of a run. Sections that are slots hold the settings of the chosen kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from whet.base.alerts import Alerts
from whet.base.parallel import Parallel
from whet.base.paths import user_path
from whet.base.rewards import Rewards
from whet.base.rollout import Rollout
from whet.base.schema import Settings
from whet.base.settings import (
    Auto,
    Count,
    Fraction,
    Momentum,
    Natural,
    NonNegative,
    Output,
    Place,
    Positive,
    RunName,
    Size,
    bare_list,
    choice,
)

Allowance = Literal[
    "nothing_to_train", "untrained_end", "doubled_bos", "render_mismatch", "missing_tokens", "unseen_tools",
    "unseen_labels",
]  # fmt: skip


class DataSource(Settings):
    """One file, folder or data set. A bare string is its `path`; `path#5000` takes 5,000 samples."""

    path: Place = Field(description="file, folder, or Hugging Face data set id", examples=["chat.jsonl"])
    samples: Count | None = Field(None, description="take this many rows, chosen by the seed")
    weight: Positive = Field(1.0, description="how often its samples appear in an epoch, on average")
    format: str = Field("auto", description="a data_format, or `auto` to detect it row by row")
    split: str | None = Field(None, description="split of a Hugging Face data set", examples=["train"])
    columns: dict[str, str] = Field({}, description="our column name -> the file's", examples=[{"prompt": "question"}])
    name: str | None = Field(None, description="the name in ledgers and figures", examples=["chat"])
    lines: bool = Field(False, description="every line of a text file is a row")

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class Data(Settings):
    """What is learned from. A bare list is `train`."""

    train: list[DataSource] = Field([], description="training sources")
    held_out: list[DataSource] | Fraction = Field(0.0, description="sources, or a fraction split off `train`")
    template: Place | None = Field(
        None,
        description="a chat template in place of the tokenizer's: a name (`whet slots template`) or a Jinja file",
        examples=["chatml"],
    )
    tools: Literal["auto", "native", "hermes", "json", "pythonic"] = Field(
        "auto",
        description="how tools, calls and results are written: `native` as the template does, the others as text of "
        "ordinary turns; `auto` takes the template's way, and `hermes` where it has none and the data have tools",
    )
    thinking: Literal["keep", "ignore_empty", "ignore", "strip"] = Field(
        "keep",
        description="thoughts before an answer: `keep` trains them, `ignore_empty` reads blocks without a thought, "
        "`ignore` reads all of them, `strip` takes them out of the data",
    )
    system: Literal["keep", "fold"] = Field(
        "keep", description="`fold` puts the system message before the user's first, for templates without one"
    )
    train_on: Literal["assistant", "last", "all"] = Field("assistant", description="which turns are trained")
    loss_scale: dict[str, NonNegative] = Field(
        {}, description="regular expression -> factor on the weight of its text", examples=[{"<think>.*</think>": 0.5}]
    )
    max_length: Size | None = Field(None, description="tokens a sample may have; the model's context by default")
    truncation: Literal["auto", "error", "cut", "split", "skip"] = Field(
        "auto", description="what happens to longer samples: `auto` splits raw text and refuses the rest"
    )
    window_steps: Size = Field(8, description="steps that are filled together by best fit")
    shuffle: bool = Field(True, description="seeded order, or that of the files")
    streaming: bool = Field(False, description="render while training, without a token store")
    workers: Annotated[int, Ge(0), Le(1024)] | Auto = Field("auto", description="processes that tokenise")
    max_skipped: Fraction = Field(0.01, description="share of rows that may be skipped before the run stops")
    allow: frozenset[Allowance] = Field(frozenset(), description="checks that may fail")

    @field_validator("template")
    @classmethod
    def _home(cls, value: str | None) -> str | None:
        """A file in the home folder in full; what is no path is left to whoever reads it."""
        return str(user_path(value)) if value is not None and value.startswith("~") else value

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return bare_list(value, "train")


class Watchdog(Settings):
    """When the loop raises the alarm about the loss."""

    action: Literal["stop", "warn", "rollback", "off"] = Field(
        "stop",
        description="what an alarm does; `rollback` goes back to the last checkpoint of before, and leaves out the "
        "batches that made the spike",
    )
    spike: Positive = Field(6.0, description="alarm at this many robust deviations above the recent median")
    window: Size = Field(64, description="recent steps that are compared with")
    patience: Count = Field(5, description="spiking steps in a row before the alarm")
    skip: Natural = Field(2, description="batches before the first spiking one that a rollback leaves out too")
    rollbacks: Count = Field(3, description="how often a run goes back before an alarm stops it")


class Offload(Settings):
    """What leaves the device between two uses of it: for the host's memory, or on a CPU for a file that is mapped."""

    activations: bool = Field(False, description="what layers keep for the backward pass")
    optimizer: Fraction = Field(
        0.0, description="the share of the optimizer's state that comes when its weight is stepped, and goes again"
    )
    weights: bool = Field(
        False,
        description="weights, their gradients and state, which are stepped on the host; layers fetch them (FSDP2)",
    )


class Train(Settings):
    """The loop: length, batch, precision, cadences."""

    epochs: Positive | None = Field(None, description="passes over the data; 1 if nothing else is given")
    steps: Count | None = Field(None, description="optimizer steps")
    tokens: Count | None = Field(None, description="tokens in total")
    batch_tokens: Size | None = Field(None, description="tokens a step (16,384 for models with tokens)")
    batch_samples: Size | None = Field(None, description="samples a step (128 for models without tokens)")
    micro_batch: Size | Auto = Field(
        "auto", description="tokens (or samples) computed at once on a rank; at least the longest sample"
    )
    clip: NonNegative = Field(1.0, description="largest gradient norm; 0 never clips")
    precision: Literal["auto", "fp32", "bf16", "fp16", "bf16-pure"] = Field(
        "auto",
        description="`bf16` is autocast over fp32 weights; `auto` takes it on GPUs, and on CPUs faster with it; `fp16` "
        "is for GPUs without bf16, and scales the loss as far as gradients bear",
    )
    fp8: Literal["none", "tensorwise", "rowwise", "mxfp8"] = Field(
        "none",
        description="linear layers of the blocks multiply in 8 bits while they are trained: with one scale a tensor, "
        "one a row, or one for 32 numbers (on GPUs that have it)",
    )
    rounding: Literal["stochastic", "kahan"] = Field(
        "stochastic", description="how `bf16-pure` weights take small steps; `kahan` keeps 2 bytes a weight for it"
    )
    ema: Momentum = Field(0.0, description="decay of an average of the weights that is evaluated and written; 0: none")
    in_backward: bool = Field(False, description="hold one gradient at a time, the others on the host or in a file")
    depth_rate: Positive = Field(1.0, description="factor of the learning rate from each layer to the one below it")
    neftune: NonNegative = Field(0.0, description="noise on the embeddings while training (NEFTune); 5 is usual")
    balance: NonNegative = Field(
        0.0,
        description="weight of a loss that keeps a mixture's experts equally busy (0.001 is usual), for a pass more",
    )
    group: Size | None = Field(
        None, description="tokens that see each other while training, in shifted groups (LongLoRA); all by default"
    )
    recompute: Literal["none", "selective", "full"] = Field(
        "none",
        description="activation checkpointing: `full` keeps inputs of layers alone, for a third more time; `selective` "
        "keeps products of matrices and attention too, for little more",
    )
    recompute_every: Size = Field(1, description="of the layers, only every so many-th is recomputed")
    offload: Offload = Offload()
    compile: bool = Field(False, description="torch.compile each layer")
    device: str = Field("auto", description="cpu, cuda, cuda:1")
    threads: Annotated[int, Ge(1), Le(4096)] | Auto = Field("auto", description="CPU threads; pinned for exact resume")
    checkpoint_every: Count | None = Field(
        None, description="steps between checkpoints; by default a tenth of the run, and at least 30 s"
    )
    keep: Count = Field(2, description="checkpoints kept")
    async_checkpoint: bool = Field(
        False, description="write checkpoints while training goes on, from a copy of weights and state in host memory"
    )
    restarts: Natural = Field(
        0,
        description="how often the run is begun anew after a rank was killed or hung, without a new checkpoint in "
        "between; torchrun has --max-restarts",
    )
    watchdog: Watchdog = Watchdog()

    @field_validator("recompute", mode="before")
    @classmethod
    def _all_or_nothing(cls, value: Any) -> Any:
        """Whether activations are recomputed, as a switch."""
        return {True: "full", False: "none"}[value] if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_length_one_batch(self) -> Train:
        for names in (("epochs", "steps", "tokens"), ("batch_tokens", "batch_samples")):
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) > 1:
                context = {"names": ", ".join(given), "hint": f"train.{given[0]}=null, or train.{given[-1]}=null"}
                raise PydanticCustomError("choice_of_one", "give only one of {names}", context)
        return self


class Track(Settings):
    """Where the run's record goes."""

    folder: Output = Field("runs", description="folder of run folders")
    sinks: list[choice("sink")] = Field(  # type: ignore[valid-type]
        ["log", "terminal"], description="receivers of the run's records: names, or mappings with `kind` and settings"
    )
    log_every: Count = Field(1, description="steps between records")
    rows: bool = Field(True, description="write down which rows each step learned from, with the loss of each")
    tokens_every: Natural = Field(
        100, description="steps between records of single tokens' losses, the first step too; 0: none"
    )
    tokens_rows: Count = Field(4, description="rows of such a step whose tokens are recorded, on each rank")
    rollout_prompts: Natural = Field(
        4, description="prompts of each rollout whose answers are recorded, with what every reward said; 0: none"
    )
    state_every: Natural | None = Field(
        None,
        description="steps between digests of weights, generators and loader, by which `whet runs diff` compares; a "
        "tenth of the run by default, 0: none",
    )
    layers_every: Natural = Field(
        0, description="steps between statistics of each layer's gradients and activations; 0: none"
    )
    environment: bool = Field(True, description="record command, packages, system, source code and hardware")
    console: bool = Field(True, description="keep what `whet train` prints, on every rank")
    hardware_every_s: NonNegative = Field(5.0, description="seconds between samples of the machine; 0: none")
    price_per_hour: NonNegative = Field(0.0, description="what an hour of this machine costs, in any currency")
    price_per_kwh: NonNegative = Field(0.0, description="what a kilowatt-hour costs")
    tee: list[choice("follower")] = Field(  # type: ignore[valid-type]
        [], description="who else is given what is logged, by a process of its own", examples=[["tensorboard"]]
    )
    alerts: Alerts = Field(Alerts(), description="who is told when something happens", examples=[["slack"]])


class Evaluate(Settings):
    """Held-out loss or reward, answers to prompts, and early stop."""

    every: Natural | None = Field(
        None, description="steps between evaluations; a tenth of the run by default, 0: at its end alone"
    )
    prompts: list[str] = Field([], description="prompts answered at each evaluation", examples=[["Name a colour."]])
    max_new_tokens: Size = Field(64, description="tokens of an answer")
    early_stop: Count | None = Field(None, description="evaluations without improvement before the run stops")


class Run(Settings):
    """A run: the whole config."""

    name: RunName | None = Field(
        None, description="the run's folder; made from objective, model and date by default", examples=["first"]
    )
    seed: Natural = Field(0, description="seed of order, initialisation and noise")
    plugins: list[Place] = Field(
        [], description="Python files whose decorators register further kinds", examples=[["plugin.py"]]
    )
    model: choice("model_source", "hf") = Field(  # type: ignore[valid-type]
        description="what is trained", examples=["Qwen/Qwen3-0.6B"]
    )
    tuner: choice("tuner", "full") = Field(None, description="which parameters are trained")  # type: ignore[valid-type]
    data: Data = Field(Data(), description="what is learned from", examples=[["chat.jsonl"]])
    objective: choice("objective", "sft") = Field(None, description="the loss")  # type: ignore[valid-type]
    optimizer: choice("optimizer", "adamw") = Field(None, description="the update rule")  # type: ignore[valid-type]
    schedule: choice("schedule", "cosine") = Field(None, description="the learning rate over time")  # type: ignore[valid-type]
    rewards: Rewards = Field(Rewards(), description="what grades completions", examples=[["math"]])
    rollout: Rollout = Rollout()
    train: Train = Train()
    parallel: Parallel = Parallel()
    track: Track = Track()
    evaluate: Evaluate = Evaluate()

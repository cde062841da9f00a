"""The equivalence report: does the written model say what the trained one said?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig

from whet.base.errors import ModelError
from whet.contracts.model import Head, ParamRole
from whet.export.figures import figures_of
from whet.export.limits import DENSE, EXACT, ROUTED, TINY, Limits, beyond_rounding, of_change
from whet.export.observation import Observed, is_prompted, observe
from whet.kernels.layout import whole_tensor
from whet.kernels.quantized import Quantized
from whet.models.checkpoints import quantized
from whet.models.checkpoints.coded import is_beyond_transformers, load_coded
from whet.models.forward.heads import beside, class_of, headed, quietly
from whet.models.merging.layers import fold
from whet.models.roles import roles
from whet.models.tuning.adapter_files import base_of, is_adapter, stored_weights
from whet.models.tuning.wrapper import adapter_state, quiet, wrapper_of
from whet.parallel.pipeline.stages import stages_of


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of the trained and of the written model (None: not measured), and both in words."""

    before: float | None
    after: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """Differences between a trained and a written model over `positions`, and which checks failed, in words.

    `generation` is the share of the greedily generated tokens that both agree on, up to the first other one of each
    prompt (NaN: it does not generate, or could not, for the reason `cannot`). `shift` is the difference, in the median
    over places, of the token whose logit has it largest: no single place moves it. `ran_by` says what computed the
    written model. `measured` are further figures. Tokens whose logits are closer than rounding are one choice: which of
    them came is no difference.
    """

    positions: int
    max_difference: float
    mean_difference: float
    deviation: float
    max_kl: float
    mean_kl: float
    agreement: float
    generation: float
    end_of_turn: int | None
    stops: Sequence[int]
    limits: Limits
    ran_by: str = "transformers"
    failures: Sequence[str] = field(default_factory=tuple)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    cannot: str = ""
    shift: float = math.nan

    @property
    def passed(self) -> bool:
        return not self.failures

    def text(self) -> str:
        """The report in a few lines."""
        lines = [
            f"positions compared    {self.positions}, by {self.ran_by}",
            f"logit difference      max {self.max_difference:.3g}, mean {self.mean_difference:.3g}, one token's "
            f"{self.shift:.3g} (deviation of the logits {self.deviation:.3g})",
            f"KL divergence         max {self.max_kl:.3g}, mean {self.mean_kl:.3g} nats",
            f"greedy agreement      {self.agreement:.2%}, generated alike {self.generation:.2%}",
            f"stops at              {', '.join(map(str, self.stops))} (end of turn: {self.end_of_turn})",
            *([f"generation            not compared: {self.cannot}"] if self.cannot else []),
            *(f"{name:<22}{one.text}" for name, one in self.measured.items()),
            *(f"FAILED: {failure}" for failure in self.failures),
        ]
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        """The report as JSON."""
        path.write_text(json.dumps({"passed": self.passed, **asdict(self)}, indent=2) + "\n", encoding="utf-8")

    def error(self, at: str) -> ModelError:
        """What failed, as an error."""
        reasons = "; ".join(self.failures)
        return ModelError(
            f"the written model is not the trained one: {reasons}", at=at, hint=f"see {at}/equivalence.json"
        )


def compare(
    trained: Observed, folder: Path, *, device: torch.device | str = "cpu", limits: Limits | None = None,
    continues: bool = True, load: Callable[[Path], nn.Module] | None = None,
) -> Report:  # fmt: skip
    """Load the written folder with plain transformers (and PEFT, for an adapter), in fp32 and its stock attention; or
    as `load` does, where ranks share the trained model: each then reads its own part, and all call this together.

    Weights of half precision are exact in fp32, so what differs is their rounding, and the arithmetic of a trained
    model that was observed in half precision. By default the limits are those of the coarser dtype. Without `continues`
    what they generate is not compared.
    """
    from transformers import AutoTokenizer, GenerationConfig

    module = plain(folder).to(device) if load is None else load(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    written = observe(module, tokenizer, continues=continues)
    if is_prompted(module):
        trained = replace(trained, continued=[])
    if limits is None:
        of_dtype = ROUTED if any(_on_stages(module, ParamRole.EXPERT in roles(module).values())) else DENSE
        limits = max(of_dtype[_stored_dtype(folder)], of_dtype[trained.dtype], key=lambda one: one.kl)
    generates = (folder / "generation_config.json").is_file()
    stops = _listed(GenerationConfig.from_pretrained(folder).eos_token_id) if generates else []
    is_ours = any(isinstance(p, Quantized) and p.codec == "grouped" for p in module.parameters())
    ran_by, unread = "whet" if is_ours or load else "transformers", _unread(folder, module)
    report = judge(trained, written, stops, limits, ran_by, unread)
    if report.passed or limits.mean > EXACT.mean or load:  # ranks compute alike what they have read back
        return report
    rounding = _rounding(module, tokenizer, written, continues=continues)
    return judge(trained, written, stops, limits, ran_by, unread, rounding) if rounding else report


def judge(
    trained: Observed,
    written: Observed,
    stops: Sequence[int],
    limits: Limits,
    ran_by: str = "transformers",
    unread: Sequence[str] = (),
    rounding: Mapping[str, float] | None = None,
) -> Report:
    """The report on two observations. `stops` are the tokens at which the written model ends an answer, `unread` the
    stored tensors that were not found in it, `rounding` how far that model is from itself in float64.

    That one of them could not generate is said, and fails nothing: their logits are compared.
    """
    cannot = trained.cannot or written.cannot
    if cannot:
        trained, written = replace(trained, continued=[]), replace(written, continued=[])
    figures = figures_of(trained, written)
    if trained.moved is not None and limits.mean <= EXACT.mean:
        limits = of_change(limits, trained.moved / max(figures["deviation"], TINY))
    if rounding:
        limits = beyond_rounding(limits, rounding)
    failures = [*_text_failures(trained, written, stops), *_number_failures(figures, limits)]
    if unread:
        named = ", ".join(unread[:3]) + (", ..." if len(unread) > 3 else "")
        failures.insert(0, f"{len(unread)} tensors of the adapter are lost when PEFT loads it: {named}")
    return Report(
        **figures, end_of_turn=trained.end_of_turn, stops=stops, limits=limits, ran_by=ran_by, failures=failures,
        cannot=cannot,
    )  # fmt: skip


def plain(folder: Path, head: Head | None = None) -> nn.Module:
    """The model of a folder as transformers loads it, in fp32; an adapter's as PEFT puts it on its base.

    Quantized weights that transformers cannot read, such as for want of a package, are read here. An adapter's base is
    quantized as it was while the adapter was trained, and gets the `head` that the adapter has trained.
    """
    if not is_adapter(str(folder)):
        config = AutoConfig.from_pretrained(folder)
        kind = headed(config, head) if head else class_of(config).auto
        if is_beyond_transformers(config):
            return load_coded(str(folder), config, {"dtype": torch.float32}, kind)
        with quantized.unpacking(config) as unpack, quietly() if head else nullcontext():
            module = kind.from_pretrained(folder, config=config, dtype=torch.float32)
            unpack(module)
        return module
    from peft import PeftModel

    base: Any = plain(Path(base_of(str(folder))), beside(str(folder)) or head)
    if isinstance(base, PeftModel):
        base = fold(quantized.dequantize(base.get_base_model()))
    how = quantized.Quantization.beside(str(folder))
    if how is not None:
        quantized.quantize(base, how)
    with quiet():
        return PeftModel.from_pretrained(base, folder)


def _rounding(module: nn.Module, tokenizer: Any, written: Observed, *, continues: bool) -> dict[str, Any] | None:
    """Figures of the written model in float32 against itself in float64, which it is left in; None where its parts do
    not all compute in float64."""
    is_broken = any(bool(logits.isnan().any()) for logits in written.logits)
    if is_broken or any(isinstance(parameter, Quantized) for parameter in module.parameters()):
        return None
    try:
        exact = observe(module.double(), tokenizer, continues=continues)
    except (RuntimeError, TypeError, ValueError):  # memory, or a part that insists on its own dtype
        return None
    return figures_of(exact, written)


def _unread(folder: Path, module: Any) -> list[str]:
    """Tensors that an adapter's folder holds, or PEFT's model of it, and the other does not hold with these values."""
    if not is_adapter(str(folder)) or is_prompted(module):
        return []
    wrapper = wrapper_of(module) or module
    stored, lying = stored_weights(str(folder)), adapter_state(wrapper, wrapper.state_dict())
    held = {name: whole_tensor(tensor) for name, tensor in lying.items()}
    alike = {name for name in stored.keys() & held.keys() if torch.equal(stored[name].to(held[name]), held[name])}
    found = _on_stages(module, (set(held), alike))
    return sorted((stored.keys() | set().union(*(one for one, _ in found))) - set().union(*(one for _, one in found)))


def _on_stages(module: nn.Module, value: Any) -> list[Any]:
    """The value of every rank that has some of the module's layers, on each of them."""
    stages = stages_of(module)
    return [value] if stages is None else stages.gathered(value)


def _stored_dtype(folder: Path) -> torch.dtype:
    """The dtype that the written weights have; an adapter's are stored as they were trained."""
    if is_adapter(str(folder)):
        return torch.float32
    return getattr(torch, json.loads((folder / "config.json").read_text())["dtype"])


def _listed(ends: int | list[int] | None) -> list[int]:
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


def _text_failures(trained: Observed, written: Observed, stops: Sequence[int]) -> Iterator[str]:
    if list(trained.rendered) != list(written.rendered):
        yield "the chat template renders differently"
    if [list(ids) for ids in trained.ids] != [list(ids) for ids in written.ids]:
        yield "the tokenizer gives other tokens"
    if trained.end_of_turn is not None and trained.continued and trained.end_of_turn not in stops:
        yield f"generation does not stop at the end of turn ({trained.end_of_turn})"


def _number_failures(figures: Mapping[str, Any], limits: Limits) -> Iterator[str]:
    """Written so that NaN fails every check but that of a model that does not generate."""
    checks = (("shift", limits.largest, "of one token"), ("mean_difference", limits.mean, "mean"))
    for name, limit, said in checks:
        found, allowed = figures[name], (limit or 0.0) * figures["deviation"]
        if limit is not None and not found <= allowed:
            yield f"logits differ by {found:.3g} ({said}), and {allowed:.3g} is allowed"
    if not figures["mean_kl"] <= limits.kl:
        yield f"the mean KL divergence is {figures['mean_kl']:.3g}, and {limits.kl:.3g} is allowed"
    if not figures["agreement"] >= limits.agreement:
        yield f"{figures['agreement']:.2%} of the greedy tokens agree, and {limits.agreement:.0%} must"
    if figures["generation"] < limits.generation:
        yield f"{figures['generation']:.2%} of the generated tokens agree, and {limits.generation:.0%} must"

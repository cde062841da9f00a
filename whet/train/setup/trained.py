"""The model of a run with all that trains it: its tuner, objective, optimizer and executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from whet.base.catalogue import optimizer
from whet.base.run import Run
from whet.contracts.model import Loaded, Model, Models
from whet.contracts.objective import Objective
from whet.contracts.optimizer import Optimizer
from whet.contracts.tuner import Tuner
from whet.kernels.host_memory import host_memory
from whet.models.features.balance import RouterTotals
from whet.models.features.carried import features_of
from whet.models.features.logit_peaks import watch
from whet.objectives.balanced import Balanced
from whet.optim.adapted import adapted
from whet.optim.depth import depth_rates
from whet.optim.ema import Averaged
from whet.optim.gradient_offload import GradientOffload
from whet.optim.groups import ParamGroups
from whet.optim.state_offload import StateOffload
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.world import World
from whet.train.record.layers import LayerStatistics
from whet.train.setup.precision import autocast_dtype
from whet.train.step.executor import DataParallel
from whet.train.step.flops import Effort, Work
from whet.train.step.loss_scale import LossScale
from whet.train.step.losses import StepLosses
from whet.train.step.phases import Phases
from whet.train.step.pipelined import PipelineParallel
from whet.train.step.stepping import Stepping


@dataclass(frozen=True, slots=True)
class Trained:
    """Who takes part in the steps of a run."""

    run: Run
    world: World
    loaded: Loaded
    tuner: Tuner
    objective: Objective
    optimizer: Optimizer
    executor: Stepping

    @classmethod
    def of(
        cls, run: Run, world: World, loaded: Loaded, tuner: Tuner, objective: Objective, others: Mapping[str, Model]
    ) -> Trained:
        """Raises ConfigError for an optimizer that this model, or the section `train`, leaves no room for."""
        update = optimizer_of(run, world, loaded, groups_of(run, loaded, tuner))
        kind = DataParallel if stages_of(loaded.module) is None else PipelineParallel
        executor = kind(
            world=world,
            models=Models(loaded.model, others),
            objective=_balanced(run, world, loaded, objective),
            optimizer=update,
            module=loaded.module,
            seed=run.seed,
            clip=run.train.clip,
            autocast=autocast_dtype(run, world.device),
            tuner=tuner,
            phases=Phases(world.device),
            losses=StepLosses() if run.track.rows else None,
            layers=_layers(run, world, loaded),
            sums_once=run.parallel.zero == 1,
            scale=LossScale() if run.train.precision == "fp16" else None,
        )
        return cls(run, world, loaded, tuner, objective, update, executor)

    @property
    def effort(self) -> Effort:
        """What a step computes, in the type of most of its matrix products. Ranks call it together."""
        weights = (p.dtype for p in self.loaded.module.parameters() if p.dim() > 1 and p.dtype.is_floating_point)
        dtype = self.executor.autocast or next(weights, torch.float32)
        work = Work.of(self.loaded).of_all_stages(self.world)
        return Effort(work, self.world.device, dtype, self.world.count("all"))

    @property
    def untouched(self) -> frozenset[str]:
        """What checkpoints leave out."""
        return untouched(self.tuner, self.loaded.module)


def untouched(method: Tuner, module: nn.Module) -> frozenset[str]:
    """What checkpoints leave out: nothing that is trained, whether the tuner knows of it or not (a value head)."""
    return method.untouched(module) - {name for name, p in module.named_parameters() if p.requires_grad}


def groups_of(run: Run, model: Loaded, method: Tuner) -> ParamGroups:
    """The trained parameters, each with the product of its tuner's rate and that of its depth."""
    rates = depth_rates(model.module, model.layers, run.train.depth_rate)
    for name, factor in method.rates(model.module).items():
        rates[name] *= factor
    return ParamGroups.of(
        model.module, model.roles, rates, model.layers,
        seed=run.seed, rounding=run.train.rounding, one_by_one=run.train.in_backward,
    )  # fmt: skip


def _balanced(run: Run, world: World, model: Loaded, objective: Objective) -> Objective:
    """The loss, with that for balance beside it where the model tells what its routers do."""
    told = next((one for one in features_of(model.module) if isinstance(one, RouterTotals)), None)
    return objective if told is None else Balanced(objective, told, run.train.balance, world.count("context"))


def _layers(run: Run, world: World, model: Loaded) -> LayerStatistics | None:
    hooked = () if run.train.compile else model.layers
    every = run.track.layers_every
    return LayerStatistics(model.module, model.layers, hooked, world, every) if every else None


def optimizer_of(run: Run, world: World, model: Loaded, groups: ParamGroups) -> Optimizer:
    """The chosen kind, with what `train` puts around it."""
    kind = optimizer.get(run.optimizer.kind)
    chosen = adapted(kind.build(groups, **run.optimizer.values()))
    if "attention_logits" in kind.facts.needs:
        chosen.attach(watch(model.module, world.device))
    if run.train.offload.optimizer:
        chosen = StateOffload(chosen, host_memory(world.device), run.train.offload.optimizer)
    if run.train.in_backward:
        chosen = GradientOffload(chosen)
    return Averaged(chosen, run.train.ema) if run.train.ema else chosen

"""Parameters with their names, roles and rates, cut into the groups that optimizers take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from whet.base.errors import ConfigError
from whet.contracts.model import ParamRole
from whet.optim.depth import layer_indices

if TYPE_CHECKING:
    from torch import nn
    from torch.nn import Module, Parameter

Rounding = Literal["stochastic", "kahan"]


@dataclass(frozen=True, slots=True)
class NamedParameter:
    """A trained parameter, its name in the module, and what it is for.

    `rate` multiplies the optimizer's rate. `layer` is the repeated block that holds it (None outside of them).
    `head_rows` is the rows of one attention head in a query, key or value projection, else 0.
    """

    name: str
    parameter: Parameter
    role: ParamRole
    rate: float = 1.0
    layer: int | None = None
    head_rows: int = 0


@dataclass(frozen=True, slots=True)
class ParamGroups:
    """All trained parameters of a model, in the module's order, and what a step does besides the rule.

    `seed` is where an optimizer's own randomness starts. `rounding` says how bfloat16 weights take a step smaller
    than their precision. `one_by_one`: parameters are stepped singly, which torch's own optimizers cannot.
    """

    members: Sequence[NamedParameter]
    seed: int = 0
    rounding: Rounding = "stochastic"
    one_by_one: bool = False

    @property
    def fits_torch(self) -> bool:
        """Whether torch's fused optimizers do what is asked: they round moments to the weights' own bfloat16."""
        return not self.one_by_one and all(str(m.parameter.dtype) != "torch.bfloat16" for m in self.members)

    @classmethod
    def of(
        cls,
        module: Module,
        roles: Mapping[str, ParamRole],
        rates: Mapping[str, float] | None = None,
        layers: Sequence[str] = (),
        **facts: Any,
    ) -> ParamGroups:
        """Collect the parameters of `module` that require gradients; tied ones appear once.

        `rates` gives a factor of the learning rate by name; what it does not name has 1. `layers` are the names of the
        repeated blocks, `facts` further fields.
        """
        rates, found, heads = rates or {}, layer_indices(module, layers), head_rows(module)
        members = [
            NamedParameter(n, p, roles[n], rates.get(n, 1.0), found.get(id(p)), heads.get(id(p), 0))
            for n, p in module.named_parameters()
            if p.requires_grad
        ]
        if not members:
            raise ConfigError("no parameter is trained", hint="check `tuner`: it froze everything")
        return cls(members, **facts)

    def where(self, chosen: Callable[[NamedParameter], bool]) -> ParamGroups:
        """Those members that `chosen` takes; there may be none."""
        return replace(self, members=[m for m in self.members if chosen(m)])

    def with_decay(self, weight_decay: float, roles: Iterable[str]) -> list[dict[str, Any]]:
        """Torch groups: members whose role is in `roles` decay, the others do not; one more for each further rate.

        The loop multiplies a group's learning rate by its `rate`. Parameters on different meshes are never in one
        group: torch's fused steps take those of one mesh at a time.
        """
        decaying = self._checked(roles)
        groups: dict[tuple[float, bool, Any], dict[str, Any]] = {}
        for member in sorted(self.members, key=lambda m: (m.rate != 1.0, m.role not in decaying)):
            decays = member.role in decaying
            empty = {"params": [], "weight_decay": weight_decay if decays else 0.0, "rate": member.rate}
            mesh = getattr(member.parameter, "device_mesh", None)  # torch's: plain parameters are on none
            groups.setdefault((member.rate, decays, mesh), empty)["params"].append(member.parameter)
        return list(groups.values())

    def names(self) -> dict[int, str]:
        """The name of each parameter by the identity of its object."""
        return {id(m.parameter): m.name for m in self.members}

    @staticmethod
    def _checked(roles: Iterable[str]) -> set[ParamRole]:
        known = {role.value for role in ParamRole}
        unknown = [role for role in roles if role not in known]
        if unknown:
            raise ConfigError(
                f"`optimizer.decay`: unknown parameter role `{unknown[0]}`", hint=f"one of: {', '.join(sorted(known))}"
            )
        return {ParamRole(role) for role in roles}


def head_rows(module: nn.Module) -> dict[int, int]:
    """Rows of one head in each query, key and value projection, by the identity of its weight.

    Read from the attention module's own `head_dim`, never from width and head count: they differ (Qwen3, Gemma).
    A fused projection, and one whose rows are not whole heads, has no entry.
    """
    found = {}
    for owner in module.modules():
        size = getattr(owner, "head_dim", None)
        if not isinstance(size, int) or size < 1:
            continue
        for name, child in owner.named_children():
            weight = getattr(child, "weight", None)
            if name in ("q_proj", "k_proj", "v_proj") and weight is not None and weight.shape[0] % size == 0:
                found[id(weight)] = size
    return found

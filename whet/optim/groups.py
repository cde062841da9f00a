"""Parameters with their names and roles, cut into the groups that optimizers take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError
from whet.contracts.model import ParamRole

if TYPE_CHECKING:
    from torch.nn import Module, Parameter


@dataclass(frozen=True, slots=True)
class NamedParameter:
    """A trained parameter, its name in the module, and what it is for."""

    name: str
    parameter: Parameter
    role: ParamRole


@dataclass(frozen=True, slots=True)
class ParamGroups:
    """All trained parameters of a model, in the module's order."""

    members: Sequence[NamedParameter]

    @classmethod
    def of(cls, module: Module, roles: Mapping[str, ParamRole]) -> ParamGroups:
        """Collect the parameters of `module` that require gradients; tied ones appear once."""
        members = [NamedParameter(n, p, roles[n]) for n, p in module.named_parameters() if p.requires_grad]
        if not members:
            raise ConfigError("no parameter is trained", hint="check `tuner`: it froze everything")
        return cls(members)

    def with_decay(self, weight_decay: float, roles: Iterable[str]) -> list[dict[str, Any]]:
        """Two torch groups: members whose role is in `roles` decay, the others do not."""
        chosen = self._checked(roles)
        decayed = [m.parameter for m in self.members if m.role in chosen]
        plain = [m.parameter for m in self.members if m.role not in chosen]
        groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
        return [group for group in groups if group["params"]]

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

"""Bradley-Terry: the chance that one reply is better than another, from a score of each."""

# N sequences  G pairs

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from whet.contracts.batch import Batch
from whet.contracts.example import sample_of
from whet.contracts.model import Head, Models
from whet.contracts.objective import LossParts, Terms, Traits

_SCORES = frozenset({"scores"})


@dataclass(frozen=True, slots=True)
class BradleyTerry:
    """-log sigmoid(chosen - rejected - margin), averaged over pairs (Touvron et al. 2023, equation 2).

    The field `margin`, where samples have it, says by how much the chosen reply should win. `center` is the squared
    sum of both scores (Eisenstein et al. 2023, equation 2): the difference alone leaves their level free.
    """

    traits: ClassVar[Traits] = Traits(head=Head("sequence", ("",)), example=partial(sample_of, branches=2))

    coefficients: Mapping[str, float]

    def weights(self, batch: Batch) -> dict[str, float]:
        return dict.fromkeys(self.coefficients, float(batch.fields["weight"][0::2].double().sum()))

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        from torch.nn.functional import logsigmoid

        scores_N = models.run(batch, _SCORES)["scores"][:, 0].double()
        chosen_G, rejected_G = scores_N[0::2], scores_N[1::2]
        difference_G, weight_G = chosen_G - rejected_G, batch.fields["weight"][0::2].double()
        margin_G = batch.fields["margin"][0::2].double() if "margin" in batch.fields else 0.0
        loss_G = -logsigmoid(difference_G - margin_G)
        sums = {"pairs": (loss_G * weight_G).sum()}
        if "center" in self.coefficients:
            sums["center"] = ((chosen_G + rejected_G).square() * weight_G).sum()
        wins_G = (difference_G.detach() > 0).double()
        means = {"accuracy": wins_G, "margin": difference_G.detach(), "chosen": chosen_G.detach()}
        count = weight_G.sum()
        shown = {name: ((value_G * weight_G).sum(), count) for name, value_G in means.items()}
        return Terms(sums, shown, LossParts("group", loss_G.detach()))

"""What a layer keeps where ranks of `tensor` have some of the tokens each between its matrices (`parallel.sequence`).

Of what is as wide as the hidden states, two thirds lie between matrices: the inputs of both norms and what these make
of them. A rank has its part of those and, where weights are in fp32, one tensor more, of what it gathers. Where a layer
is computed again its input alone is kept, of which a rank has its part. The shares were traced of llama on 2 and 4
ranks, in each precision.
"""

from __future__ import annotations

from whet.plan.architecture import LayerMemory, Piece, Stretch
from whet.plan.formulas import Terms
from whet.plan.job import Job

_STATES = "tokens*hidden_size"
_BETWEEN = 2 / 3
_GATHERED = {"fp32": 1 / 6, "bf16": 1 / 6, "fp16": 1 / 6, "bf16-pure": 0.0}


def spread(layer: LayerMemory, job: Job, is_first: bool, is_last: bool) -> LayerMemory:
    """The memory of a layer whose tokens the ranks of `tensor` share between its matrices. The first layer has no input
    of its own to keep, and what follows the last one takes the tensor that was gathered."""
    ranks = job.mesh.tensor
    gathered = _GATHERED[job.precision]
    if not job.recompute:
        gathered *= (not is_last) - is_first / ranks
    inside = 1 - _BETWEEN * (1 - 1 / ranks) + gathered
    kept = 1 / ranks if job.recompute else inside
    forward = Stretch(_piece(layer.forward.left, kept), [_piece(tide, inside) for tide in layer.forward.tides])
    backward = {
        turn: Stretch(_piece(one.left, kept), [_piece(tide, inside) for tide in one.tides])
        for turn, one in layer.backward.items()
    }
    return LayerMemory(forward, _scaled(layer.dropped, kept), backward)


def _piece(piece: Piece, share: float) -> Piece:
    activations, gradients = piece
    return _scaled(activations, share), gradients


def _scaled(terms: Terms, share: float) -> Terms:
    return {name: num_bytes * (share if name == _STATES else 1.0) for name, num_bytes in terms.items()}

"""AWQ: inputs that carry much are scaled up before rounding and down where they come from (Lin et al. 2023)."""

# O rows (outputs)  I inputs  G groups of a row  g inputs of a group

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.export.quantizing.gptq import output_error
from whet.export.quantizing.walk import Shared
from whet.kernels.codes import Codes, Grid, nearest

STEPS = 20  # exponents tried between 0 and 1
SHRINKS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
# Where an input comes from by way of something that a factor passes through: attention's weighted sum, a gate.
_FROM = {
    "o_proj": "v_proj", "out_proj": "v_proj", "down_proj": "up_proj", "w2": "w3", "fc2": "fc1",
    "dense_4h_to_h": "dense_h_to_4h",
}  # fmt: skip


def fold_scales(block: Any, shared: Sequence[Shared], grid: Grid, run: Callable[[], Tensor]) -> int:
    """Scale the inputs of a block's linear layers, and undo it in the norm or layer that they come from.

    `run` gives the block's output. A scaling after which that is another by more than rounding is taken back, so only
    what can be folded exactly is. `shared` is kept true. Returns how many inputs were scaled.
    """
    count = 0
    for one in shared:
        readers = [block.get_submodule(name) for name in one.readers]
        scale_I = best_scale([reader.weight for reader in readers], one, grid)
        if bool((scale_I == 1).all()):
            continue
        undo = _saved(block)
        before = run()
        is_folded = _into_source(block, one, scale_I)
        for reader in readers:
            reader.weight.data = reader.weight.data * scale_I
        if is_folded and _alike(before, run()):
            one.hessian = one.hessian / scale_I[:, None] / scale_I
            one.magnitude = one.magnitude / scale_I
            count += 1
        else:
            undo()
    return count


def best_scale(weights: Sequence[Tensor], shared: Shared, grid: Grid) -> Tensor:
    """The scale of each input (I,): mean magnitudes to the power that leaves least error in the layers' outputs.

    Equation 5 of the paper, with the outputs' error of each layer added up in place of that of the block they lie in.
    The power 0, no scaling, is among those tried.
    """
    mean_I = (shared.magnitude / max(shared.count, 1)).clamp(min=1e-8)
    best_I, least = torch.ones_like(mean_I), None
    for step in range(STEPS):
        scale_I = mean_I.pow(step / STEPS).clamp(min=1e-4)
        scale_I = scale_I / (scale_I.max() * scale_I.min()).sqrt()
        error = 0.0
        for weight_OI in weights:
            rounded_OI = nearest(weight_OI * scale_I, grid).dense() / scale_I
            gap_OI = weight_OI - rounded_OI
            error += float(((gap_OI @ shared.hessian) * gap_OI).sum())
        if least is None or error < least:
            best_I, least = scale_I, error
    return best_I


def clipped(weight_OI: Tensor, hessian_II: Tensor | None, grid: Grid) -> Codes:
    """Round to nearest on grids that may be narrower than the weights: whichever leaves least error in the output.

    Each group is judged alone, by its own block of the Hessian.
    """
    assert hessian_II is not None
    size = grid.size(weight_OI.shape[1])
    groups_OGg = weight_OI.view(len(weight_OI), -1, size)
    num_groups = groups_OGg.shape[1]
    blocks_Ggg = torch.stack([hessian_II[at : at + size, at : at + size] for at in range(0, len(hessian_II), size)])
    best_OGg, least_OG = groups_OGg, torch.full(groups_OGg.shape[:2], torch.inf, device=weight_OI.device)
    top_OG1, bottom_OG1 = groups_OGg.amax(-1, keepdim=True), groups_OGg.amin(-1, keepdim=True)
    for shrink in SHRINKS:
        cut_OGg = groups_OGg.clamp(bottom_OG1 * shrink, top_OG1 * shrink)
        gap_OGg = groups_OGg - nearest(cut_OGg.reshape(weight_OI.shape), grid).dense().view(-1, num_groups, size)
        error_OG = torch.einsum("ogi,gij,ogj->og", gap_OGg, blocks_Ggg, gap_OGg)
        is_better_OG = error_OG < least_OG
        least_OG = torch.where(is_better_OG, error_OG, least_OG)
        best_OGg = torch.where(is_better_OG[:, :, None], cut_OGg, best_OGg)
    codes = nearest(best_OGg.reshape(weight_OI.shape), grid)
    plain = nearest(weight_OI, grid)
    is_worth_it = output_error(weight_OI, codes, hessian_II) < output_error(weight_OI, plain, hessian_II)
    return codes if is_worth_it else plain


def _into_source(block: Any, shared: Shared, scale_I: Tensor) -> bool:
    """Divide what comes out of the input's source by the scale; False where no way to is known."""
    if shared.source is not None and shared.seen is not None:
        return _into_norm(block.get_submodule(shared.source), shared.seen, scale_I)
    owner, _, last = shared.readers[0].rpartition(".")
    parent = block.get_submodule(owner)
    source = getattr(parent, _FROM.get(last, ""), None)
    if len(shared.readers) > 1 or not isinstance(source, nn.Linear) or source.out_features != len(scale_I):
        return False
    source.weight.data = source.weight.data / scale_I[:, None]
    if source.bias is not None:
        source.bias.data = source.bias.data / scale_I
    return True


def _into_norm(norm: Any, seen: tuple[Tensor, Tensor], scale_I: Tensor) -> bool:
    """A norm multiplies by its weight, or, as Gemma's, by one more than that."""
    weight = getattr(norm, "weight", None)
    if weight is None or weight.shape != scale_I.shape:
        return False
    own, (x, y) = weight.data, seen
    if getattr(norm, "bias", None) is not None:
        norm.bias.data = norm.bias.data / scale_I
    for value in (own / scale_I, (1 + own) / scale_I - 1):
        norm.weight.data = value
        with torch.no_grad():
            if _alike(y / scale_I, norm(x)):
                return True
    return False


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two outputs differ by no more than fp32's rounding of a few layers, beside their size."""
    return float((one - other).abs().max()) <= 1e-4 * float(one.abs().max())


def _saved(block: Any) -> Callable[[], None]:
    """What gives the block its present parameters back. They are replaced and never written into, so none is copied."""
    values = {name: parameter.data for name, parameter in block.named_parameters()}

    def undo() -> None:
        for name, parameter in block.named_parameters():
            parameter.data = values[name]

    return undo

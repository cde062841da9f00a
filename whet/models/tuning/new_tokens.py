"""New tokens: added to the tokenizer, with embeddings that start as the mean of what the tokens were written with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from whet.base.errors import TOKENIZER, ModelError
from whet.data.chat.control_tokens import MARK

PLACE = "whet_new_tokens"


@dataclass(frozen=True, slots=True)
class NewTokens:
    """Ids of the new tokens, and whether the embedding had to grow for them."""

    ids: tuple[int, ...]
    has_grown: bool


def add(tokenizer: Any, tokens: Sequence[str]) -> dict[int, list[int]]:
    """Add the tokens that the tokenizer lacks. Returns the id of each, and the ids of the pieces it was before."""
    if tokenizer is None:
        raise ModelError("new tokens need a tokenizer", at="model.new_tokens", hint=TOKENIZER)
    if "" in tokens:
        raise ModelError("a new token is empty", at="model.new_tokens", hint="'model.new_tokens=[<tool>]'")
    known = tokenizer.get_vocab()
    fresh = [token for token in dict.fromkeys(tokens) if token not in known]
    pieces = {token: tokenizer.encode(token, add_special_tokens=False) for token in fresh}
    for token in fresh:  # marks of templates are special: they end turns, and are no part of what a model says
        tokenizer.add_tokens([token], special_tokens=MARK.fullmatch(token) is not None)
    return {tokenizer.convert_tokens_to_ids(token): found for token, found in pieces.items()}


def grow(module: Any, pieces: Mapping[int, Sequence[int]]) -> None:
    """Give each new id an embedding, and a row of the head: the mean over its pieces."""
    rows = module.get_input_embeddings().weight.shape[0]
    needed = max(pieces, default=0) + 1
    if needed > rows:
        module.resize_token_embeddings(needed, mean_resizing=False)
    with torch.no_grad():
        for weight in {id(end.weight): end.weight for end in _ends(module)}.values():
            for new, old in pieces.items():
                if not weight.is_meta and old:
                    weight[new] = weight[list(old)].mean(dim=0)
    object.__setattr__(module, PLACE, NewTokens(tuple(pieces), needed > rows))


def new_tokens_of(module: nn.Module) -> NewTokens | None:
    found = module.__dict__.get(PLACE)
    return found if found is not None and found.ids else None


def trainable_rows(module: Any) -> dict[str, list[int]] | None:
    """Which rows of which embeddings an adapter must train and store for the new tokens; None without new ones.

    Raises ModelError where the embedding has grown: the adapter would not fit the base model that is stored.
    """
    new = new_tokens_of(module)
    if new is None:
        return None
    if new.has_grown:
        raise ModelError(
            "the model has no spare embeddings for new tokens, so an adapter of it could not be loaded again",
            at="model.new_tokens",
            hint="tuner=full, or store the model with the new tokens first",
        )
    names = {id(part): name.rsplit(".", 1)[-1] for name, part in module.named_modules()}
    unlike = {id(end.weight): end for end in reversed(_ends(module))}  # of tied ones the embedding
    return {names[id(end)]: list(new.ids) for end in unlike.values()}


def refuse_saved_ends(module: Any, saved: Collection[str]) -> None:
    """Raise ModelError where an end that is trained whole would have rows of new tokens beside it: PEFT holds one."""
    ends = {id(end) for end in _ends(module)}
    for name, part in module.named_modules():
        if id(part) in ends and (last := name.rsplit(".", 1)[-1]) in saved:
            rest = ", ".join(other for other in saved if other != last)
            raise ModelError(
                f"`{last}` cannot be trained whole beside rows of new tokens: the adapter would hold those rows twice",
                at="tuner.modules_to_save",
                hint=f"tuner.modules_to_save=[{rest}]: rows of new tokens are trained anyway; or tuner=full",
            )


def _ends(module: Any) -> list[Any]:
    """The embedding, and the head where there is one."""
    head = module.get_output_embeddings()
    return [module.get_input_embeddings(), *([] if head is None else [head])]

"""Groups: several answers to each prompt at once, the prompt computed once and its KV cache shared out.

The lean way for rollouts: whole answers only, tokens as tensors until they end, rows that have ended leave the batch.
"""

# P prompts  B rows (answers in the making)  T tokens  V vocab

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.rewards import Message, Trajectory, unheard
from whet.generate.borrow import Lockstep, borrowed
from whet.generate.cache import growing
from whet.generate.decode import BATCH_TOKENS, context_length
from whet.generate.prompts import prompt_ids, stop_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.sampling import draw_told, uniforms
from whet.models.language import unwrapped

# Rows that have ended are dropped when so large a share of the batch has.
_DROP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Groups:
    """Answers prompts with a live module (contract: `whet.contracts.rewards.Player`).

    At most `batch_tokens` tokens of cache at once, one group at least. With FSDP every rank calls this with its own
    prompts, any number of them, and the module runs equally often on all ranks.
    """

    module: nn.Module
    tokenizer: Any
    settings: GenerateSettings
    batch_tokens: int = BATCH_TOKENS

    def __call__(
        self,
        prompts: Sequence[Sequence[Message] | str | Sequence[int]],
        rows: Sequence[Mapping[str, Any]],
        num: int,
        *,
        seed: int,
        numbers: Sequence[int],
        at: Callable[[str], None] = unheard,
    ) -> list[list[Trajectory]]:
        ids = [prompt_ids(self.tokenizer, prompt) for prompt in prompts]
        context = context_length(self.module)
        for prompt in ids:
            if context is not None and len(prompt) >= context:
                raise ModelError(f"a prompt has {len(prompt):,} tokens and the model's context is {context:,}")
        settings = replace(self.settings, seed=seed)
        stops = torch.tensor(sorted(stop_ids(self.module, self.tokenizer)))
        found: list[list[Trajectory]] = [[] for _ in ids]
        together = Lockstep(self.module)
        batches = self._batches([len(prompt) for prompt in ids], num)
        with borrowed(self.module):
            for index in range(together.most(len(batches))):
                chosen = batches[index] if index < len(batches) else []
                asked = [(ids[i], numbers[i]) for i in chosen]
                answers = _Decoding(self.module, asked, num, settings, stops, context).run(together, at)
                for place, i in enumerate(chosen):
                    found[i] = [
                        self._trajectory(ids[i], *answer) for answer in answers[place * num : (place + 1) * num]
                    ]
        return found

    def _batches(self, lengths: Sequence[int], num: int) -> list[list[int]]:
        """Numbers of the prompts that are answered together, the longest first, so that little is padding."""
        batches: list[list[int]] = []
        for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            width = lengths[batches[-1][0]] + self.settings.max_new_tokens if batches else 0
            if batches and width * num * (len(batches[-1]) + 1) <= self.batch_tokens:
                batches[-1].append(i)
            else:
                batches.append([i])
        return batches

    def _trajectory(self, prompt: list[int], ids: list[int], logprobs: list[float], is_whole: bool) -> Trajectory:
        """Text is without the token that ended it; an answer that is not whole ran out of room."""
        said = ids[:-1] if is_whole else ids
        text = self.tokenizer.decode(said, skip_special_tokens=True)
        message = {"role": "assistant", "content": text}
        return Trajectory(
            tuple(prompt), tuple(ids), (True,) * len(ids), tuple(logprobs), text, "stop" if is_whole else "length",
            (message,),
        )  # fmt: skip


class _Decoding:
    """One batch: `num` answers to each of some prompts. Without prompts it runs the module as often as others need."""

    def __init__(
        self,
        module: nn.Module,
        asked: Sequence[tuple[list[int], int]],
        num: int,
        settings: GenerateSettings,
        stops: Tensor,
        context: int | None,
    ) -> None:
        self._module, self._num, self._settings = module, num, settings
        self._is_idle = not asked
        prompts = [ids for ids, _ in asked] or [[0]]
        self._device = next(module.parameters()).device
        self._stops = stops.to(self._device)
        longest = max(map(len, prompts))
        self._ids_PT = torch.tensor([[0] * (longest - len(p)) + p for p in prompts], device=self._device)
        self._pads_B = torch.tensor([longest - len(p) for p in prompts], device=self._device)
        room = settings.max_new_tokens if context is None else min(settings.max_new_tokens, context - longest)
        limits = [room if context is None else min(settings.max_new_tokens, context - len(p)) for p in prompts]
        self._limits_B = torch.tensor(limits, device=self._device).repeat_interleave(num)
        draws = [uniforms(settings, number, place) for _, number in asked for place in range(num)]
        self._uniforms_BT = torch.stack(draws).to(self._device) if draws else None
        self._last_position = None if context is None else context - 1
        self._length = longest
        self._cache: Any = growing(module)

    def run(self, together: Lockstep, at: Callable[[str], None]) -> list[tuple[list[int], list[float], bool]]:
        """Of each answer: its ids with the one that ended it, their log-probabilities, and whether it ended itself."""
        logits_BV = self._forward(self._ids_PT).repeat_interleave(self._num, 0)
        self._expand()
        alive = torch.arange(len(logits_BV), device=self._device)
        count = 0 if self._is_idle else len(logits_BV)
        ids: list[list[int]] = [[] for _ in range(count)]
        logprobs: list[list[float]] = [[] for _ in range(count)]
        whole = [False] * count
        active_B = torch.full((len(logits_BV),), not self._is_idle, device=self._device)
        step = 0
        while True:
            at(f"token {step + 1} of {len(alive)} answers")
            if not self._is_idle:
                next_B, logp_B = self._choose(logits_BV, alive, step)
                has_ended_B = torch.isin(next_B, self._stops)
                rows = zip(
                    alive.tolist(), next_B.tolist(), logp_B.tolist(), has_ended_B.tolist(), active_B.tolist(),
                    strict=True,
                )  # fmt: skip
                for row, token, logp, has_ended, is_active in rows:
                    if is_active:
                        ids[row].append(token)
                        logprobs[row].append(logp)
                        whole[row] = has_ended
                active_B &= ~has_ended_B & (step + 1 < self._limits_B[alive])
            step += 1
            if not together.most(int(active_B.sum())):
                return list(zip(ids, logprobs, whole, strict=True))
            if self._is_idle:
                next_B = torch.zeros(len(alive), dtype=torch.long, device=self._device)
            elif active_B.any() and (~active_B).float().mean() >= _DROP_SHARE:
                kept = active_B.nonzero().squeeze(1)
                alive, next_B, active_B = alive[kept], next_B[kept], active_B[kept]
                self._pads_B = self._pads_B[kept]
                self._cache.batch_select_indices(kept)
            self._length += 1
            logits_BV = self._forward(next_B[:, None])

    def _choose(self, logits_BV: Tensor, alive: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Ids (B,) drawn from the filtered distribution, and their log p in the unfiltered one at the temperature."""
        assert self._uniforms_BT is not None
        if self._settings.temperature > 0:
            ids_B, logp_B = draw_told(logits_BV, self._uniforms_BT[alive, step], self._settings)
        else:
            ids_B = logits_BV.argmax(-1)
            logp_B = logits_BV.gather(1, ids_B[:, None]).squeeze(1) - logits_BV.logsumexp(-1)
        if logp_B.isnan().any():  # one logit that is no number makes the sum none
            raise ModelError("the model's logits are not numbers (NaN)", hint="its weights may have diverged")
        return ids_B, logp_B

    def _expand(self) -> None:
        """A cache row and a padding for each answer."""
        if self._num > 1:
            self._cache.batch_repeat_interleave(self._num)
            self._pads_B = self._pads_B.repeat_interleave(self._num)

    def _forward(self, ids_BT: Tensor) -> Tensor:
        """Logits (B, V) of the next token, in float32."""
        place_T = torch.arange(self._length, device=self._device)
        fresh_T = place_T[-ids_BT.shape[1] :]
        inputs: dict[str, Any] = {"input_ids": ids_BT, "past_key_values": self._cache, "use_cache": True}
        if bool(self._pads_B.any()):
            inputs["attention_mask"] = place_T >= self._pads_B[:, None]
        takes = _parameters(self._module)
        if "position_ids" in takes:
            inputs["position_ids"] = (fresh_T - self._pads_B[:, None]).clamp(min=0, max=self._last_position)
        if "logits_to_keep" in takes:
            inputs["logits_to_keep"] = 1
        output = self._module(**inputs)
        self._cache = getattr(output, "past_key_values", None)
        if not hasattr(self._cache, "batch_repeat_interleave"):
            raise ModelError("the model keeps no KV cache that rows can share", hint="use a causal language model")
        return output.logits[:, -1].float()


def _parameters(module: nn.Module) -> Mapping[str, Any]:
    import inspect

    return inspect.signature(unwrapped(module).forward).parameters

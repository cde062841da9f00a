"""From prompts to token ids: text as it is, messages through the tokenizer's template; and where an answer ends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from whet.base.errors import ModelError, WhetError
from whet.data.chat.closing import closing
from whet.data.chat.speech import Speech, speech_of
from whet.data.chat.template import chat_template as chat_template_of
from whet.data.refusal import RowRefused
from whet.generate.protocol import Message, Prompt

if TYPE_CHECKING:
    from whet.data.render.seq2seq_texts import SideRenderer


def prompt_ids(
    tokenizer: Any, prompt: Prompt, tools: Sequence[Mapping[str, Any]] = (), speech: Speech | None = None
) -> list[int]:
    """The tokens that the model is to continue.

    Text gets the begin token if the tokenizer puts one first, and never a second one. Messages are rendered with the
    generation prompt; if the last one is the assistant's, it is continued. `speech` is the tokenizer's, where many
    prompts are asked for. Raises WhetError when nothing is left.
    """
    if isinstance(prompt, str):
        ids = text_ids(tokenizer, prompt)
    elif _are_ids(prompt):
        ids = list(prompt)
    else:
        text = render(tokenizer, cast(Sequence[Message], prompt), tools, speech)
        ids = tokenizer.encode(text, add_special_tokens=False)
    if not ids:
        raise WhetError("an empty prompt gives the model nothing to continue", hint="give at least one character")
    return ids


def sources(tokenizer: Any) -> SideRenderer:
    """What reads prompts for an encoder, as it read the sources that the model was trained on."""
    from whet.data.render.seq2seq_texts import SideRenderer

    return SideRenderer(tokenizer)


def source_ids(renderer: SideRenderer, prompt: Prompt) -> list[int]:
    """The tokens that an encoder reads: text between the tokenizer's special tokens, messages as one question.

    Raises WhetError for several turns, and when nothing is left.
    """
    from whet.data.render.seq2seq_texts import question

    if _are_ids(prompt):
        ids = list(prompt)
    else:
        try:
            ids = renderer.source(prompt if isinstance(prompt, str) else question(prompt))  # type: ignore[arg-type]
        except RowRefused as error:
            raise WhetError(error.refused.detail, hint=error.refused.hint) from None
    if not ids:
        raise WhetError("an empty prompt gives the model nothing to read", hint="give at least one character")
    return ids


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """Plain text as tokens, the begin token first where the tokenizer has it so. Empty text gives that token alone."""
    opening = opening_ids(tokenizer)
    ids = tokenizer.encode(text, add_special_tokens=False)
    if ids[: len(opening)] != opening:
        ids = opening + ids
    return ids or prefix_ids(tokenizer)


def opening_ids(tokenizer: Any) -> list[int]:
    """The begin token as a list, if the tokenizer puts it before a text, else nothing."""
    begin = tokenizer.bos_token_id
    return [begin] if begin is not None and tokenizer.encode("")[:1] == [begin] else []


def prefix_ids(tokenizer: Any) -> list[int]:
    """What stands before a text's first token when that is to be predicted: begin, or end, or nothing."""
    known = [token for token in (tokenizer.bos_token_id, tokenizer.eos_token_id) if token is not None]
    return known[:1]


def render(
    tokenizer: Any,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] = (),
    speech: Speech | None = None,
) -> str:
    """Messages as the text that the model is to continue; `tools` are function schemas that it may call."""
    if not getattr(tokenizer, "chat_template", None):
        raise ModelError(
            "the tokenizer has no chat template, so it cannot take messages",
            hint="give the text itself, or train with data.template=chatml: the template is written with the model",
        )
    speech = speech or speech_of(tokenizer, with_tools=bool(tools))
    return speech.prompt([dict(message) for message in messages], [dict(tool) for tool in tools])


def stop_ids(module: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: those of the generation config (else of the config), and the template's end of turn.

    The tokenizer's end token counts where the configs name none.
    """
    from whet.models.forward.language import unwrapped

    model = unwrapped(module)
    configs = (getattr(model, "generation_config", None), getattr(model, "config", None))
    named = next((ids for config in configs if (ids := _as_list(getattr(config, "eos_token_id", None)))), [])
    ends = [*(named or _as_list(tokenizer.eos_token_id)), *_as_list(end_of_turn(tokenizer))]
    return frozenset(ends)


def end_of_turn(tokenizer: Any, chat_template: str | None = None) -> int | None:
    """The added token that the chat template ends an assistant's reply with; None where it ends it with plain text.

    Of several right behind each other it is the last one. `chat_template` stands in for the tokenizer's own.
    """
    if not (chat_template or getattr(tokenizer, "chat_template", None)):
        return None

    try:
        template = chat_template_of(tokenizer, chat_template)
    except ModelError:
        return None

    def rendered(messages: Sequence[Message]) -> str | None:
        try:
            return template.render(messages)
        except RowRefused:  # a template that cannot render the plainest exchange names no end
            return None

    tokens = {tokenizer.convert_ids_to_tokens(i) for i in tokenizer.all_special_ids}
    tokens |= {token.content for token in tokenizer.added_tokens_decoder.values()}
    longest_first = sorted(filter(None, tokens), key=len, reverse=True)
    if not longest_first:
        return None
    added = re.compile("|".join(map(re.escape, longest_first)))
    ends = added.findall(closing(rendered, added))
    return tokenizer.convert_tokens_to_ids(ends[-1]) if ends else None


def _are_ids(prompt: Sequence[Any]) -> TypeGuard[Sequence[int]]:
    return all(isinstance(token, int) for token in prompt)


def _as_list(value: Any) -> list[int]:
    if value is None:
        return []
    return [int(token) for token in value] if isinstance(value, list | tuple) else [int(value)]

"""Control tokens: which texts the tokenizer keeps whole, and templates that write marks it does not know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from whet.base.errors import ModelError
from whet.data.chat.template import ChatTemplate, fitting_templates, tokenizer_name
from whet.data.refusal import RowRefused

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

# Marks that are tokens wherever they are used: `[INST]` and `<tool_call>` are plain text for some models.
MARK = re.compile(r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>\s]{1,40}｜>|<(?:start|end)_of_turn>|</?s>")
_REPLY = "QzReplyOfTheProbeQz"


def control_pattern(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """Matches any special token, with the white space after it that the tokenizer makes part of it."""
    special = {token.content: token.rstrip for token in tokenizer.added_tokens_decoder.values() if token.special}
    for token in tokenizer.all_special_tokens:
        special.setdefault(token, False)
    longest_first = sorted((token for token in special if token), key=len, reverse=True)
    if not longest_first:
        return re.compile(r"(?!)")
    return re.compile("|".join(re.escape(token) + (r"\s*" if special[token] else "") for token in longest_first))


def check_markers(
    template: ChatTemplate, tokenizer: PreTrainedTokenizerBase, encoder: Tokenizer, controls: re.Pattern[str]
) -> None:
    """Raise ModelError where the template writes a mark, such as `<|im_end|>`, that falls into pieces.

    A tokenizer's own template may do so on purpose (Zephyr and TinyLlama write `<|user|>` as text),
    so there only the mark that ends a reply has to be a token.
    """
    rendered = _probe(template)
    if rendered is None:
        return
    tail = rendered.rpartition(_REPLY)[2]
    if template.marks is not None:
        rendered = "".join(template.marks)
    elif template.is_own:
        rendered = "" if controls.search(tail) else tail
    for mark in template.marks or dict.fromkeys(MARK.findall(rendered)):
        pieces = encoder.encode(mark, add_special_tokens=False).tokens
        if mark not in pieces:
            raise ModelError(
                f"the {template.named} writes `{mark}`, which is no token of {tokenizer_name(tokenizer)}: "
                f"it falls into {len(pieces)} pieces",
                at="data.template",
                hint=_way_out(template, tokenizer),
            )


def _way_out(template: ChatTemplate, tokenizer: PreTrainedTokenizerBase) -> str:
    fitting = f"data.template={fitting_templates(tokenizer)[0]}, whose marks it has"
    if not template.marks:
        return f"{fitting}, or data.allow=[missing_tokens]"
    known = tokenizer.get_vocab()
    missing = ", ".join(f'"{mark}"' for mark in template.marks if mark not in known)
    return f"model.new_tokens='[{missing}]' adds them, or {fitting}"


def _probe(template: ChatTemplate) -> str | None:
    """A plain exchange as text, or None from a template that renders none."""
    exchange = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": _REPLY}]
    for messages in ([{"role": "system", "content": "hello"}, *exchange], exchange):
        try:
            return template.render(messages)
        except RowRefused:
            continue
    return None

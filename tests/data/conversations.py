"""Tokenizers trained on the spot, and chat templates in the styles of well-known models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

_TEXTS = [
    "You are a helpful assistant. What is the capital of France? The capital of France is Paris.",
    "user system assistant model tool \n hello there, tell me about crepes: flour, eggs, milk! 1 2 3 10 2024",
    "Yes, I can help you with that. Here are the steps: 1. mix 2. wait 3. bake\n\nEnjoy your meal.",
] * 3


@dataclass(frozen=True)
class Style:
    """A template, the special tokens it needs, what a reply looks like when trained, and whether it trims contents."""

    template: str
    special: tuple[str, ...]
    end: str
    before: str = ""
    trims: bool = False
    bos: str | None = None
    takes_system: bool = True

    def trained(self, content: str) -> str:
        return self.before + (content.strip() if self.trims else content) + self.end


CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHATML_TAGGED = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ message.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}"
    "{% for message in rest %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if message.role == 'user' %}{{ bos_token }}[INST] {{ system if loop.first else '' }}"
    "{{ message.content.strip() }} [/INST]"
    "{% else %} {{ message.content.strip() }} {{ eos_token }}{% endif %}{% endfor %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message.role == 'assistant' else message.role }}\n{{ message.content | trim }}"
    "<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}[INST] {{ message.content }}[/INST]"
    "{% elif message.role == 'assistant' %} {{ message.content }}</s>{% endif %}{% endfor %}"
)
# Shows the empty think block only in the last reply, and drops the thoughts of earlier ones.
QWEN3 = (
    "{% set ns = namespace(last=messages | length) %}"
    "{% for message in messages %}{% if message.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' %}{% set content = message.content %}{% set thought = '' %}"
    "{% if '</think>' in content %}{% set thought = content.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "{% if loop.index0 > ns.last %}<think>\n{{ thought }}\n</think>\n\n{% endif %}{{ content }}"
    "{% for call in message.tool_calls or [] %}{{ '\n<tool_call>\n' }}{{ call.function | tojson }}"
    "\n</tool_call>{% endfor %}"
    "{% else %}{{ message.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Tools in the system turn, calls in tags, answers as the user's.
HERMES = (
    "{% if tools %}<|im_start|>system\nTools: {% for tool in tools %}{{ tool.function | tojson }}{% endfor %}"
    "<|im_end|>\n"
    "{% endif %}{% for message in messages %}"
    "{% if message.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ message.content }}\n</tool_response>"
    "{% else %}<|im_start|>{{ message.role }}{{ '\n' + message.content if message.content else '' }}"
    "{% for call in message.tool_calls or [] %}{{ '\n<tool_call>\n' }}{{ call.function | tojson }}"
    "\n</tool_call>{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

STYLES = {
    "chatml": Style(CHATML, ("<|im_start|>", "<|im_end|>"), "<|im_end|>"),
    "chatml_tagged": Style(CHATML_TAGGED, ("<|im_start|>", "<|im_end|>"), "<|im_end|>"),
    "llama2": Style(LLAMA2, ("<s>", "</s>"), " </s>", " ", trims=True, bos="<s>"),
    "llama3": Style(
        LLAMA3,
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|eot_id|>",
        trims=True,
        bos="<|begin_of_text|>",
    ),
    "gemma": Style(GEMMA, ("<bos>", "<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", trims=True, bos="<bos>"),
    "mistral": Style(MISTRAL, ("<s>", "</s>"), "</s>", " ", bos="<s>", takes_system=False),
}


def make_tokenizer(
    template: str | None = None,
    special: Sequence[str] = ("<|im_start|>", "<|im_end|>"),
    *,
    eos: str | None = None,
    bos: str | None = None,
    words: bool = False,
    adds_bos: bool = False,
    **flags: Any,
) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer (with `words`, one in SentencePiece's manner) with these special tokens added."""
    tokenizer = Tokenizer.from_str(_trained(words))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False, **flags) for token in special])
    eos = eos if eos is not None else (special[-1] if special else None)
    if adds_bos:
        pair = (bos, tokenizer.token_to_id(bos))
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[pair])
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=eos, bos_token=bos)
    wrapped.chat_template = template
    return wrapped


def style_tokenizer(style: Style, *, words: bool = False) -> PreTrainedTokenizerFast:
    """The tokenizer with the style's template and special tokens."""
    eos = style.end.strip()
    return make_tokenizer(style.template, style.special, eos=eos, bos=style.bos, words=words)


@cache
def _trained(words: bool) -> str:
    tokenizer = Tokenizer(models.BPE(byte_fallback=words, unk_token="<unk>" if words else None))
    if words:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        alphabet, known = [], ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        # As GPT-2 and its heirs have it: white space is trimmed off the offsets.
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
        alphabet, known = pre_tokenizers.ByteLevel.alphabet(), []
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=known, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    return tokenizer.to_str()


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def system(content: str) -> dict[str, Any]:
    return {"role": "system", "content": content}


def trained_texts(tokenizer: PreTrainedTokenizerFast, rendered: Any) -> list[str]:
    """The text of each run of trained tokens: what decoding up to its end adds to decoding up to its start."""
    ids, weights = rendered.ids.tolist(), [0.0, *rendered.weights.tolist(), 0.0]
    starts = [i for i in range(len(ids)) if weights[i + 1] and not weights[i]]
    ends = [i + 1 for i in range(len(ids)) if weights[i + 1] and not weights[i + 2]]
    decoded = {i: tokenizer.decode(ids[:i], clean_up_tokenization_spaces=False) for i in {*starts, *ends}}
    return [decoded[end].removeprefix(decoded[start]) for start, end in zip(starts, ends, strict=True)]

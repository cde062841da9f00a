"""Train a byte-level BPE tokenizer and save it as a folder that AutoTokenizer loads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from whet.base.errors import ConfigError, DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BEGIN, END, PAD, TURN, MASK = "<|begin|>", "<|end|>", "<|pad|>", "<|turn|>", "<|mask|>"
SENTINEL = "<extra_id_{}>"  # T5's name for it

# A turn is `<|turn|>role`, a line break, the text, `<|end|>`. What is generated, and so trained, is the text and its
# end: that token is also the tokenizer's eos, which is where generation stops. Tools have a turn of their own at the
# start, and a call is written as Hermes and Qwen write it, so that servers find it in what the model says.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% if tools %}<|turn|>tools\n"
    "{% for tool in tools %}{{ (tool.function or tool) | tojson }}{{ '' if loop.last else '\n' }}{% endfor %}<|end|>\n"
    "{% endif %}"
    "{% for message in messages %}"
    "<|turn|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] or '' }}"
    "{% for call in message['tool_calls'] or [] %}"
    "{{ '\n' if message['content'] or not loop.first else '' }}"
    "<tool_call>\n{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}\n</tool_call>"
    "{% endfor %}<|end|>{% endgeneration %}\n"
    "{% else %}{{ message['content'] }}<|end|>\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)

# Words with the blank or the mark before them, numbers of up to three digits, runs of marks, and white space: the last
# space before a word belongs to the word, so indentation is a token of its own. This is the pattern of Llama 3:
# llama.cpp cuts text by the patterns of models that it knows, so another one could never be exported to GGUF.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, *, chat: bool = False, mask: bool = False, sentinels: int = 0
) -> PreTrainedTokenizerFast:
    """Learn `vocab_size` tokens, all 256 bytes and the special tokens among them, from `texts`.

    The same texts in the same order give the same tokenizer, on any number of threads. Fewer tokens come out when the
    text has too few different words. With `chat` it has CHAT_TEMPLATE and the token that starts a turn, with `mask` the
    token that hides another (`mlm`), and `sentinels` that hide spans (`span-corruption`). Encoding puts the begin token
    first. Raises ConfigError when the vocabulary has no room for the bytes, DataError without text.
    """
    from tokenizers import Tokenizer, decoders, models, trainers

    extra = [TURN] * chat + [SENTINEL.format(number) for number in range(sentinels)]
    special = [BEGIN, END, PAD, *[MASK] * mask, *extra]
    smallest = 256 + len(special)
    if vocab_size < smallest:
        raise ConfigError(
            f"a vocabulary of {vocab_size} tokens is too small: 256 bytes and {len(special)} special tokens come first",
            hint=f"give at least {smallest + 1}, such as --vocab-size 8000",
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, alphabet = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    seen = _NonEmpty(texts)
    tokenizer.train_from_iterator(seen, trainer)
    if not seen.found:
        raise DataError("there is no text to learn a tokenizer from", hint="give files that have text in them")
    tokenizer.post_processor = _begin_first(tokenizer)
    return _wrap(tokenizer, extra, mask=MASK if mask else None, template=CHAT_TEMPLATE if chat else None)


def bytes_per_token(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> float:
    """UTF-8 bytes of `texts` divided by their tokens, special tokens left out: higher is a denser tokenizer."""
    encoded = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return sum(len(text.encode()) for text in texts) / max(1, sum(map(len, encoded)))


class _NonEmpty:
    """Passes texts on and remembers whether one of them was more than white space."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts, self.found = texts, False

    def __iter__(self):
        for text in self.texts:
            self.found = self.found or not text.isspace() and bool(text)
            yield text


def _pre_tokenizer():
    from tokenizers import Regex, pre_tokenizers

    words = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([words, to_bytes]), sorted(pre_tokenizers.ByteLevel.alphabet())


def _begin_first(tokenizer):
    from tokenizers import processors

    token = (BEGIN, tokenizer.token_to_id(BEGIN))
    return processors.TemplateProcessing(single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B", special_tokens=[token])


def _wrap(tokenizer, extra: list[str], mask: str | None, template: str | None) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        mask_token=mask,
        extra_special_tokens=extra,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = template
    return wrapped

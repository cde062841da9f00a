"""Errors that a user can make: one message, the place, and a hint to type."""

from __future__ import annotations

import shlex

# Hints name no placeholder: what is not known is an example, which can be typed.
# What shows how rows are read; `say_which` puts in the file and the model that are meant.
INSPECT = "whet data inspect chat.jsonl --model Qwen/Qwen3-0.6B"
# What starts a first run.
STARTS = "whet train --model Qwen/Qwen3-0.6B --data chat.jsonl"
# What gives a model that has none a tokenizer.
TOKENIZER = "model.tokenizer=Qwen/Qwen3-0.6B, or a folder with a tokenizer"


class WhetError(Exception):
    """A mistake of the user's: what is wrong, where it stands, and what to do about it.

    `at` is a place such as `run.yaml:14` or `chat.jsonl:3`; `hint` is something to type.
    The command line prints it in three lines and exits with code 2.
    """

    def __init__(self, message: str, *, at: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.at, self.hint = message, at, hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.at:
            lines.append(f"  at {self.at}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self):
        return _rebuild, (type(self), self.message, self.at, self.hint)


class ConfigError(WhetError):
    """A config value that cannot be used."""


class DataError(WhetError):
    """A file or row that cannot be read, rendered or trained on."""


class ModelError(WhetError):
    """A model, tokenizer or template that cannot do what the run asks."""


class RunError(WhetError):
    """A run that cannot be started, continued or written."""


class OutOfMemory(RunError):
    """A run for which the memory does not suffice: the command line has a code of its own for it."""


# Words of PyTorch 2.13 for memory that its allocators did not get; those of GPUs have a class of their own.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "Unable to allocate", "bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of any library means that memory ran out."""
    if isinstance(error, MemoryError | OutOfMemory) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


def say_which(error: WhetError, file: str, model: str) -> None:
    """Put the file and the model that are meant into a hint that could not know them."""
    if error.hint is not None:
        error.hint = error.hint.replace(INSPECT, f"whet data inspect {shlex.quote(file)} --model {shlex.quote(model)}")


# Words of gloo and NCCL for a rank that is there no more; torch.distributed has classes of its own besides.
_LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process exited")
_OF_RANKS = ("DistBackendError", "DistNetworkError", "DistStoreError", "DistError")


def is_lost_rank(error: BaseException) -> bool:
    """Whether an exception means that another rank of the run has gone, or could not be reached in time."""
    if type(error).__name__ in _OF_RANKS:
        return True
    return isinstance(error, RuntimeError) and "gloo" in str(error) and any(words in str(error) for words in _LOST)


def setting_secret(variable: str) -> str:
    """The command that sets a secret, which neither the screen nor the shell's history then shows."""
    return f"read -rs {variable} && export {variable}"


def missing_package(package: str, extra: str, what: str) -> WhetError:
    """Say which optional package `what` needs and the command that installs it."""
    return WhetError(f"{what} needs the package `{package}`", hint=f'pip install "whet[{extra}]"')


def one_line(error: BaseException) -> str:
    """An exception's type and the first line of what it says."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0][:300].rstrip(": ")


def first_line(error: BaseException) -> str:
    """The first line of what an exception says, or its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _rebuild(kind: type[WhetError], message: str, at: str | None, hint: str | None) -> WhetError:
    return kind(message, at=at, hint=hint)

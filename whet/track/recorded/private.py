"""Secrets taken out of what is recorded: commands, addresses, variables, changes of source code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

HIDDEN = "[hidden]"

# What a name ends with whose value is nobody's business: `hf_token`, not `max_tokens` or `author`.
_KEY_NAMES = r"(?:api|access|private|secret)[-_]?key"
_NAMES = rf"(?:token|secret|passw(?:or)?d|passphrase|{_KEY_NAMES}|credentials?|authorization)"
# Each begins where a word does: a line of 256 KiB without a space must not take its square. A value without quotes is
# no call, number or expression: of what a bracket ends (group 4), nothing is hidden.
_NAMED = re.compile(
    rf"(?i)(?<![\w.-])([\w.-]*{_NAMES})(['\"]?\s*[=:]\s*(?:bearer\s+|basic\s+)?)"
    r"(?:(['\"])[^'\"\n]+\3|(?!\d+\b)[^\s'\"&,;()\[\]{}]{6,}+([()\[\]{}])?)"
)
_OPTION = re.compile(rf"(?i)--?[\w.-]*{_NAMES}")
_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,40}://)[^/\s@'\"]+@")
# As the services themselves write their keys, so that one is known wherever it stands.
_KEYS = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{15,}|sk-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|eyJ[\w-]{10,4096}+\.[\w-]{10,}+\.[\w-]*)"
)
_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)

# Variables that decide how a run computes or where it stands; no others are looked at.
_VARIABLES = re.compile(
    r"(?:OMP|MKL|OPENBLAS|NUMEXPR)_NUM_THREADS|CUDA_VISIBLE_DEVICES|CUDA_DEVICE_MAX_CONNECTIONS|CUBLAS_WORKSPACE_CONFIG"
    r"|ASCEND_RT_VISIBLE_DEVICES|HIP_VISIBLE_DEVICES|ROCR_VISIBLE_DEVICES|PYTHONHASHSEED|PYTORCH_\w+|TORCH_\w+|NCCL_\w+"
    r"|GLOO_\w+|HF_HUB_OFFLINE|TOKENIZERS_PARALLELISM|(?:LOCAL_)?(?:RANK|WORLD_SIZE)|MASTER_ADDR|MASTER_PORT"
    r"|SLURM_(?:JOB_ID|JOB_NAME|NODELIST|NTASKS)|KUBERNETES_SERVICE_HOST|CONDA_DEFAULT_ENV|VIRTUAL_ENV|LD_PRELOAD"
)


def without_secrets(text: str) -> str:
    """The text with keys, passwords and what is named like one hidden."""
    text = _BLOCK.sub(HIDDEN, text)
    text = _ADDRESS.sub(rf"\1{HIDDEN}@", text)
    text = _NAMED.sub(lambda found: found[0] if found[4] else f"{found[1]}{found[2]}{HIDDEN}", text)
    return _KEYS.sub(HIDDEN, text)


def command_without_secrets(words: Iterable[str]) -> list[str]:
    """The words of a command; what follows an option such as `--api-key` is hidden."""
    found: list[str] = []
    follows = False
    for word in words:
        found.append(HIDDEN if follows and not word.startswith("-") else _argument(word))
        follows = _OPTION.fullmatch(word) is not None
    return found


def _argument(word: str) -> str:
    """A word of a command; of `--api-key=abc` the value is hidden, whatever it is."""
    name, equals, _ = word.partition("=")
    return f"{name}={HIDDEN}" if equals and re.fullmatch(rf"(?i)[\w.-]*{_NAMES}", name) else without_secrets(word)


def telling_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that decide how a run computes; no other is recorded."""
    return {name: without_secrets(value) for name, value in sorted(environment.items()) if _VARIABLES.fullmatch(name)}

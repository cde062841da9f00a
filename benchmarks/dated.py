"""Run a command, show its output, and keep it with the date, the hardware and the versions in benchmarks/results/.

    python benchmarks/dated.py bench-sft -- python benchmarks/sft/compare.py

Exits with the command's exit code. The file is `results/<date>-<name>.txt`; a second run on a day replaces it.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = (
    "torch", "transformers", "tokenizers", "peft", "triton", "numpy", "trl", "accelerate", "datasets",
    "galore-torch", "badam", "adam-mini", "bitsandbytes", "torchao", "pytorch-optimizer", "schedulefree",
    "lion-pytorch", "came-pytorch",
)  # fmt: skip
VERSIONS = """
import importlib.metadata, platform, sys
installed = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
found = [f"{name} {installed[name]}" for name in sys.argv[1:] if name in installed]
print(", ".join([f"python {platform.python_version()}", *found]))
"""


def main() -> None:
    name, separator, *command = sys.argv[1:] or [""]
    if separator != "--" or not command:
        sys.exit("usage: python benchmarks/dated.py NAME -- COMMAND...")
    sys.exit(record(name, command))


def record(name: str, command: list[str]) -> int:
    """Stream `command` to stdout and to the dated file, line by line; return its exit code."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.date.today():%Y-%m-%d}-{name}.txt"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with path.open("w") as file:
        file.write("\n".join([*describe_machine(), f"command: {' '.join(map(_told, command))}", "", ""]))
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        for line in process.stdout:
            print(line, end="", flush=True)
            file.write(line)
            file.flush()
        code = process.wait()
        file.write(f"\nexit code: {code}\n")
    print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return code


def describe_machine() -> list[str]:
    """Date, commit, hardware, versions; RIVAL_PYTHON names the interpreter of a rival's environment."""
    return [
        f"date: {datetime.datetime.now():%Y-%m-%d %H:%M}",
        f"commit: {_first_line(['git', 'describe', '--always', '--dirty'])}",
        f"cpu: {_cpu()}, {os.cpu_count()} cores",
        f"gpu: {_first_line(['nvidia-smi', '--query-gpu=name,memory.total', '--format=csv,noheader']) or 'none'}",
        f"versions: {versions(sys.executable)}",
        *([f"rival: {versions(rival)}"] if (rival := os.environ.get("RIVAL_PYTHON")) else []),
    ]


def _told(word: str) -> str:
    """A word of a command as any machine may read it: of a path elsewhere only its last name."""
    return Path(word).name if Path(word).is_absolute() else word


def versions(python: str) -> str:
    """The versions that matter in the environment of an interpreter."""
    return _first_line([python, "-c", VERSIONS, *PACKAGES])


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first_line(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0]
    except OSError:
        return ""


if __name__ == "__main__":
    main()

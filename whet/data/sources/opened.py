"""Opening files of data: compressed or not, with damage and other kinds of files said in one clear error."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shlex
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from whet.base.errors import DataError

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
# What a file is by how it begins, and what makes it readable, with the file's name in it.
_MAGIC = {
    b"\x1f\x8b": ("compressed by gzip", "mv {name} {name}.gz"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "mv {name} {name}.zst"),
    b"BZh9": ("compressed by bzip2", "mv {name} {name}.bz2"),
    b"\xfd7zXZ": ("compressed by xz", "mv {name} {name}.xz"),
    b"PK\x03\x04": ("a zip archive (or a spreadsheet)", "unzip {name}, or export the sheet as .csv"),
    b"PAR1": ("a parquet file", "mv {name} {stem}.parquet"),
    b"ARROW1": ("an Arrow file", "mv {name} {stem}.arrow"),
    b"%PDF": ("a PDF", "pdftotext {name}"),
    b"7z\xbc\xaf": ("a 7z archive", "7z x {name}"),
    b"SQLite format 3": ("a SQLite database", "export its table as .csv"),
}
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)


def ending(path: Path) -> str:
    """The ending that says what a file holds, without that of its compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed. Raises DataError when it cannot be opened or read to its end."""
    try:
        _check_begin(path)
        with _open(path) as file:
            yield file
    except DataError:
        raise
    except _DAMAGE as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> DataError:
    """The error for a file that the system or a codec cannot read."""
    reason = getattr(error, "strerror", None) or str(error).split("\n")[0] or type(error).__name__
    is_packed = path.suffix.lower() in COMPRESSED and not getattr(error, "errno", None)
    hint = f"get {path.name} anew: it is damaged or cut short" if is_packed else f"ls -l {path}"
    return DataError(f"{path.name} cannot be read: {reason}", at=str(path), hint=hint)


def decoded(data: bytes, path: Path, line: int = 1) -> str:
    """UTF-8 as text, without a mark at the beginning of the file. Raises DataError with the line."""
    try:
        return data.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "GB18030"
        line += data.count(b"\n", 0, error.start)
        raise DataError(
            f"{path.name} is not UTF-8: byte 0x{data[error.start]:02x} cannot be read",
            at=f"{path}:{line}",
            hint=f"{_recoded(path, encoding)}  (the encoding is a guess)",
        ) from None


def refuse_nul(data: bytes, path: Path) -> None:
    """Raise DataError for bytes that are no text: with NUL in them, and no mark of UTF-16, which `decoded` names."""
    if b"\0" in data and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(
            f"{path.name} is not a text file: it has NUL bytes",
            at=str(path),
            hint=f"if it is UTF-16: {_recoded(path, 'UTF-16LE')}",
        )


def _recoded(path: Path, encoding: str) -> str:
    """The command that makes it UTF-8."""
    names = shlex.quote(path.name), shlex.quote(f"{path.stem}.utf8{path.suffix}")
    return f"iconv -f {encoding} -t UTF-8 {names[0]} > {names[1]}"


def _open(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if suffix == ".bz2":
        return bz2.open(path, "rb")  # type: ignore[return-value]
    if suffix == ".xz":
        return lzma.open(path, "rb")  # type: ignore[return-value]
    if suffix == ".zst":
        return _zstd(path)
    return open(path, "rb")


def _zstd(path: Path) -> Any:
    """Through pyarrow: Python itself reads zstd from 3.14 on."""
    import pyarrow

    if not path.stat().st_size:
        return io.BytesIO()
    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))


def _check_begin(path: Path) -> None:
    if path.suffix.lower() in COMPRESSED:
        return
    with open(path, "rb") as file:
        begin = file.read(16)
    for magic, (kind, hint) in _MAGIC.items():
        if begin.startswith(magic):
            raise DataError(
                f"{path.name} is {kind}, whatever its ending says",
                at=str(path),
                hint=hint.format(name=path.name, stem=path.stem),
            )

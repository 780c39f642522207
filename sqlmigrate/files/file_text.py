"""Reads the text of one file, or says why PostgreSQL could not take it.

The data of large COPYs may be left on disk: `on_disk` reads them again when they are sent.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import BYTE_ORDER_MARK, Source

_PART_SIZE = 2**16  # bytes read at once

LARGE = 1 << 20
"""How many bytes a file may have that is held, and recorded, as a whole; of a larger one, data may stay on disk."""


def read(path: str) -> Source:
    """Read one file. Raises `MigrationError` if it cannot be read or its text is not what PostgreSQL accepts."""
    source = try_read(path)
    if isinstance(source, MigrationError):
        raise source
    return source


def try_read(path: str) -> Source | MigrationError:
    """Read one file; return the error that `read` raises."""
    try:
        raw = b"".join(_parts(path))
    except OSError as error:
        return unreadable(path, error)
    return decode(path, raw)


def try_read_sql(path: str) -> Source | MigrationError:
    """Read one file as `try_read`, but leave the data of large COPYs on disk."""
    try:
        parts = _parts(path)
        read, size = [], 0
        for part in parts:
            read.append(part)
            size += len(part)
            if size > LARGE:
                from . import large_file  # noqa: PLC0415 - few folders have a large file

                large = None if _wide_encoding(read[0]) else large_file.read(path, chain(read, parts))
                return large or try_read(path)
    except OSError as error:
        return unreadable(path, error)
    return decode(path, b"".join(read))


def unreadable(path: str, error: OSError) -> MigrationError:
    """Return the error of a file that cannot be read."""
    return MigrationError(f"{path} cannot be read: {error.strerror}", hint=_hint(path, error))


def _hint(path: str, error: OSError) -> str | None:
    if error.errno == errno.ENOENT and not Path(path).is_symlink():
        return None
    return _HINTS[error.errno].format(path=path) if error.errno in _HINTS else None


_HINTS = {
    errno.EACCES: "give the user who runs sqlmigrate the right to read it: chmod u+r {path}",
    errno.ENOENT: "it is a symbolic link to a file that does not exist",
    errno.ELOOP: "it is a symbolic link that leads to itself",
    errno.EISDIR: "it is a folder, but is named like a migration: rename it",
}


def _parts(path: str) -> Iterator[bytes]:
    """Read a file in two thirds of the time that `open` takes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while True:
            part = os.read(descriptor, _PART_SIZE)
            yield part
            if len(part) < _PART_SIZE:
                return
    finally:
        os.close(descriptor)


def decode(path: str, raw: bytes) -> Source | MigrationError:
    """Return the text of a file's bytes, or the error with the place of the byte that PostgreSQL does not accept."""
    if wide := _wide_encoding(raw):
        return MigrationError(f"{path} is {wide}, but must be UTF-8", hint="save it as UTF-8")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(path, raw, error.start)
    source = Source(path, text.removeprefix(BYTE_ORDER_MARK))
    if (nul := source.text.find("\0")) >= 0:
        return MigrationError("PostgreSQL text cannot contain a NUL byte", source.span(nul, nul + 1), hint="remove it")
    return source


_MARKS = (  # those of UTF-32 begin as those of UTF-16
    (b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip
_FIRST_OF_MARKS = b"\xfe"
_SAMPLE_SIZE = 4096  # bytes
_MOST, _FEW = 0.4, 0.05  # of the bytes of a sample


def _wide_encoding(raw: bytes) -> str | None:
    """Return UTF-16 or UTF-32 for a text with its mark, or without one if it is mostly ASCII; None for all others."""
    if raw[:1] < _FIRST_OF_MARKS and 0 not in raw[:_SAMPLE_SIZE]:  # as nearly every file
        return None
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return name
    sample = raw[:_SAMPLE_SIZE]
    if sample.count(0) < _MOST * len(sample) or len(sample) < len(b"\0\0\0;"):
        return None
    zeros = [sample[start::4].count(0) * 4 / len(sample) for start in range(4)]
    if sum(share > 1 - _FEW for share in zeros) == 3:  # noqa: PLR2004 - three of four bytes
        return "UTF-32 without a byte order mark"
    pairs = ((zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2)
    return "UTF-16 without a byte order mark" if min(pairs) < _FEW < _MOST < max(pairs) else None


def _not_utf8(path: str, raw: bytes, start: int) -> MigrationError:
    before = raw[:start].decode().removeprefix(BYTE_ORDER_MARK)
    source = Source(path, raw.decode(errors="replace").removeprefix(BYTE_ORDER_MARK))
    return MigrationError(
        f"the byte 0x{raw[start]:02X} is not UTF-8", source.span(len(before), len(before) + 1), hint="save it as UTF-8"
    )

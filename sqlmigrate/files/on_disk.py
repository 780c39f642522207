"""The data of COPYs that stay on disk: read again when they are sent, or when a line of them is shown.

Whoever reads them gets what was checked when the file was read, or an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import LINE_END, OnDisk, Source, Span

from .file_text import read, unreadable
from .migration import text_checksum

_PIECE = 1 << 16  # bytes


@dataclass(frozen=True)
class Pieces:
    """Data that stay on disk, read piece by piece each time that they are iterated.

    Iterating raises `MigrationError` if the file cannot be read, and at the end if they are not the data that were read
    before.

    Attributes:
        path: The file.
        data: Where they are in it.
    """

    path: str
    data: OnDisk

    def __iter__(self) -> Iterator[bytes]:
        """Read the data."""
        found, left = hashlib.sha256(), self.data.size
        try:
            with Path(self.path).open("rb", buffering=0) as file:
                file.seek(self.data.start)
                while left and (piece := file.read(min(left, _PIECE))):
                    found.update(piece)
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise unreadable(self.path, error) from None
        if found.hexdigest() != self.data.checksum:
            raise MigrationError(
                f"{self.path} was changed while it was being executed: "
                "the data of this COPY are not those that were checked",
                hint="wait until the file is complete",
            )


def whole(source: Source) -> Source:
    """Return a source with all of its text: what stays on disk is read.

    Raises `MigrationError` if the file cannot be read, or is not the one that was read before.
    """
    if not source.on_disk:
        return source
    found = read(source.path)
    if text_checksum(found) != source.checksum:
        raise MigrationError(f"{source.path} was changed while this command ran", hint="wait until it is complete")
    return found


def stand_in(size: int, checksum: str) -> str:
    """Return the line that stands for data where they are not kept: two of them are equal if the data are."""
    return f"-- {size} bytes of data, SHA-256 {checksum}\n"


def line_on_disk(source: Source, data: OnDisk, number: int) -> Span | None:
    """Read line `number` (from 1) of data that stay on disk, to show it.

    The source of the span has this line and the lines around it in its text. None if the file cannot be read, or has
    changed so that it has no such line.
    """
    before, left = 0, number - 1  # lines in the parts that were read; lines before it in the others
    with suppress(MigrationError):
        for part in _whole_lines(Pieces(source.path, data)):
            text = part.decode(errors="replace")
            starts = [0, *(end.end() for end in LINE_END.finditer(text))]
            if left < len(starts) - 1:
                first, last = max(0, left - 1), min(left + 2, len(starts) - 1)
                shown = _with_lines(source, data, before + first, text[starts[first] : starts[last]], last - first)
                start = data.offset + starts[left] - starts[first]
                return shown.span(start, start + starts[left + 1] - starts[left])
            before, left = before + len(starts) - 1, left - len(starts) + 1
    return None


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces so that each ends at the end of a line, as the data themselves do."""
    held: list[bytes] = []
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield b"".join((*held, piece[:end]))
            held.clear()
        held.append(piece[end:])


def _with_lines(source: Source, data: OnDisk, before: int, text: str, count: int) -> Source:
    """Put `count` lines of data into the text of a source; `before` lines of them stay on disk before these."""
    at = source.on_disk.index(data)
    earlier, later = source.on_disk[:at], source.on_disk[at + 1 :]
    around = (
        replace(data, lines=before),
        replace(data, lines=data.lines - before - count, offset=data.offset + len(text)),
    )
    moved = (replace(each, offset=each.offset + len(text)) for each in later)
    shown = source.text[: data.offset] + text + source.text[data.offset :]
    return Source(source.path, shown, (*earlier, *(each for each in around if each.lines), *moved), source.checksum)

"""What the history keeps of the texts of files, and how a text is recognised that it does not keep whole.

A down text is kept whole: `down` may have to execute it without its file. Of an up text above 1 MB only the beginning
is kept, because the checksum tells whether a file is the one that was executed. If such a file runs without a
transaction, all its statements are kept, because a run that goes on compares them; only large data of COPYs are left
out.

What is not kept whole ends with a line of ours. Our own commands refuse a file with such a line, but another tool may
have executed one, so the checksum decides: it is that of the whole file, and a shortened text has another one.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmigrate.files.file_text import LARGE
from sqlmigrate.files.migration import Migration, checksum
from sqlmigrate.files.on_disk import stand_in, whole
from sqlmigrate.source import Source

BEGINNING = 1024
"""How many bytes are kept of a large up text."""

_MARK = "-- sqlmigrate: shortened"  # `parsing.directives` refuses it: such a text cannot be executed as a file
_TO_BEGINNING = f"{_MARK}: the beginning of"
_TO_STATEMENTS = f"{_MARK}: without the large data of"


@dataclass(frozen=True)
class Recorded:
    """The texts that the history has recorded with an execution.

    Attributes:
        up: The whole up text; None if the history has none, or has shortened it.
        down: The down text; None if the history has none.
        shortened: What the history has kept of an up text that it has shortened; else empty.
    """

    up: str | None = None
    down: str | None = None
    shortened: str = ""

    @property
    def head(self) -> str:
        """The comments before the first statement, and a part of the text behind them; empty without an up text."""
        return self.up or self.shortened

    @property
    def statements(self) -> str:
        """A text that has every statement of the up text; empty if that was not kept."""
        return self.up or (self.shortened if _last_line(self.shortened).startswith(_TO_STATEMENTS) else "")


NOTHING = Recorded()


def up_text(migration: Migration, *, keeps_statements: bool = False) -> str:
    """Return what is recorded of an up file; `keeps_statements` for one that runs without a transaction."""
    source = migration.up
    if not _is_large(source) or (keeps_statements and not source.on_disk):
        return source.text
    size = len(source.text.encode()) + sum(each.size for each in source.on_disk)
    if keeps_statements:
        return _ended(
            _with_stand_ins(source), f"{_TO_STATEMENTS} {size:,} bytes; the checksum is that of the whole file"
        )
    end = source.on_disk[0].offset if source.on_disk else BEGINNING
    beginning = source.text[: min(BEGINNING, end)].encode()[:BEGINNING].decode(errors="ignore")
    return _ended(beginning, f"{_TO_BEGINNING} {size:,} bytes; the checksum is that of the whole file")


def down_text(migration: Migration) -> str | None:
    """Return what is recorded of a down file; None if there is none.

    Raises `MigrationError` if a part of it is on disk, and the file has changed since it was read.
    """
    return whole(migration.down).text if migration.down else None


def recorded(up: str | None, down: str | None, whole_checksum: str | None) -> Recorded:
    """Return the texts of a row of the history; `whole_checksum` is that of the up file."""
    if up is None or not _last_line(up).startswith(_MARK) or checksum(up) == whole_checksum:
        return Recorded(up, down)
    return Recorded(None, down, up)


def _is_large(source: Source) -> bool:
    length = len(source.text)
    return bool(source.on_disk) or length > LARGE or (length * 4 > LARGE and len(source.text.encode()) > LARGE)


def _last_line(text: str) -> str:
    return text[-200:].rstrip("\n").rpartition("\n")[2]


def _ended(text: str, line: str) -> str:
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}{line}\n"


def _with_stand_ins(source: Source) -> str:
    parts, start = [], 0
    for each in source.on_disk:
        parts += [source.text[start : each.offset], stand_in(each.size, each.checksum)]
        start = each.offset
    return "".join((*parts, source.text[start:]))

r"""Reads a large file in parts, and leaves the data of its COPYs on disk.

The whole file is checked as a small one is: that it is UTF-8, that it has no NUL byte, and its checksum. What is held
in memory is its SQL. The data of a COPY are left out only if the splitter says, of the SQL before them, that they are
the data of a COPY. It has read all that decides on them by then, so the file is split as if it was held as a whole.

What cannot be decided in this way stays in the text: data that are short, and those of a COPY that is written in an
unusual form. A file with a fault is not read to its end: the caller reads it as a whole, to name the place.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import BYTE_ORDER_MARK, OnDisk, Source

_MARK = BYTE_ORDER_MARK.encode()
_SHORT = 1 << 16  # data of at most so many bytes stay in the text
_WORD = b"stdin"
_BEFORE = re.compile(rb"\bfrom\s+\Z", re.IGNORECASE)
_LONGEST_BEFORE = 100
_AFTER = re.compile(rb"[^;]{0,1000};[^\n]{0,1000}\n")  # up to the end of the line that ends the statement
_LONGEST_AFTER = 3000
_MOST_WRONG = 10  # places that look as if data followed; for each the splitter is asked
_END = b"\n\\."
_LONGEST_END = len(b"\n\\.\r\n")


class _Fault(Exception):  # noqa: N818 - the caller finds out which one
    """The file has a fault."""


def read(path: str, parts: Iterable[bytes]) -> Source | None:
    """Read a file, given in parts of its bytes, in order; None if it has a fault, or is not UTF-8."""
    reader = _Reader(path)
    try:
        for part in parts:
            reader.add(part)
        return reader.source()
    except (_Fault, UnicodeDecodeError):
        return None


def line_ends(part: bytes) -> int:
    """Count the line ends in bytes: LF, CRLF and single CRs."""
    ends = part.count(b"\n")
    return ends + part.count(b"\r") - part.count(b"\r\n") if b"\r" in part else ends


class _Checksum:
    """The checksum of `files.migration`, of a text that comes in parts."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._has_return = False  # a CR that ends the last part
        self._ends = 0  # line ends that count only if more comes

    def add(self, part: bytes) -> None:
        if self._has_return or b"\r" in part:
            part = (b"\r" if self._has_return else b"") + part
            self._has_return = part.endswith(b"\r")
            part = part.removesuffix(b"\r").replace(b"\r\n", b"\n")
        kept = part.rstrip(b"\n")
        if kept:
            self._hash.update(b"\n" * self._ends)
            self._hash.update(kept)
            self._ends = 0
        self._ends += len(part) - len(kept)

    def digest(self) -> str:
        self._hash.update((b"\n" * self._ends + b"\r" if self._has_return else b"") + b"\n")
        return self._hash.hexdigest()


class _Data:
    """The data of a COPY that is being read: held while they are short, then only counted and checked."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.size = 0
        self.held: bytearray | None = bytearray()
        self._hash = hashlib.sha256()
        self._lines = 0
        self._is_ascii = True
        self._after_return = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, part: bytes) -> None:
        if not part:
            return
        self.size += len(part)
        if self.held is not None:
            self.held += part
            if self.size <= _SHORT:
                return
            part, self.held = bytes(self.held), None
        self._lines += line_ends(part) - (self._after_return and part.startswith(b"\n"))
        self._after_return = part.endswith(b"\r")
        if not part.isascii() or self._decoder.getstate()[0]:
            self._is_ascii = False
            self._decoder.decode(part)
        self._hash.update(part)

    def on_disk(self, offset: int) -> OnDisk:
        self._decoder.decode(b"", final=True)
        return OnDisk(offset, self.start, self.size, self._lines, self._is_ascii, self._hash.hexdigest())


class _Reader:
    """What was read of a file so far."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._text = bytearray()
        self._position = 0  # how many bytes of the file are in the text or in data
        self._checksum = _Checksum()
        self._found: list[OnDisk] = []  # with offsets in bytes
        self._statement = 0  # where in the text the splitter can begin: no statement is open there
        self._looked = 0  # how far the text was looked through
        self._wrong = 0
        self._data: _Data | None = None
        self._carried = b""  # the last byte of what is taken, and what may be a part of the end of the data

    def add(self, part: bytes) -> None:
        if b"\0" in part:
            raise _Fault
        if not self._position and part.startswith(_MARK):
            part, self._position = part.removeprefix(_MARK), len(_MARK)
            self._checksum.add(part.removeprefix(_MARK))  # `files.migration.normalized` leaves a second one out as well
        else:
            self._checksum.add(part)
        self._take(part, is_last=False)

    def source(self) -> Source:
        """Return the file when all of its parts are added."""
        self._take(b"", is_last=True)
        if self._data:  # they have no end
            raise _Fault
        return Source(self._path, self._text.decode(), tuple(self._in_characters()), self._checksum.digest())

    def _in_characters(self) -> Iterator[OnDisk]:
        """Yield the data with offsets that count characters."""
        offset = counted = 0
        for each in self._found:
            offset += len(self._text[counted : each.offset].decode())
            counted = each.offset
            yield replace(each, offset=offset)

    def _take(self, part: bytes, *, is_last: bool) -> None:
        while part or is_last:
            if self._data is None:
                self._text += part
                self._position += len(part)
                part = self._after_copy(is_last=is_last)
            else:
                part = self._after_data(self._data, part, is_last=is_last)
            if not part:
                return

    # the text

    def _after_copy(self, *, is_last: bool) -> bytes:
        """Look for a COPY in what is new in the text; return what is read behind it, empty if there is none."""
        if self._wrong == _MOST_WRONG:
            return b""
        lowered = self._text[self._looked :].lower()
        at = lowered.find(_WORD)
        while at >= 0:
            end = self._looked + at + len(_WORD)
            if not is_last and len(self._text) - end < _LONGEST_AFTER:
                self._looked = end - len(_WORD)
                return b""
            after = _AFTER.match(self._text, end)
            if after and self._begins_data(end, after.end()):
                return self._begin_data(after.end())
            at = lowered.find(_WORD, at + 1)
        self._looked = max(self._looked, len(self._text) - len(_WORD))
        return b""

    def _begins_data(self, word_end: int, begin: int) -> bool:
        """Tell whether the data of a COPY begin at an offset in the text: the splitter says so."""
        word = word_end - len(_WORD)
        if self._wrong == _MOST_WRONG or not _BEFORE.search(self._text[max(0, word - _LONGEST_BEFORE) : word]):
            return False
        from sqlmigrate.parsing.splitter import split  # noqa: PLC0415 - only for a large file with a COPY

        try:
            text = self._text[self._statement : begin].decode()
            *_, last = split(Source(self._path, f"{text}\\.\n"))
        except (MigrationError, ValueError):
            self._wrong += 1
            return False
        is_data = last.data is not None and last.data.start == len(text)
        self._wrong += not is_data
        return is_data

    def _begin_data(self, begin: int) -> bytes:
        rest = bytes(self._text[begin:])
        del self._text[begin:]
        self._position -= len(rest)
        self._data, self._carried = _Data(self._position), b"\n"
        return rest

    # the data

    def _after_data(self, data: _Data, part: bytes, *, is_last: bool) -> bytes:
        """Take data up to their end; return what is read behind them, empty if the end was not found."""
        if part and b"\\" not in part and b"\\" not in self._carried:  # as in most parts: nothing is copied
            data.add(self._carried[1:])
            data.add(part)
            self._carried = part[-1:]
            return b""
        window = self._carried + part
        at = window.find(_END)
        while at >= 0:
            after = window[at + len(_END) : at + _LONGEST_END]
            if after.startswith((b"\n", b"\r\n")) or (is_last and not after):
                data.add(window[1 : at + 1])
                return self._end_data(data, window[at + 1 :])
            if len(after) < _LONGEST_END - len(_END) and not is_last:
                break
            at = window.find(_END, at + 1)
        keep = at if at >= 0 else max(0, len(window) - _LONGEST_END)
        data.add(window[1 : keep + 1])
        self._carried = window[keep:]
        return b""

    def _end_data(self, data: _Data, rest: bytes) -> bytes:
        if data.held is None:
            self._found.append(data.on_disk(len(self._text)))
        else:
            self._text += data.held
        self._position = data.start + data.size
        self._data = None
        end = next(each for each in (b"\\.\r\n", b"\\.\n", b"\\.") if rest.startswith(each))
        self._statement = self._looked = len(self._text) + len(end)
        return rest

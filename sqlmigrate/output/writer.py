"""The thread that writes to stdout and stderr, in colour on a terminal.

Another thread executes: a terminal that is blocked must not make a transaction hold its locks.
"""

from __future__ import annotations

import errno
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Literal, TypeVar

from .excerpt import Line, printable

Stream = Literal["stdout", "stderr"]
_FALLBACK_WIDTH = 100
_NARROWEST_WIDTH = 20
_LINES_AT_ONCE = 1000  # of a long screen; joined as a whole, it would be held three times
_ERASE_LINE = "\r\x1b[K"


_T = TypeVar("_T")


@dataclass(frozen=True)
class _Exact:
    """A text that is written as it is."""

    text: str


class Writer:
    """Writes lines to stdout and stderr, in the order in which they were queued, from its own thread.

    If the reader of a stream has gone (``| head``), the stream is given up silently.

    Attributes:
        lost: The error of each stream that could not be written for another reason, such as a full disk.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Stream, Sequence[Line]] | str | _Exact | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._given_up: set[Stream] = set()
        self.lost: dict[Stream, OSError] = {}

    @property
    def is_live(self) -> bool:
        """Whether stderr is a terminal on which a line can be overwritten."""
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def write(self, stream: Stream, lines: Iterable[Line]) -> None:
        """Queue lines; returns at once."""
        self._put((stream, list(lines)))

    def exact(self, text: str) -> None:
        """Queue a text for stdout as it is, to the last character; on a terminal without what acts on it."""
        self._put(_Exact(text))

    def live(self, text: str) -> None:
        """Queue a line that the next one overwrites; for terminals only."""
        self._put(text)

    def _put(self, item: tuple[Stream, Sequence[Line]] | str | _Exact) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._queue.put(item)

    def close(self, seconds: float | None = None) -> bool:
        """Wait until everything is written, at most `seconds`; return whether it is."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(seconds)
            if self._thread.is_alive():
                return False
            self._thread = None
        return True

    def _work(self) -> None:
        outlets: dict[Stream, Callable[[Sequence[Line]], None]] = {
            "stdout": _outlet(sys.stdout),
            "stderr": _outlet(sys.stderr),
        }
        is_drawn = False
        while (item := self._queue.get()) is not None:
            if is_drawn or isinstance(item, str):
                is_drawn = isinstance(item, str)
                _draw_over(item if isinstance(item, str) else "")
            if isinstance(item, _Exact):
                self._attempt("stdout", _write_exactly, item.text)
            elif not isinstance(item, str):
                stream, lines = item
                if stream not in self._given_up:
                    self._attempt(stream, outlets[stream], lines)
        if is_drawn:
            _draw_over("")

    def _attempt(self, stream: Stream, outlet: Callable[[_T], None], what: _T) -> None:
        try:
            outlet(what)
        except OSError as error:
            self._given_up.add(stream)
            if not isinstance(error, BrokenPipeError):
                self.lost[stream] = error
            _empty(sys.stdout if stream == "stdout" else sys.stderr)


def _write_exactly(text: str) -> None:
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.write("\n".join(map(printable, text.split("\n"))) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _draw_over(text: str) -> None:
    with suppress(OSError):  # the terminal is gone
        sys.stderr.write(_ERASE_LINE + printable(text))
        sys.stderr.flush()


def _outlet(file: IO[str] | None) -> Callable[[Sequence[Line]], None]:
    if file is None:  # closed when the program started (``>&-``)
        return _closed
    if hasattr(file, "reconfigure"):
        file.reconfigure(encoding="utf-8", errors="backslashreplace")
    if not file.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":

        def plain(lines: Sequence[Line]) -> None:
            for start in range(0, len(lines), _LINES_AT_ONCE):
                some = lines[start : start + _LINES_AT_ONCE]
                file.write("".join(printable("".join(text for _, text in line)).rstrip() + "\n" for line in some))
            file.flush()

        return plain
    return _coloured(file)


def _coloured(file: IO[str]) -> Callable[[Sequence[Line]], None]:
    from rich.console import Console  # noqa: PLC0415 - costs 35 ms, needed only for colours
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=file, highlight=False, soft_wrap=True)

    def rich(lines: Sequence[Line]) -> None:
        for line in lines:
            console.print(Text.assemble(*((printable(text), style) for style, text in line)))

    return rich


def _closed(_lines: Sequence[Line]) -> None:
    raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _empty(file: IO[str] | None) -> None:
    """Discard what is not written yet, so that Python's own flush at its exit does not fail."""
    if file is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)


def terminal_width(stream: Stream) -> int | None:
    """Return the width of a stream in cells; None if it is not a terminal and COLUMNS names no width."""
    file = sys.stdout if stream == "stdout" else sys.stderr
    try:
        return os.get_terminal_size(file.fileno()).columns or _asked_width()
    except (AttributeError, OSError, ValueError):  # closed at the start, not a terminal, closed since
        return _asked_width()


def _asked_width() -> int | None:
    """Return the width that COLUMNS asks for, as POSIX defines it; None for one that no words fit in."""
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and int(asked) >= _NARROWEST_WIDTH else None


def width() -> int:
    """Return the width of stderr in cells; a fixed number if it is not a terminal."""
    return terminal_width("stderr") or _FALLBACK_WIDTH

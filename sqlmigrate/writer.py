"""The thread that writes: stdout and stderr, in colour where a terminal has them.

It is not the thread that executes: a blocked terminal must not hold locks.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Literal

from .excerpt import Line, printable

Stream = Literal["stdout", "stderr"]
_FALLBACK_WIDTH = 100
_ERASE_LINE = "\r\x1b[K"


class Writer:
    """Writes lines to stdout and stderr from a thread of its own, in the order in which they come.

    `close` waits until all is written. A stream that is closed on the other side (``| head``) is given up silently.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Stream, Sequence[Line]] | str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def is_live(self) -> bool:
        """Whether stderr is a terminal on which a line can be drawn over."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def write(self, stream: Stream, lines: Iterable[Line]) -> None:
        """Queue lines; returns at once."""
        self._put((stream, list(lines)))

    def live(self, text: str) -> None:
        """Queue a line that stays only until the next one; for terminals."""
        self._put(text)

    def _put(self, item: tuple[Stream, Sequence[Line]] | str) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._queue.put(item)

    def close(self) -> None:
        """Wait until everything is written."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        outlets = {"stdout": _outlet(sys.stdout), "stderr": _outlet(sys.stderr)}
        is_drawn = False
        while (item := self._queue.get()) is not None:
            if is_drawn or isinstance(item, str):
                is_drawn = isinstance(item, str)
                _draw_over(item if isinstance(item, str) else "")
            if not isinstance(item, str):
                stream, lines = item
                try:
                    outlets[stream](lines)
                except OSError:
                    outlets[stream] = _given_up(sys.stdout if stream == "stdout" else sys.stderr)


def _draw_over(text: str) -> None:
    sys.stderr.write(_ERASE_LINE + printable(text))
    sys.stderr.flush()


def _outlet(file: IO[str]) -> Callable[[Sequence[Line]], None]:
    if hasattr(file, "reconfigure"):
        file.reconfigure(encoding="utf-8", errors="backslashreplace")
    if not file.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":

        def plain(lines: Sequence[Line]) -> None:
            file.write("".join(printable("".join(text for _, text in line)).rstrip() + "\n" for line in lines))
            file.flush()

        return plain
    return _coloured(file)


def _coloured(file: IO[str]) -> Callable[[Sequence[Line]], None]:
    from rich.console import Console  # noqa: PLC0415 - costs 35 ms, needed only where a screen is drawn
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=file, highlight=False, soft_wrap=True)

    def rich(lines: Sequence[Line]) -> None:
        for line in lines:
            console.print(Text.assemble(*((printable(text), style) for style, text in line)))

    return rich


def _given_up(file: IO[str]) -> Callable[[Sequence[Line]], None]:
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), file.fileno()
    )  # so that Python's own flush at the end does not fail either
    return lambda _lines: None


def width() -> int:
    """Give how many cells a line of the terminal has; a fixed number where there is none."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return _FALLBACK_WIDTH

"""The program on a terminal of a fixed width."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from pathlib import Path

import children


def on_terminal(
    folder: Path,
    url: str,
    *arguments: str,
    columns: int = 80,
    answer: tuple[str, str] | None = None,
    has_colours: bool = False,
) -> str:
    """Call the program in a folder, on a terminal of this width; returns the screen.

    With an `answer` the terminal is its stdin as well: a question, and what is typed when it stands there.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "DATABASE_URL": url, "TZ": "UTC", "TERM": "xterm"}
    if not has_colours:
        environment["NO_COLOR"] = "1"
    command = [sys.executable, "-m", "sqlmigrate", *arguments]
    stdin = theirs if answer else None
    with children.start(command, cwd=folder, env=environment, stdin=stdin, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        screen = b""
        while more := _read(ours):
            screen += more
            if answer and answer[0].encode() in screen:
                os.write(ours, answer[1].encode())
                answer = None
        running.wait()
    os.close(ours)
    return screen.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other side has closed it
        return b""

"""Screens on a terminal of 80 columns: no line is wider, and folded parts are indented."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios

import children
import pytest
from project import Project
from terminal import stable

from sqlmigrate.output.excerpt import cell_count
from sqlmigrate.output.wrapping import folded

LONG = "003_" + "give_every_customer_a_phone_number_" * 2 + "at_last"


def on_terminal(project: Project, *arguments: str, columns: int = 80) -> str:
    """Call the program on a terminal of this width; returns the screen, without what differs from run to run."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "DATABASE_URL": project.url, "NO_COLOR": "1", "TZ": "UTC", "TERM": "xterm"}
    command = [sys.executable, "-m", "sqlmigrate", *arguments]
    with children.start(command, cwd=project.folder.parent, env=environment, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        screen = b""
        while more := _read(ours):
            screen += more
        running.wait()
    os.close(ours)
    return screen.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other side has closed it
        return b""


@pytest.fixture
def every_width(project: Project) -> Project:
    """Short and long names, in many states."""
    project.add("001_a", "select 1;").add("002_create_the_tables_of_the_shop", "select 2;").add(LONG, "select 3;")
    project.add("004_" + "b" * 56, "select 4;").up()
    project.add("005_c", "select 5 from a_table_that_is_not_there_and_has_a_long_name_too;").up()
    project.add("002_create_the_tables_of_the_shop", "select 22;").remove("001_a").remove("004_" + "b" * 56)
    return project.add("000_late", "select 0;")


def lines(screen: str) -> list[str]:
    """Return the lines below the head of a screen; durations keep their width."""
    times = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-02-13 01:16:28", screen)
    times = re.sub(r" from \S+$", " from runner-7", times, flags=re.MULTILINE)
    return re.sub(r"\b\d ms", "9 ms", times).split("\n\n", 1)[1].splitlines()


def test_status(every_width: Project) -> None:
    """The words about a migration continue in their column; after a very long name they are on the next line."""
    assert lines(on_terminal(every_width, "status")) == STATUS.splitlines()


STATUS = f"""\
⚠️ 000_late                         pending, out of order: a later migration is
                                    already executed
⚠️ 001_a                            executed 2026-02-13 01:16:28 UTC       9 ms
                                    its file is missing
⚠️ 002_create_the_tables_of_the_shop   executed 2026-02-13 01:16:28 UTC
                                    9 ms  the file was changed since
✅ {LONG}
                                    executed 2026-02-13 01:16:28 UTC       9 ms
⚠️ 004_{"b" * 56}
                                    executed 2026-02-13 01:16:28 UTC       9 ms
                                    its file is missing
❌ 005_c                            failed   2026-02-13 01:16:28 UTC  relation
     "a_table_that_is_not_there_and_has_a_long_name_too" does not exist

Total: 6 | Executed: 1 | Pending: 0 | Failed: 1 | Changed: 1 | Missing: 2 |
   Out of order: 1
next: sqlmigrate verify
"""


def test_log(project: Project) -> None:
    """Time and action come first; who did it comes under the name if there is no room next to it."""
    project.add("001_a", "select 1;").add("002_create_the_tables_of_the_shop", "select 2;").up()
    project.add("003_c", "select nothing from a_table_that_is_not_there_and_has_a_long_name_too;").up()

    assert lines(on_terminal(project, "log")) == LOG.splitlines()


LOG = """\
✅ 2026-02-13 01:16:28 UTC  up        001_a                               9 ms
                                      postgres from runner-7
✅ 2026-02-13 01:16:28 UTC  up        002_create_the_tables_of_the_shop
                                      9 ms  postgres from runner-7
❌ 2026-02-13 01:16:28 UTC  failure   003_c
                                      postgres from runner-7
   relation "a_table_that_is_not_there_and_has_a_long_name_too" does not exist
Total: 3
"""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("command", ["status", "verify", "log"])
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_line_is_wider(command: str, columns: int, every_width: Project) -> None:
    """Except for long names, paths with them, and what is to be pasted or is shown to the letter."""
    screen = on_terminal(every_width, command, columns=columns)

    wide = [line for line in screen.splitlines() if cell_count(line) > columns]
    assert [line for line in wide if not re.match(r" *(\S+ )?\S+$|  ──▶ |   next |   [-+@]", line)] == []


@pytest.mark.parametrize("command", ["status", "verify", "log"])
def test_the_words_are_those_of_a_pipe(command: str, every_width: Project) -> None:
    """Folding drops no word, and a pipe gets one line for each migration."""
    ended = every_width.call(command)

    assert stable(on_terminal(every_width, command)).split() == stable(ended.stdout + ended.stderr).split()


def test_a_name_is_never_cut() -> None:
    """A name wider than the terminal is alone on its line."""
    assert folded([("", "✅"), ("", f" {LONG}   "), ("green", "executed")], 30, 5) == [
        [("", "✅"), ("", f" {LONG}")],
        [("", "     "), ("green", "executed")],
    ]


def test_what_fits_is_left_alone() -> None:
    """Blanks and parts stay as they are; without a terminal always."""
    line = [("bold", "a  b"), ("", "   c ")]

    assert folded(line, 10, 3) == [line]
    assert folded(line, None, 3) == [line]
    assert folded(line, 7, 3) == [[("bold", "a"), ("bold", "  b")], [("", "   "), ("", "c")]]

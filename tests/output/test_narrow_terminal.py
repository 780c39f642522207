"""Screens on a terminal of 80 columns: no line is wider, and folded parts are indented."""

from __future__ import annotations

import re

import narrow_terminal
import pytest
from project import Project
from terminal import stable

from sqlmigrate.output.excerpt import cell_count
from sqlmigrate.output.wrapping import folded

LONG = "003_" + "give_every_customer_a_phone_number_" * 2 + "at_last"


def on_terminal(project: Project, *arguments: str, columns: int = 80) -> str:
    """Call the program for a project on a terminal of this width; returns the screen."""
    return narrow_terminal.on_terminal(project.folder.parent, project.url, *arguments, columns=columns)


@pytest.fixture
def every_width(project: Project) -> Project:
    """Short and long names, in many states."""
    project.add("001_a", "select 1;").add("002_create_the_tables_of_the_shop", "select 2;").add(LONG, "select 3;")
    project.add("004_" + "b" * 56, "select 4;").up()
    project.add("005_c", "select 5 from a_table_that_is_not_there_and_has_a_long_name_too;").up()
    project.add("002_create_the_tables_of_the_shop", "select 22;").remove("001_a").remove("004_" + "b" * 56)
    return project.add("000_late", "select 0;")


def lines(screen: str) -> list[str]:
    """Return the lines below the head of a screen, with fixed times, durations and computers."""
    times = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-02-13 01:16:28", screen)
    times = re.sub(r" from [^\s,]+, run [0-9a-f]{12}$", " from runner-7, run 5c0d8f3a91e2", times, flags=re.MULTILINE)
    return [_with_fixed_duration(line) for line in times.split("\n\n", 1)[1].splitlines()]


def _with_fixed_duration(line: str) -> str:
    """A duration is right-aligned in its column, however long it is; at the start of a folded line it has no column."""
    if found := re.match(r"( +)[\d,]+ ms\b", line):
        return found[1] + "9 ms" + line[found.end() :]
    return re.sub(r" +[\d,]+ ms\b", lambda found: "9 ms".rjust(len(found[0])), line)


@pytest.mark.parametrize("duration", ["8 ms", "12 ms", "1,485 ms"])
def test_the_width_of_a_duration_changes_nothing(duration: str) -> None:
    """What these tests compare is the same for a fast and for a slow machine."""
    screen = f"head\n\n✅ 001_a   executed   {duration:>9}\n   {duration}  the file was changed since\n"

    assert lines(screen) == ["✅ 001_a   executed        9 ms", "   9 ms  the file was changed since"]


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
    """Time and action come first. What has no room next to the name comes under it, in all rows alike."""
    project.add("001_a", "select 1;").add("002_create_the_tables_of_the_shop", "select 2;").up()
    project.add("003_c", "select nothing from a_table_that_is_not_there_and_has_a_long_name_too;").up()

    assert lines(on_terminal(project, "log")) == LOG.splitlines()


LOG = """\
✅ 2026-02-13 01:16:28 UTC  up        001_a
                                      9 ms  postgres from runner-7, run 5c0d8f3a91e2
✅ 2026-02-13 01:16:28 UTC  up        002_create_the_tables_of_the_shop
                                      9 ms  postgres from runner-7, run 5c0d8f3a91e2
❌ 2026-02-13 01:16:28 UTC  failure   003_c
                                      postgres from runner-7, run 5c0d8f3a91e2
   relation "a_table_that_is_not_there_and_has_a_long_name_too" does not exist
Total: 3
"""


def test_log_of_short_names(project: Project) -> None:
    """The duration has its column where every name leaves room for it; who did it comes below in every row."""
    project.add("001_a", "select 1;").add("002_the_orders_of_a_shop", "select 2;", "select 3;").up()
    project.down()

    assert lines(on_terminal(project, "log")) == LOG_OF_SHORT_NAMES.splitlines()


LOG_OF_SHORT_NAMES = """\
✅ 2026-02-13 01:16:28 UTC  up        001_a                          9 ms
                                      postgres from runner-7, run 5c0d8f3a91e2
✅ 2026-02-13 01:16:28 UTC  up        002_the_orders_of_a_shop       9 ms
                                      postgres from runner-7, run 5c0d8f3a91e2
↩️ 2026-02-13 01:16:28 UTC  down      002_the_orders_of_a_shop       9 ms
                                      postgres from runner-7, run 5c0d8f3a91e2
Total: 3
"""


def test_log_on_sixty_columns(project: Project) -> None:
    """A name that has no room next to the action comes below it, in all rows alike."""
    project.add("001_a", "select 1;").add("002_create_the_tables_of_the_shop", "select 2;").up()

    assert lines(on_terminal(project, "log", columns=60)) == LOG_ON_SIXTY_COLUMNS.splitlines()


LOG_ON_SIXTY_COLUMNS = """\
✅ 2026-02-13 01:16:28 UTC  up
   001_a
   9 ms  postgres from runner-7, run 5c0d8f3a91e2
✅ 2026-02-13 01:16:28 UTC  up
   002_create_the_tables_of_the_shop
   9 ms  postgres from runner-7, run 5c0d8f3a91e2
Total: 2
"""


@pytest.mark.parametrize("command", ["status", "verify", "log"])
def test_a_pipe_has_the_width_that_is_asked_for(command: str, every_width: Project) -> None:
    """`COLUMNS=80` in a pipe is what a terminal of 80 columns is; a width that is none does not count."""
    in_pipe = every_width.call(command, COLUMNS="80")

    assert stable(in_pipe.stdout + in_pipe.stderr).split() == stable(on_terminal(every_width, command)).split()
    wide = [line for line in in_pipe.stdout.splitlines() if cell_count(line) > 80]
    assert [line for line in wide if not re.match(r" *(\S+ )?\S+$", line)] == []
    for nonsense in ("0", "", "wide", "-80"):
        assert stable(every_width.call(command, COLUMNS=nonsense).screen) == stable(every_width.call(command).screen)


def test_a_failure(project: Project) -> None:
    """What happened continues under its words; what is to be pasted begins on its own line and stays in one piece."""
    project.add("001_create_the_tables_of_the_shop", "create table a ();")
    project.add("002_fill_the_names_of_all_customers", "-- sqlmigrate: no-transaction\nvacuum;\nselect 1 / 0;")

    screen = on_terminal(project, "--table", "the_history_of_the_migrations_of_the_shop", "up")

    assert screen[screen.index("what happened") :] == FAILURE


FAILURE = """\
what happened   002_fill_the_names_of_all_customers runs without a transaction;
                it stopped at statement 2 of 2
                statement 1 is executed and stays
                001_create_the_tables_of_the_shop before it stays executed
what now        fix the file or the data (it goes on at statement 2), then:
                sqlmigrate --table the_history_of_the_migrations_of_the_shop up

1 executed · 1 failed
"""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("command", ["status", "verify", "log"])
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_line_is_wider(command: str, columns: int, every_width: Project) -> None:
    """Except for long names, paths with them, and what is to be pasted or is shown to the letter."""
    screen = on_terminal(every_width, command, columns=columns)

    wide = [line for line in screen.splitlines() if cell_count(line) > columns]
    assert [line for line in wide if not re.match(r" *(\S+ )?\S+$|  ──▶ |   next | {11}or: |   [-+@]", line)] == []


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

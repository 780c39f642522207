"""A COPY whose data stay on disk: they take no memory, and what is committed is what was checked."""

from __future__ import annotations

import sys

import children
import psycopg
import pytest
from project import Project, failure, succeeded, told

from sqlmigrate.executor.events import Blocked, Failed
from sqlmigrate.files.folder import load
from sqlmigrate.operations.up_down import up
from sqlmigrate.plan.plan import Limits

MEGABYTE = 1024
LINE = "1\ta line of the data, as long as lines are\n"
ROWS = 30_000
DATA = LINE * ROWS  # more than 1 MB
COPY = f"create table t (a int, b text);\ncopy t from stdin;\n{DATA}\\.\n"
ALONE = "-- sqlmigrate: no-transaction\n"
_PEAK = """\
import resource, sys
from sqlmigrate import load, up
def peak(**options):
    *_, last = up(sys.argv[1], load(sys.argv[2]), **options)
    return type(last).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
_, before = peak(steps=1)
kind, after = peak()
print(kind, after - before)
"""


@pytest.mark.parametrize("head", ["", ALONE], ids=["in a transaction", "without"])
def test_a_large_copy_takes_no_memory(head: str, project: Project) -> None:
    """The memory of the process does not grow with the data: 60 MB are sent, and less than 20 are used for them."""
    project.add("001_t", "create table t (a int, b text); create table made ();")
    project.add("002_rows", f"{head}copy t from stdin;\n{DATA * 48}\\.\n", "truncate t;")

    ended = children.run([sys.executable, "-c", _PEAK, project.url, str(project.folder)], capture_output=True)

    kind, grown = ended.stdout.split()
    assert (kind, int(grown) < 20 * MEGABYTE) == (b"Finished", True), (grown, ended.stderr.decode())
    assert project.value("select count(*) from t") == ROWS * 48


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_what_is_sent_is_what_the_file_has(end: str, project: Project) -> None:
    """The rows are those that psql would send, wherever pieces end in a character."""
    rows = "".join(f"{number}\tö{'ü' * (number % 90)}{end}" for number in range(40_000))
    project.add("001_t", f"create table t (a int, b text);{end}copy t from stdin;\n{rows}\\.{end}")

    assert succeeded(project.up()) == ["001_t"]

    (found,) = project.query("select count(*), sum(a), min(b), sum(length(b)) from t")
    lengths = sum(1 + number % 90 for number in range(40_000))
    assert found == (40_000, sum(range(40_000)), "ö", lengths)


def test_an_error_in_the_data_has_its_place(project: Project) -> None:
    """The line is read from the file again, and drawn with its number in the file."""
    data = DATA.replace(LINE, "no number\tx\n", 1).replace(LINE, "1\ty\n", 1)
    project.add("001_t", f"create table t (a int, b text);\ncopy t from stdin;\n{LINE * 25_000}{data}\\.\n")

    error = failure(project.up()).error

    assert error.message == 'invalid input syntax for type integer: "no number"'
    assert error.span
    assert (error.span.line, error.span.text) == (25_003, "no number\tx")
    assert [error.span.source.line(number) for number in (25_002, 25_003, 25_004)] == [
        LINE.rstrip(), "no number\tx", "1\ty"
    ]  # fmt: skip


CHANGES = {
    "other data": COPY.replace(LINE, LINE.replace("1", "2"), 1),
    "shorter": COPY.replace(LINE, "", 5),
    "emptied": "",
}


@pytest.mark.parametrize("head", ["", ALONE], ids=["in a transaction", "without"])
@pytest.mark.parametrize("text", CHANGES.values(), ids=CHANGES)
def test_a_file_that_changes_after_it_was_read_is_rolled_back(text: str, head: str, project: Project) -> None:
    """The statement fails before the COMMIT is sent; the next run executes the file as it is then."""
    project.add("001_t", head + COPY)
    migrations = load(project.folder)
    project.add("001_t", head + text)

    *_, failed = up(project.url, migrations)

    assert isinstance(failed, Failed)
    assert told(failed.error) == (
        f"{project.folder}/001_t.up.sql was changed while it was being executed: "
        "the data of this COPY are not those that were checked\n"
        f"  next: wait until the file is complete{' (it goes on at statement 2)' if head else ''}, then: sqlmigrate up"
    )
    assert (failed.number, failed.error.span and failed.error.span.line) == (2, 3 if head else 2)
    assert project.relations() == ({"t"} if head else set())
    if head:
        assert project.value("select count(*) from t") == 0
    project.add("001_t", head + COPY)
    assert succeeded(project.up()) == ["001_t"]
    assert project.value("select count(*) from t") == ROWS


def test_a_file_that_is_gone_is_rolled_back(project: Project) -> None:
    """The error says that it cannot be read."""
    project.add("001_t", COPY)
    migrations = load(project.folder)
    project.remove("001_t", "up")

    *_, failed = up(project.url, migrations)

    assert isinstance(failed, Failed)
    assert failed.error.message == f"{project.folder}/001_t.up.sql cannot be read: No such file or directory"
    assert (project.relations(), project.states()) == (set(), {"001_t": "missing"})


def test_data_are_sent_again_after_a_lock_was_not_got(project: Project) -> None:
    """A file that is tried again sends all of its data again."""
    project.add("001_t", "create table t (a int, b text); create table made ();").up()
    project.add("002_rows", f"copy t from stdin;\n{DATA}\\.\nalter table made add b int;")
    limits = Limits(lock_timeout="100ms", lock_retries=100)
    with psycopg.connect(project.url) as reader:
        reader.execute("select from made")
        happened = []
        for event in project.running_up(limits=limits):
            happened.append(event)
            if isinstance(event, Blocked):
                reader.rollback()
    assert any(isinstance(event, Blocked) for event in happened)
    assert succeeded(happened) == ["002_rows"]
    assert project.value("select count(*) from t") == ROWS


def test_a_dry_run_sends_the_data_and_rolls_them_back(project: Project) -> None:
    """A dry run sends the same requests."""
    project.add("001_t", COPY)

    assert succeeded(project.up(dry_run=True)) == ["001_t"]
    assert project.relations() == set()


def test_a_file_without_a_transaction_goes_on_after_a_large_copy(project: Project) -> None:
    """The history has every statement, and the checksum of the data: the COPY is not sent twice."""
    project.add("001_t", f"{ALONE}{COPY}select 1 / 0;\n")
    assert failure(project.up()).number == 3
    project.add("001_t", f"{ALONE}{COPY}select 1;\n")

    assert succeeded(project.up()) == ["001_t"]

    assert project.value("select count(*) from t") == ROWS


def test_other_data_of_a_copy_that_is_executed_are_refused(project: Project) -> None:
    """The checksum in the history tells that the data have changed."""
    project.add("001_t", f"{ALONE}{COPY}select 1 / 0;\n").up()
    project.add("001_t", f"{ALONE}{COPY.replace(LINE, '2' + LINE, 1)}select 1;\n")

    ended = project.call("up")

    assert ended.code == 1
    assert "001_t: statement 2 was executed already, and its text has changed since" in ended.stderr


def test_a_down_file_with_a_large_copy(project: Project) -> None:
    """The history keeps a down text whole: without the file its data come from the history."""
    project.add("001_t", "create table t (a int, b text);")
    project.add("002_rows", "select 1;", f"copy t from stdin;\n{DATA}\\.\n")
    project.add("003_c", "select 1;", "select 1;")
    assert succeeded(project.up()) == ["001_t", "002_rows", "003_c"]
    assert project.value("select length(down_sql) from migrations where version = '002'") > len(DATA)
    assert succeeded(project.down()) == ["003_c"]
    assert succeeded(project.down()) == ["002_rows"]
    assert project.value("select count(*) from t") == ROWS

    project.execute("truncate t")
    assert succeeded(project.up()) == ["002_rows", "003_c"]
    project.remove("003_c").remove("002_rows")
    assert succeeded(project.down(steps=2)) == ["003_c", "002_rows"]
    assert project.value("select count(*) from t") == ROWS

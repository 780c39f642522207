"""The requests that write the history: each finds its row, or ends the transaction with an error of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import table, write
from sqlmigrate.history.state import Undoing
from sqlmigrate.history.table import History
from sqlmigrate.history.write import MissingRow, missing_row
from sqlmigrate.source import Source

HISTORY = History("public", "migrations", exists=True, has_log=True)
FILE = Migration("002", "b", Source("sql/002_b.up.sql", "select 2;"), None)
BEGIN = Request("begin")

# What writes, the status of the row that it expects, and a status that it refuses.
Writing = Callable[[], Request]
WRITING: dict[str, tuple[Writing, str | None, str]] = {
    "begin_up": (lambda: write.begin_up(HISTORY, FILE, 1), None, "executed"),
    "begin_up again": (lambda: write.begin_up(HISTORY, FILE, 1), "failed", "executed"),
    "resume_up": (lambda: write.resume_up(HISTORY, FILE, 1), "running", "executed"),
    "begin_down": (lambda: write.begin_down(HISTORY, "002"), "executed", "running"),
    "progress": (lambda: write.progress(HISTORY, "002", 1), "running", "failed"),
    "begin_down_alone": (
        lambda: write.begin_down_alone(HISTORY, "002", "select 1;", Undoing(0, 2), again=False),
        "executed",
        "running",
    ),
    "begin_down_alone again": (
        lambda: write.begin_down_alone(HISTORY, "002", "select 1;", Undoing(1, 2), again=True),
        "being undone",
        "failed",
    ),
    "progress_down": (lambda: write.progress_down(HISTORY, "002", Undoing(1, 2)), "being undone", "executed"),
    "count_as_executed": (lambda: write.count_as_executed(HISTORY, "002"), "being undone", "executed"),
    "end_up": (lambda: write.end_up(HISTORY, "002", in_transaction=False), "running", "failed"),
    "end_up in a transaction": (lambda: write.end_up(HISTORY, "002", in_transaction=True), "running", "failed"),
    "end_down": (lambda: write.end_down(HISTORY, "002", duration=7), "executed", "running"),
    "end_down in a transaction": (lambda: write.end_down(HISTORY, "002"), "running", ""),
    "accept": (lambda: write.accept(HISTORY, FILE, "002"), "executed", "running"),
    "forget": (lambda: write.forget(HISTORY, "002"), "failed", ""),
    "baseline": (lambda: write.baseline(HISTORY, FILE), None, "executed"),
    "baseline of a failed one": (lambda: write.baseline(HISTORY, FILE), "failed", "executed"),
}
BEGINNING = (
    "begin_up", "begin_up again", "resume_up", "begin_down", "begin_down_alone", "begin_down_alone again"
)  # fmt: skip
INSERTING = ("begin_up", "begin_up again", "baseline", "baseline of a failed one")
LOGGING = {
    "end_up", "end_up in a transaction", "end_down", "end_down in a transaction", "accept", "forget", "baseline",
    "baseline of a failed one", "count_as_executed",
}  # fmt: skip


@pytest.fixture
def session(every_database: str) -> Iterator[Session]:
    """A session in an open transaction, on each version of PostgreSQL, with an empty history."""
    session = Session(every_database)
    table.make(session, HISTORY)
    session.ask(BEGIN)
    yield session
    session.close()


def _insert(status: str) -> Request:
    column = "unfinished, " if status == "being undone" else ""
    value = "'down 1 of 2', " if column else ""
    return Request(
        f"insert into migrations ({column}version, name, status, statements, executed_at) "
        f"values ({value}'002', 'b', $1, 1, now())",
        ("executed" if column else status,),
    )


def _transaction(session: Session) -> str:
    return session.ask(Request("select pg_catalog.pg_current_xact_id()::text"))[0][0][0] or ""


def _refused(session: Session, request: Request) -> MissingRow | None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as refused:
        session.ask(request)
    return missing_row(refused.value)


@pytest.mark.parametrize("name", WRITING)
def test_the_row_is_there(name: str, session: Session) -> None:
    """With the row that it expects, each request succeeds: its guard is not evaluated, not even while planning."""
    writing, status, _ = WRITING[name]
    session.ask(*([_insert(status)] if status else []), writing(), COMMIT)


@pytest.mark.parametrize("name", [each for each in WRITING if each not in INSERTING])
def test_the_row_is_gone(name: str, session: Session) -> None:
    """Without a row, each request raises the error that says so, and names the transaction."""
    transaction = _transaction(session)

    assert _refused(session, WRITING[name][0]()) == MissingRow("taken" if name in BEGINNING else "gone", transaction)


@pytest.mark.parametrize("name", [name for name, (_, _, refused) in WRITING.items() if refused])
def test_the_row_has_another_status(name: str, session: Session) -> None:
    """A row that another run, or the file, has changed is not taken for the expected one."""
    writing, _, status = WRITING[name]
    session.ask(_insert(status))
    transaction = _transaction(session)

    assert _refused(session, writing()) == MissingRow("taken" if name in BEGINNING else "changed", transaction)


@pytest.mark.parametrize("name", ["end_up in a transaction", "end_down in a transaction"])
def test_the_row_is_of_another_transaction(name: str, session: Session) -> None:
    """In a transaction only its own row counts: the one that was inserted may have been committed since."""
    session.ask(_insert("running"), COMMIT, BEGIN)
    transaction = _transaction(session)

    assert _refused(session, WRITING[name][0]()) == MissingRow("changed", transaction)


@pytest.mark.parametrize("name", sorted(LOGGING))
def test_the_log_does_not_take_its_entry(name: str, session: Session) -> None:
    """Where a trigger swallows the entry of the log, the row is not written either."""
    writing, status, _ = WRITING[name]
    session.ask(
        Request("create function swallow() returns trigger language plpgsql as 'begin return null; end'"),
        Request("create trigger t before insert on migrations_log for each row execute function swallow()"),
        *([_insert(status)] if status else []),
    )
    transaction = _transaction(session)

    assert _refused(session, writing()) == MissingRow("not logged", transaction)


@pytest.mark.parametrize(
    ("query", "sqlstate"),
    [
        ("select 1 / 0", "22012"),
        ("select 'abc'::int", "22P02"),
        ("select concat('sqlmigrate: the history row is lost')::int", "22P02"),
    ],
)
def test_an_error_of_a_user_is_not_ours(query: str, sqlstate: str, session: Session) -> None:
    """A failing statement of a user is never taken for a missing row, whatever its code is."""
    with pytest.raises(psycopg.Error) as refused:
        session.ask(Request(query))

    assert (refused.value.sqlstate, missing_row(refused.value)) == (sqlstate, None)


def test_no_error_is_not_a_missing_row() -> None:
    """Without an error there is nothing to recognise."""
    assert missing_row(None) is None


PARTS = ("begin_up", "begin_down", "begin_down_alone")


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("unfinished", ["down 1 of 2", "down 0 of 2; 1 valid", "1 none"])
def test_what_is_done_in_part_is_not_begun_again(name: str, unfinished: str, session: Session) -> None:
    """Whoever plans with old rows does not begin at the first statement what another run has stopped in."""
    status = "failed" if name == "begin_up" else "executed"
    session.ask(_insert(status), Request("update migrations set unfinished = $1", (unfinished,)))
    transaction = _transaction(session)

    assert _refused(session, WRITING[name][0]()) == MissingRow("taken", transaction)

"""Statements that are rare in a migration: they change the session, the protocol or the history itself."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from terminal import Terminal

from sqlmigrate.executor.events import Failed, Finished, StatementDone
from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down


def _up(url: str, folder: Path, *texts: str, step_by_step: bool = False) -> list[object]:
    """Execute texts as migrations, and return the events of their statements."""
    for number, text in enumerate(texts, start=1):
        (folder / f"{number:03}_odd.up.sql").write_text(text, encoding="utf-8", newline="")
    told: list[object] = []
    for event in up_down.up(url, load(folder), step_by_step=step_by_step):
        if isinstance(event, StatementDone):
            told.append(event.number)
        elif isinstance(event, Finished):
            told.append("finished")
    return told


@pytest.mark.parametrize("step_by_step", [False, True], ids=["together", "one by one"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("set client_encoding = 'LATIN1'; select chr(228); create table made ();", [1, 2, 3, "finished"]),
        ("set client_encoding = 'SQL_ASCII'; select chr(228); create table made ();", [1, 2, 3, "finished"]),
        ("declare c binary cursor for select -1; fetch all in c; create table made ();", [1, 2, 3, "finished"]),
        ("copy (select 1) to stdout; create table made ();", [1, 2, "finished"]),
        ("copy (select generate_series(1, 100000)) to stdout; create table made ();", [1, 2, "finished"]),
        ("copy (values (1)) to stdout (format binary); create table made ();", [1, 2, "finished"]),
        ("-- sqlmigrate: no-transaction\ncopy (select 1) to stdout; create table made ();", [1, 2, "finished"]),
        ("select g, repeat('x', 100) from generate_series(1, 50000) g; create table made ();", [1, 2, "finished"]),
        ("set datestyle = 'German'; set timezone = 'Asia/Tokyo'; set extra_float_digits = 0; create table made ();",
         [1, 2, 3, 4, "finished"]),
        ("set default_transaction_read_only = on; create table made ();", [1, 2, "finished"]),
        ("set client_min_messages = error; create table made ();", [1, 2, "finished"]),
        ("lock table migrations in access exclusive mode; create table made ();", [1, 2, "finished"]),
        ("create table made (); analyze migrations; listen odd; notify odd; unlisten *;", [1, 2, 3, 4, 5, "finished"]),
    ],
)  # fmt: skip
def test_is_executed(text: str, told: list[object], *, step_by_step: bool, database: str, tmp_path: Path) -> None:
    """It is executed, and the next migration runs in a session that is not affected by it."""
    found = _up(database, tmp_path, text, "create table behind ();", step_by_step=step_by_step)
    assert found == [*told, 1, "finished"]
    with psycopg.connect(database) as conn:
        assert conn.execute("select to_regclass('made') is not null, to_regclass('behind') is not null").fetchall() == [
            (True, True)
        ]


@pytest.mark.parametrize(
    "text",
    [
        "drop table migrations cascade;",
        "create schema elsewhere; alter table migrations set schema elsewhere;",
        "alter table migrations rename to moved;",
    ],
)
def test_the_history_itself_is_taken_away(text: str, database: str, tmp_path: Path) -> None:
    """A file that drops or moves the history fails as a whole, and says why."""
    (tmp_path / "001_takes_it_away.up.sql").write_text(text, encoding="utf-8")
    *_, failed = up_down.up(database, load(tmp_path))
    assert isinstance(failed, Failed)
    assert str(failed.error.message) == (
        "001_takes_it_away: something in the file drops or moves the history public.migrations"
    )
    assert (failed.kept, failed.error.detail) == ((), ())
    with psycopg.connect(database) as conn:
        assert conn.execute("select version, status from migrations").fetchall() == [("001", "failed")]


def test_the_schema_of_the_history_is_dropped(terminal: Terminal) -> None:
    """A migration that begins by dropping the schema is refused; the history of the earlier ones stays."""
    terminal.write(**{"001_first.up.sql": "create table first ();"})
    terminal("up")
    terminal.write(**{"002_begin_anew.up.sql": "drop schema public cascade;\ncreate schema public;\n"})
    ended = terminal("up")
    assert ended.code == 1
    assert ended.stderr == (
        "   notice: drop cascades to 4 other objects\n"
        "error: 002_begin_anew: something in the file drops or moves the history public.migrations\n"
        "  ──▶ sql/002_begin_anew.up.sql\n"
        "   hint    leave it where it is, and out of loops over all tables; "
        "a project that was not executed anywhere yet can keep it in a schema of its own: --table history.migrations\n"
        "\n"
        "what happened   002_begin_anew was rolled back: nothing of it is in the database\n"
        "what now        fix the file, then: sqlmigrate up\n"
        "\n"
    )
    assert "✅ 001_first        executed TIME UTC N ms\n" in terminal("status").screen

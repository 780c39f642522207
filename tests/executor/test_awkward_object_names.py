"""Names with quotes, semicolons, SQL or unusual letters: they are treated as names, wherever they come from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote

import psycopg
import pytest
from postgres_servers import Server
from project import Project, failure, finished, succeeded
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.executor.events import Blocked, Failed
from sqlmigrate.plan.plan import Limits

LONGEST = "ö" * 31 + "x"  # 63 bytes
ODD = {
    "quotes": "a\"b'c`d",
    "semicolon and SQL": "x'; drop table victim; --",
    "SQL in double quotes": 'x"; drop table victim; --',
    "a block": "$$; drop table victim; $$",
    "percent": "100%s %(a)s {0}",
    "dollars": "$1 $body$ $$",
    "backslash": "a\\b\\'c",
    "newline": "a\nb\tc",
    "unicode": "größe 測試 🐘",
    "a key word": "select",
    "63 bytes": LONGEST,
}


@contextmanager
def made(server: Server, role: str, database: str) -> Iterator[str]:
    """Create a role and a database with any names; yield the URL."""
    names = {"role": sql.Identifier(role), "name": sql.Identifier(database)}
    server.admin.execute(sql.SQL("create role {role} login").format(**names))
    server.admin.execute(sql.SQL("create database {name} owner {role} template template0").format(**names))
    place = conninfo_to_dict(server.url())
    try:
        yield psycopg.conninfo.make_conninfo(host=place["host"], port=place["port"], user=role, dbname=database)
    finally:
        server.admin.execute(sql.SQL("drop database {name} with (force)").format(**names))
        server.admin.execute(sql.SQL("drop role {role}").format(**names))


def quoted(name: str) -> str:
    """Write a name as the setting `table` expects it."""
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_a_role_and_a_database_of_any_name(name: str, project: Project, postgres: Server) -> None:
    """The role and the database are recorded and shown unchanged; every command works, also after a failure or without
    rights.
    """
    with made(postgres, name, name) as url:
        odd = project.at(url)
        odd.execute("create table victim ()")
        odd.add("001_a", "create table a (id int);", "drop table a;").add("002_b", "select nothing;")

        events = odd.up(into_existing=True)

        assert finished(events) == ["001_a"]
        assert failure(events).step.label == "002_b"
        assert odd.query("select executed_by from migrations union select executed_by from migrations_log") == [(name,)]
        for command in ("status", "log", "verify"):
            assert odd.call(command, "--format", "json").code == 0
        shown = json.loads(odd.call("log", "--format", "json").stdout)
        assert {entry["executed_by"] for entry in shown} == {name}
        odd.remove("002_b", "up")
        assert odd.call("repair", "002", "--yes").code == 0
        assert finished(odd.down()) == ["001_a"]
        assert odd.relations() == {"victim"}


@pytest.mark.parametrize("name", [name for name in ODD.values() if name != LONGEST] + ["y" * 59], ids=[*ODD])
def test_a_history_of_any_name(name: str, project: Project) -> None:
    """Table, log and schema have such names; up, a failure, a file without a transaction, down and repair work."""
    project.execute("create table victim ()")
    project.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
    table = f"{quoted(name)}.{quoted(name)}"
    project.add("001_a", "create table a (id int);", "drop table a;")
    project.add("002_alone", "-- sqlmigrate: no-transaction\ncreate index concurrently i on a (id);\nselect 1;")
    project.add("003_bad", "select nothing;")

    assert isinstance(project.up(table=table, into_existing=True)[-1], Failed)
    assert project.states(table=table) == {"001_a": "executed", "002_alone": "executed", "003_bad": "failed"}
    assert project.call("repair", "003", "--yes", "--table", table).code == 0
    assert project.call("baseline", "003", "--table", table).code == 0
    where = sql.Identifier(name, f"{name}_log")
    assert project.query(sql.SQL("select action, version from {} order by id").format(where)) == [
        ("up", "001"), ("up", "002"), ("failure", "003"), ("repair", "003"), ("baseline", "003"),
    ]  # fmt: skip
    assert project.relations() >= {"victim", "a", "i"}


def test_file_names_that_are_SQL(project: Project) -> None:  # noqa: N802 - that is how SQL is written
    """Any combination of letters, `_`, `-` and `.` is a name, also with 200 letters; in the history and in a down."""
    labels = ["001_drop_table_victim--", "002_select", f"003_{'x' * 200}", "004_größe_測試", "005_-- "[:6]]
    project.execute("create table victim ()")
    for label in labels:
        project.add(label, "select 1;", "select 1;")

    assert succeeded(project.up(into_existing=True)) == labels
    assert project.query("select version || '_' || name from migrations order by version") == [(one,) for one in labels]
    assert succeeded(project.down(all=True)) == labels[::-1]
    assert project.relations() == {"victim"}


REFUSED_NAMES = {
    "a'b": "a_b", 'a"b': "a_b", "a;b": "a_b", "a%sb": "a_sb",
    "a$1b": "a_1b", "a\nb": "a_b", "a b": "a_b", "a\\b": "a_b",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_other_file_names_are_not_executed(name: str, project: Project) -> None:
    """A name with any other character is noted by `up`, which leaves the file out, and refused by `verify`."""
    project.add_tables("a").add(f"002_{name}", "create table wrong ();")
    fault = f"sql/002_{name}.up.sql is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql"
    right = f"rename it to 002_{REFUSED_NAMES[name]}.up.sql"

    ran, verified = project.call("up"), project.call("verify")

    assert (ran.code, ran.stderr) == (0, f"⚠️ note: {fault}: {right}\n")
    assert (verified.code, verified.stderr) == (1, f"error: {fault}\n   hint    {right}\n\n")
    assert project.relations() == {"a"}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [*ODD.values()], ids=[*ODD])
def test_an_application_of_any_name(name: str, project: Project) -> None:
    """An application name is passed as a parameter; a run that waits for that session shows it, however short its
    timeout is.
    """
    with psycopg.connect(f"{project.url}&application_name={quote(name, safe='')}") as conn:
        pid = conn.info.backend_pid
        conn.execute("create table t ()")
        conn.commit()
        conn.execute("lock table t")
        project.add("001_a", "-- sqlmigrate: lock-timeout 300ms\nalter table t add column n int;")
        with closing(project.running_up(into_existing=True, limits=Limits(lock_retries=50))) as events:
            blocked = next(event for event in events if isinstance(event, Blocked) and event.blockers)
        seen = project.value("select application_name from pg_stat_activity where pid = %s", pid)
    assert [blocker.who for blocker in blocked.blockers] == [f"process {pid} ({seen}, user postgres, local socket)"]

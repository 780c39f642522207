"""What keeps `adopt` from taking something over: the whole message of each, and nothing is changed by it."""

from __future__ import annotations

import re
import signal
import zlib
from collections.abc import Iterator

import psycopg
import pytest
from held_lock import held
from old_folders import write_old, written
from postgres_servers import Server, Standby
from processes import beginning
from project import Project
from terminal import Ended, stable

from sqlmigrate.adopt import write

UP = "-- migrate:up\ncreate table {0} (id int);\n-- migrate:down\ndrop table {0};\n"
FILES = {"1_users.sql": UP.format("users"), "2_orders.sql": UP.format("orders")}
HISTORY = "create table schema_migrations (version varchar primary key); insert into schema_migrations values ('1')"
PAIRS = {"1_users.up.sql": "create table users (id int);", "2_orders.up.sql": "create table orders (id int);"}
GOOSE = "-- +goose Up\nselect {0};\n-- +goose Down\nselect -{0};\n"


@pytest.fixture
def dbmate(project: Project) -> Project:
    """A folder of dbmate with two migrations, the first of which is executed."""
    write_old(project, "db/migrations", FILES)
    project.execute(HISTORY)
    return project


def said(ended: Ended) -> str:
    """Give the exit code and all that was said to the user, without what differs in each run."""
    text = f"exit {ended.code}\n{ended.stderr.rstrip()}\n"
    for pattern, word in (
        ("/tmp/pytest[^ \n]*?/(?=db/)", "/FOLDER/"),
        ("reader_\\w+", "READER"),
        ("/tmp/sqlm\\S+", "SOCKET"),
    ):
        text = re.sub(pattern, word, text)
    return stable(re.sub(r"(process|pid =) \d+", r"\1 PID", text))


def untouched(project: Project) -> bool:
    """Tell whether neither our history nor a file of ours was made."""
    return not written(project) and project.value("select to_regclass('migrations') is null")


# -- what to take over -------------------------------------------------------------------------------------------------


def test_no_folder(project: Project) -> None:
    """Nothing is in the usual places."""
    assert (
        said(project.call("adopt"))
        == """\
exit 2
error: no migrations of another tool were found in the usual folders
   the usual folders are alembic, atlas/migrations, changelog, changelogs, db/changelog, db/migrate, db/migration, \
db/migrations, db/migrations/postgres, ent/migrate/migrations, liquibase, migrations, migrations/postgres, \
sql/migrations, src/main/resources/db/changelog, src/main/resources/db/migration, src/migrations, supabase/migrations
   nothing was changed
   hint    name the folder of the other tool
   next    sqlmigrate adopt --from FOLDER
"""
    )


def test_a_folder_that_does_not_exist(project: Project) -> None:
    assert (
        said(project.call("adopt", "--from", "db/migratons"))
        == """\
exit 2
error: the folder `db/migratons` does not exist
   looked for /FOLDER/db/migratons
   nothing was changed
   hint    name the folder of the other tool with --from
"""
    )


def test_a_folder_without_migrations(project: Project) -> None:
    write_old(project, "docs", {"readme.md": "none"})
    assert (
        said(project.call("adopt", "--from", "docs"))
        == """\
exit 2
error: no migrations of another tool were found in docs
   nothing was changed
   hint    name the folder and the tool
   next    sqlmigrate adopt --from FOLDER
"""
    )


def test_a_history_without_a_folder(project: Project) -> None:
    """The history is named, so that the user looks for the right folder."""
    project.execute(HISTORY)
    assert (
        said(project.call("adopt"))
        == """\
exit 2
error: schema_migrations is the history of dbmate, and no files of dbmate were found
   nothing was changed
   hint    bring its folder back until every database is taken over; or, if the files in sql/ are complete, record \
the newest one that this database has
   next    sqlmigrate adopt --from FOLDER
           or: sqlmigrate baseline 1
"""
    )


def test_two_folders(dbmate: Project) -> None:
    write_old(dbmate, "migrations", FILES)
    assert (
        said(dbmate.call("adopt", "--write"))
        == """\
exit 2
error: 2 folders hold migrations of another tool
   db/migrations: 2 migrations of dbmate
   migrations: 2 migrations of dbmate
   nothing was changed
   hint    name the one to take over
   next    sqlmigrate adopt --from db/migrations
           or: sqlmigrate adopt --from migrations
"""
    )
    assert untouched(dbmate)


def test_two_histories(dbmate: Project) -> None:
    dbmate.execute(
        "create schema old; create table old.versions (version varchar); insert into old.versions values ('1')"
    )
    assert (
        said(dbmate.call("adopt", "--write"))
        == """\
exit 2
error: this database has 2 histories of other tools
   old.versions of dbmate: 1 migration
   schema_migrations of dbmate: 1 migration
   nothing was changed
   hint    name the one to take over
   next    sqlmigrate adopt --history old.versions
           or: sqlmigrate adopt --history schema_migrations
"""
    )
    assert untouched(dbmate)


def test_two_tools_by_name(project: Project) -> None:
    """`1_a.sql` is a migration for several tools, and `2_b.up.sql` is not the same for all of them."""
    write_old(project, "migrations", {"1_a.sql": "select 1;", "2_b.up.sql": "select 2;", "2_b.down.sql": "select 3;"})
    assert (
        said(project.call("adopt", "--write"))
        == """\
exit 2
error: migrations may belong to golang-migrate, sqlx or morph: their files have the same names
   nothing was changed
   hint    name the tool
   next    sqlmigrate adopt --from migrations --tool golang-migrate
           or: sqlmigrate adopt --from migrations --tool sqlx
           or: sqlmigrate adopt --from migrations --tool morph
"""
    )
    assert untouched(project)


def test_an_unknown_tool(dbmate: Project) -> None:
    assert (
        said(dbmate.call("adopt", "--tool", "dbmat"))
        == """\
exit 2
error: `dbmat` is not a tool that can be taken over
   nothing was changed
   hint    did you mean `dbmate`?
"""
    )


def test_a_table_that_is_no_history(dbmate: Project) -> None:
    dbmate.execute("create table customers (id int, name text)")
    assert (
        said(dbmate.call("adopt", "--history", "customers"))
        == """\
exit 2
error: `customers` is not the history of another tool
   found: schema_migrations of dbmate
   nothing was changed
   hint    histories are recognised by their columns; an empty one has nothing to take over
   next    sqlmigrate adopt --history schema_migrations
"""
    )


def test_two_actions_at_once(dbmate: Project) -> None:
    assert (
        said(dbmate.call("adopt", "--write", "--undo"))
        == """\
exit 2
error: --write and --undo cannot be given together
   nothing was changed
   hint    call it twice, one after the other
"""
    )


def test_the_next_command_has_what_the_user_has_said(dbmate: Project) -> None:
    """It can be pasted as it is, after an error too."""
    (dbmate.folder.parent / "db").rename(dbmate.folder.parent / "old")
    arguments = ["adopt", "--from", "old/migrations", "--tool", "dbmate"]
    ended = dbmate.call(*arguments)
    assert ended.stdout.splitlines()[-1] == "next: sqlmigrate adopt --write --from old/migrations --tool dbmate"
    dbmate.execute("insert into schema_migrations values ('3')")
    assert dbmate.call(*arguments, "--write").stderr.splitlines()[-3:] == [
        "   next    sqlmigrate adopt --from FOLDER --tool dbmate",
        "           or: sqlmigrate adopt --write --ignore-missing --from old/migrations --tool dbmate",
        "",
    ]


# -- a history that cannot be taken over now ---------------------------------------------------------------------------


def test_a_dirty_history(project: Project) -> None:
    write_old(project, "migrations", PAIRS)
    project.execute("create table schema_migrations (version bigint primary key, dirty boolean not null)")
    project.execute("insert into schema_migrations values (2, true)")
    assert (
        said(project.call("adopt", "--write", "--yes"))
        == """\
exit 1
error: schema_migrations says that 2 has failed or is not finished
   nothing was changed
   hint    remove from the database what the failed file has left, then execute `migrate force VERSION` with the \
version before it; or finish it by hand, and execute `migrate force VERSION` with its own
   next    sqlmigrate adopt
"""
    )
    assert project.value("select to_regclass('migrations') is null")


def test_a_version_without_a_file(dbmate: Project) -> None:
    """An older checkout of the folder would execute the missing migrations again, once they come back."""
    dbmate.execute("insert into schema_migrations values ('3'), ('4')")
    assert (
        said(dbmate.call("adopt", "--write"))
        == """\
exit 1
error: schema_migrations has 2 executed migrations without a file in db/migrations: 3, 4
   nothing was changed
   hint    take the folder of the release that was executed here last; or, if the files were removed on purpose, \
leave these migrations out
   next    sqlmigrate adopt --from FOLDER
           or: sqlmigrate adopt --write --ignore-missing
"""
    )
    assert untouched(dbmate)


def test_versions_without_a_file_can_be_left_out(dbmate: Project) -> None:
    dbmate.execute("insert into schema_migrations values ('3')")
    assert dbmate.call("adopt", "--write", "--ignore-missing").code == 0
    assert dbmate.states() == {"1_users": "executed", "2_orders": "pending"}


def test_a_run_of_the_other_tool(project: Project) -> None:
    """golang-migrate holds an advisory lock while it runs."""
    write_old(project, "migrations", PAIRS)
    project.execute("create table schema_migrations (version bigint primary key, dirty boolean not null)")
    project.execute("insert into schema_migrations values (1, false)")
    name = f"public\0schema_migrations\0{project.value('select current_database()')}"
    key = zlib.crc32(name.encode()) * 1486364155 % 2**32
    with project.connection() as conn:
        conn.execute("select pg_advisory_lock(%s)", [key])
        assert (
            said(project.call("adopt", "--write", "--yes"))
            == """\
exit 4
✅ 1_users    executed  taken on trust: golang-migrate keeps no checksum
⏸️ 2_orders   pending
error: a run of golang-migrate is under way: it holds its lock
   nothing was changed
   hint    try again when it has ended
   next    sqlmigrate adopt --write
"""
        )


def test_a_lock_on_the_history(dbmate: Project) -> None:
    """A transaction of any program keeps us out; it is not waited for."""
    with psycopg.connect(dbmate.url) as conn:
        conn.execute("insert into schema_migrations values ('2')")
        ended = dbmate.call("--lock-timeout", "300ms", "adopt", "--write")
    assert (
        said(ended)
        == """\
exit 4
error: another session holds a lock on schema_migrations: a run of dbmate may be under way
   nothing was changed
   hint    try again when its transaction has ended; to see who it is:
   next    psql: select a.pid, a.usename, a.application_name, a.xact_start, a.query from pg_locks l join \
pg_stat_activity a using (pid) where l.relation = '"public"."schema_migrations"'::regclass;
           sqlmigrate adopt --write
"""
    )
    assert untouched(dbmate)


def test_a_run_of_ours(dbmate: Project) -> None:
    with held(dbmate):
        ended = dbmate.call("--lock-wait", "300ms", "adopt", "--write")
    assert (
        said(ended)
        == """\
exit 4
error: another run still holds the lock after 0.3 s
   process PID (deploy 7, user postgres, local socket, since TIME UTC)
   idle, no transaction: select pg_advisory_lock($1)
   if its program is gone, end the session:
   select pg_terminate_backend(pid) from pg_stat_activity where pid = PID and backend_start = 'TIME';
   nothing was executed by this run
   hint    run it again when the other run has ended, or wait longer: SQLMIGRATE_LOCK_WAIT=10min
"""
    )


def test_a_history_that_changes_meanwhile(dbmate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tool executes a migration between our look and our lock."""

    def late(*arguments: object, **options: object) -> object:
        found = look(*arguments, **options)
        dbmate.execute("insert into schema_migrations values ('2')")
        return found

    look = write.look
    monkeypatch.setattr(write, "look", late)
    assert (
        said(dbmate.call("adopt", "--write"))
        == """\
exit 1
error: the history schema_migrations changed while it was read
   nothing was changed
   hint    another run was faster: look again
   next    sqlmigrate adopt
"""
    )
    assert untouched(dbmate)


# -- rights and servers ------------------------------------------------------------------------------------------------


@pytest.fixture
def reader(dbmate: Project, postgres: Server) -> Iterator[Project]:
    """The same, as a role that may read the old history, and create tables."""
    name = "reader_" + re.sub(r"\W", "", str(dbmate.value("select current_database()")))
    dbmate.execute(f"create role {name} login; grant select on schema_migrations to {name}")
    dbmate.execute(f"grant create on schema public to {name}")
    yield dbmate.at(postgres.url(str(dbmate.value("select current_database()")), name))
    dbmate.execute(f"drop owned by {name}; drop role {name}")


def test_a_role_that_may_only_read_the_old_history(reader: Project) -> None:
    """The old history has to be locked while its rows are taken over."""
    assert (
        said(reader.call("adopt", "--write"))
        == """\
exit 1
error: the role READER may not lock schema_migrations
   nothing was changed
   hint    without a lock dbmate could go on meanwhile; adopt writes nothing to it, but a lock needs the right to; \
its owner grants it with:
   next    psql: grant update on "public"."schema_migrations" to "READER";
           sqlmigrate adopt --write
"""
    )
    assert written(reader) == {}


def test_a_role_that_may_not_read_the_old_history(reader: Project, dbmate: Project) -> None:
    dbmate.execute("revoke select on schema_migrations from public, " + reader.value("select current_user"))
    assert (
        said(reader.call("adopt", "--write"))
        == """\
exit 1
error: the role READER may not read schema_migrations, the history of dbmate
   nothing was changed
   hint    without it, everything that is executed would look pending; its owner grants the right with:
   next    psql: grant usage on schema "public" to "READER";
           psql: grant select on "public"."schema_migrations" to "READER";
"""
    )
    assert written(reader) == {}


def test_a_role_that_may_not_create_our_history(reader: Project, dbmate: Project) -> None:
    """The message has the SQL for a role that may; after it, the adoption works."""
    role = reader.value("select current_user")
    dbmate.execute(f"revoke create on schema public from {role}; grant update on schema_migrations to {role}")
    before, _, sql = said(reader.call("adopt", "--write")).partition('grant usage, create on schema "')
    assert (
        before
        == """\
exit 1
error: the role READER may not create the history in schema public
   nothing was changed
   hint    the owner of the schema grants the right with the line below; once the history is there, only files that \
create objects in that schema need it
   next    psql: """
    )
    assert written(reader) == {}
    dbmate.execute(f'grant usage, create on schema "{sql}'.replace("READER", role))
    assert reader.call("adopt", "--write").code == 0


def test_a_role_that_may_not_finish(reader: Project, dbmate: Project) -> None:
    """A trigger needs a right of its own."""
    dbmate.execute(f"grant update on schema_migrations to {reader.value('select current_user')}")
    assert reader.call("adopt", "--write").code == 0
    assert (
        said(reader.call("adopt", "--finish"))
        == """\
exit 1
error: the role READER may not put a trigger on schema_migrations: that needs its owner
   nothing was changed
   hint    execute it as the owner of the table
   next    sqlmigrate adopt --finish
"""
    )


def test_a_table_of_ours_that_is_somebody_elses(dbmate: Project) -> None:
    dbmate.execute("create table migrations (id int, title text)")
    assert (
        said(dbmate.call("adopt", "--write"))
        == """\
exit 2
error: the table public.migrations is not a history of sqlmigrate: it has other columns
   its columns: id, title
   a history that begins empty would execute every migration again
   nothing was changed
   hint    if there is no history yet, keep it in another table: --table sqlmigrate_migrations, or the setting table \
= "sqlmigrate_migrations" in sqlmigrate.toml, or in [tool.sqlmigrate] of pyproject.toml; and record first what this \
database has already: sqlmigrate baseline VERSION
"""
    )
    assert written(dbmate) == {}


def test_a_read_only_database(dbmate: Project) -> None:
    name = dbmate.value("select current_database()")
    dbmate.execute(f'alter database "{name}" set default_transaction_read_only to on')
    assert (
        said(dbmate.call("adopt", "--write")).replace(str(name), "THE_DATABASE")
        == """\
exit 1
error: THE_DATABASE at socket SOCKET is read-only: default_transaction_read_only is on
   nothing was changed
   hint    it is set for this role, database or server, for example: alter database "THE_DATABASE" reset \
default_transaction_read_only
"""
    )
    assert written(dbmate) == {}


def test_a_standby(dbmate: Project, standby: Standby) -> None:
    name = str(dbmate.value("select current_database()"))
    ended = dbmate.at(standby.url(name)).call("adopt", "--write")
    assert (
        said(ended).replace(name, "THE_DATABASE")
        == """\
exit 1
error: THE_DATABASE at socket SOCKET is a standby, and a standby is read-only
   nothing was changed
   hint    connect to the primary; with several hosts in the URL: target_session_attrs=read-write
"""
    )


def test_a_server_that_is_gone(dbmate: Project) -> None:
    ended = dbmate.at("postgresql://postgres@127.0.0.1:1/shop").call("adopt", "--write")
    assert (
        said(ended)
        == """\
exit 5
error: cannot connect: 127.0.0.1:1: Connection refused
   nothing was executed
   hint    no server listens there: check that it runs, and that host and port are right
"""
    )
    assert written(dbmate) == {}


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_byte_that_is_not_utf8(dbmate: Project) -> None:
    write_old(dbmate, "db/migrations", {"2_orders.sql": b"-- migrate:up\nselect '\xe9';\n-- migrate:down\n"})
    assert (
        said(dbmate.call("adopt", "--write"))
        == """\
exit 1
error: the byte 0xE9 is not UTF-8
  ──▶ db/migrations/2_orders.sql:2:9
   │
 1 │ -- migrate:up
 2 │ select '�';
   │         ^
 3 │ -- migrate:down
   │
   nothing was changed
   hint    save it as UTF-8
"""
    )
    assert untouched(dbmate)


def test_an_obstacle(project: Project) -> None:
    """A migration in another language, which is executed already: its text is needed nevertheless."""
    write_old(project, "migrations", {"1_a.sql": GOOSE.format(1), "2_b.go": "package migrations"})
    assert (
        said(project.call("adopt", "--write"))
        == """\
exit 1
error: migrations/2_b.go is a program in Go, and cannot be converted
   nothing was changed
   hint    write in SQL what it does into sql/2_b.up.sql; if it is executed already, `select 1;` will do
"""
    )
    assert untouched(project)


def test_a_file_of_ours_with_another_text(dbmate: Project) -> None:
    """It may have been written by hand: it is kept, told, and recorded as the executed one."""
    dbmate.add("1_users", "create table users (id int, name text);")
    assert (
        dbmate.call("adopt").stdout.split("\n\n", 1)[1]
        == """\
dbmate
   files     db/migrations/ · 2 migrations, to be converted
   history   schema_migrations · 1 executed, 1 pending

⚠️ sql/1_users.up.sql is not what db/migrations/1_users.sql becomes: it is kept as it is, and recorded as executed

nothing was written
next: sqlmigrate adopt --write
"""
    )
    assert dbmate.call("adopt", "--write").code == 0
    assert dbmate.value("select up_sql from migrations") == "create table users (id int, name text);"


def test_a_folder_that_is_not_writable(dbmate: Project) -> None:
    """A file has the name of our folder."""
    (dbmate.folder.parent / "new").write_text("a file")
    ended = dbmate.call("--directory", "new", "adopt", "--write")
    assert (
        said(ended)
        == """\
exit 2
error: the folder of new cannot be created: a file has its name
   nothing was changed
   hint    name another folder with --directory, or remove that file
   next    sqlmigrate --directory new adopt --write
"""
    )
    assert untouched(dbmate)


def test_our_folder_is_the_old_one(dbmate: Project) -> None:
    """Files of both would be mixed, and ours could not be read any more."""
    ended = dbmate.call("--directory", "db/migrations", "adopt", "--write")
    assert (
        said(ended)
        == """\
exit 2
error: db/migrations/ is the folder of dbmate, and sqlmigrate would write its files there too: neither could read \
the folder then
   nothing was changed
   hint    let sqlmigrate have a folder of its own, with --directory or the setting directory
   next    sqlmigrate --directory sql adopt --from db/migrations
"""
    )
    assert sorted(path.name for path in (dbmate.folder.parent / "db/migrations").iterdir()) == sorted(FILES)


# -- cut off, and taken back -------------------------------------------------------------------------------------------


def test_a_connection_that_is_lost(dbmate: Project) -> None:
    """What was written stays: the server may have recorded it. A second call goes on from there."""
    dbmate.execute("""\
        create function cut() returns event_trigger language plpgsql as
          $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$;
        create event trigger cut on ddl_command_start when tag in ('CREATE TABLE') execute function cut()""")
    ended = dbmate.call("adopt", "--write")
    dbmate.execute("drop event trigger cut")
    assert (
        said(ended)
        == """\
exit 5
error: the connection was lost: terminating connection due to administrator command (SQLSTATE 57P01)
   SQL statement "SELECT pg_terminate_backend(pg_backend_pid())"
PL/pgSQL function cut() line 1 at PERFORM
   it is not known whether the rows were recorded; a second call finds out, and goes on from there
   next    sqlmigrate adopt --write
"""
    )
    assert sorted(written(dbmate)) == [
        "1_users.down.sql", "1_users.up.sql", "2_orders.down.sql", "2_orders.up.sql",
    ]  # fmt: skip
    assert dbmate.call("adopt", "--write").stdout.splitlines()[1] == "0 files written, 1 migration recorded as executed"


def test_a_kill_within_a_file(dbmate: Project) -> None:
    """A file gets its name when all of it is written. The next call removes what a killed process has started."""
    dbmate.folder.mkdir()
    (dbmate.folder / ".1_users.up.sql.writing").write_text("create ta")

    assert dbmate.call("adopt", "--write").stdout.splitlines()[1] == "4 files written, 1 migration recorded as executed"
    assert not list(dbmate.folder.glob(".*"))
    assert "create table" in (dbmate.folder / "1_users.up.sql").read_text()


def test_a_kill_between_files_and_rows(dbmate: Project) -> None:
    """A second call finds the files as it would write them, and records the rows."""
    dbmate.call("adopt", "--write")
    write_old(dbmate, "db/migrations", {"3_items.sql": UP.format("items")})
    dbmate.execute("insert into schema_migrations values ('2'), ('3')")
    with dbmate.connection() as conn, beginning(dbmate.folder.parent, dbmate.url) as begin, conn.transaction():
        conn.execute("lock table migrations in exclusive mode")
        running = begin("--lock-timeout", "1min", "adopt", "--write")
        running.when("insert into")
        ended = running.signalled(signal.SIGKILL)
    assert ended.code == -signal.SIGKILL
    assert "3_items.up.sql" in written(dbmate)
    assert dbmate.recorded() == [("1", "executed")]
    again = dbmate.call("adopt", "--write")
    assert again.stdout.splitlines()[1] == "0 files written, 2 migrations recorded as executed"
    assert list(dbmate.states().values()) == ["executed", "executed", "executed"]


def test_undo_without_an_adoption(dbmate: Project) -> None:
    assert (
        said(dbmate.call("adopt", "--undo", "--yes"))
        == """\
exit 1
error: nothing was adopted in this database
   nothing was changed
   next    sqlmigrate log
"""
    )


def test_undo_twice(dbmate: Project) -> None:
    dbmate.call("adopt", "--write")
    assert dbmate.call("adopt", "--undo", "--yes").code == 0
    assert (
        said(dbmate.call("adopt", "--undo", "--yes"))
        == """\
exit 1
error: nothing was adopted in this database
   nothing was changed
   next    sqlmigrate log
"""
    )


def test_undo_without_an_answer(dbmate: Project) -> None:
    dbmate.call("adopt", "--write")
    assert (
        said(dbmate.call("adopt", "--undo"))
        == """\
exit 2
error: `adopt` asks a question first, and there is no terminal to ask on
   nothing was changed
   hint    to go on without the question, add --yes
"""
    )


def test_finish_before_write(dbmate: Project) -> None:
    assert (
        said(dbmate.call("adopt", "--finish"))
        == """\
exit 1
error: dbmate has executed 1 migration that the history of sqlmigrate does not have
   nothing was changed
   hint    take them over first
   next    sqlmigrate adopt --write
           sqlmigrate adopt --finish
"""
    )


def test_finish_without_a_history(project: Project) -> None:
    write_old(project, "db/migrations", FILES)
    assert (
        said(project.call("adopt", "--finish"))
        == """\
exit 2
error: no history of another tool was found in this database
   nothing was changed
   hint    there is nothing that could go on writing; if its table is there, name it
   next    sqlmigrate adopt --finish --history TABLE
"""
    )

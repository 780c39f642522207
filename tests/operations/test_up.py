"""`up`: what is executed, in which order, in which transaction, and what the history records."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import children
import psycopg
import pytest
from project import Project, failure, finished, succeeded, told

import sqlmigrate
from sqlmigrate.errors import ConfigError, HistoryError, MigrationError
from sqlmigrate.executor.events import Noticed
from sqlmigrate.files import compare
from sqlmigrate.files.migration import checksum
from sqlmigrate.plan.plan import Planned

BOM = "\ufeff"
SEEN = "create table seen (value text);"
TABLE = "create table customers (\n    id    bigint primary key,\n    email text\n);\n"

# -- what is recorded --------------------------------------------------------------------------------------------------


def test_an_execution_is_recorded_with_all_that_belongs_to_it(project: Project) -> None:
    """The row holds names, texts, counts, the role and the server's time, and the log agrees."""
    up, down = "create table a ();\ncomment on table a is 'ä';\n", "drop table a;"
    before = project.value("select clock_timestamp()")

    assert succeeded(project.add("001_first-table", up, down).up()) == ["001_first-table"]

    after = project.value("select clock_timestamp()")

    checksum = hashlib.sha256(up.encode()).hexdigest()
    columns = "version, name, status, checksum, up_sql, down_sql, statements, statements_done, executed_by, error"
    assert project.query(f"select {columns}, tool_version from migrations") == [
        ("001", "first-table", "executed", checksum, up, down, 2, 2, "postgres", None, sqlmigrate.__version__)
    ]
    ((at, duration),) = project.query("select executed_at, duration_ms from migrations")
    assert before < at < after
    assert 0 <= duration <= (after - before) / timedelta(milliseconds=1) + 1
    columns = "action, version, name, checksum, duration_ms, executed_by, host, tool_version, detail"
    host = project.value("select host from migrations_log")
    assert project.query(f"select {columns} from migrations_log") == [
        ("up", "001", "first-table", checksum, duration, "postgres", host, sqlmigrate.__version__, None)
    ]
    assert host


def test_the_history_has_the_columns_of_the_design(project: Project) -> None:
    """One table and its log, with exactly these columns (`unfinished` is for resuming without a transaction)."""
    project.add("001_a", "select 1;").up()

    columns = """\
        select attname, format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end
          from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum"""
    assert project.query(columns, "migrations") == [
        ("version", "text not null"), ("name", "text not null"), ("status", "text not null"), ("checksum", "text"),
        ("up_sql", "text"), ("down_sql", "text"), ("statements", "integer"), ("statements_done", "integer"),
        ("unfinished", "text"),
        ("executed_at", "timestamp with time zone"), ("duration_ms", "bigint"), ("executed_by", "text"),
        ("tool_version", "text"), ("error", "text"),
    ]  # fmt: skip
    assert project.query(columns, "migrations_log") == [
        ("id", "bigint not null"), ("logged_at", "timestamp with time zone not null"), ("action", "text not null"),
        ("version", "text not null"), ("name", "text not null"), ("checksum", "text"), ("duration_ms", "bigint"),
        ("executed_by", "text not null"), ("host", "text"), ("tool_version", "text"), ("detail", "text"),
        ("run", "text"),
    ]  # fmt: skip
    key = "select pg_get_constraintdef(oid) from pg_constraint where contype = 'p' and conrelid = %s::regclass"
    assert project.value(key, "migrations") == "PRIMARY KEY (version)"
    assert project.value(key, "migrations_log") == "PRIMARY KEY (id)"


def test_versions_are_ordered_as_numbers_and_kept_as_written(project: Project) -> None:
    """2 comes before 10, with any number of zeros, and a time stamp after both."""
    for label in ("10_b", "002_a", "20260213_120530_d", "0011_c"):
        project.add(label, "select 1;")

    assert succeeded(project.up()) == ["002_a", "10_b", "0011_c", "20260213_120530_d"]
    assert [version for version, _ in project.recorded()] == ["002", "10", "0011", "20260213_120530"]


def test_an_existing_history_needs_no_right_to_create_one(project: Project, postgres) -> None:
    """If the table exists, no right to create one is needed."""
    project.add("001_a", "select 1;").up()
    project.execute("""\
        create role writer_only login; revoke create on schema public from public;
        grant select, insert, update, delete on migrations to writer_only;
        grant select, insert on migrations_log to writer_only""")
    try:
        project.add("002_b", "select 2;")
        database = project.value("select current_database()")
        assert succeeded(project.at(postgres.url(database, "writer_only")).up()) == ["002_b"]
        assert project.value("select executed_by from migrations where version = '002'") == "writer_only"
    finally:
        project.execute("drop owned by writer_only; drop role writer_only")


# -- one transaction a file --------------------------------------------------------------------------------------------


def test_a_failing_statement_rolls_the_whole_file_back(project: Project) -> None:
    """Nothing of a file that fails in its last statement stays; earlier files stay, later ones do not begin."""
    project.add_tables("a").add("002_b", "create table b ();\ncreate table a ();").add("003_c", "create table c ();")

    events = project.up()

    failed = failure(events)
    assert finished(events) == ["001_a"]
    assert (failed.step.label, failed.number, failed.total, failed.kept) == ("002_b", 2, 2, ())
    assert (failed.error.message, str(failed.error.span), failed.error.sqlstate) == (
        'relation "a" already exists', f"{project.folder}/002_b.up.sql:2:14", "42P07",
    )  # fmt: skip
    assert project.relations() == {"a"}


def test_a_failure_is_written_and_simply_tried_again(project: Project) -> None:
    """The row `failed` holds the error; the next `up` executes the corrected file; the log has both."""
    project.add("001_a", "create table a ();\nselect nothing;").up()
    columns = "version, name, status, statements, statements_done, error, up_sql, duration_ms"
    assert project.query(f"select {columns} from migrations") == [
        ("001", "a", "failed", 2, 0, 'column "nothing" does not exist', "create table a ();\nselect nothing;", None)
    ]
    assert project.states() == {"001_a": "failed"}

    project.add("001_a", "create table a ();")
    assert succeeded(project.up()) == ["001_a"]

    columns = "version, name, status, statements, statements_done, error, up_sql"
    assert project.query(f"select {columns} from migrations") == [
        ("001", "a", "executed", 1, 1, None, "create table a ();")
    ]
    assert project.query("select action, version, detail from migrations_log order by id") == [
        ("failure", "001", 'column "nothing" does not exist'), ("up", "001", None),
    ]  # fmt: skip


def test_a_failure_twice_with_another_name(project: Project) -> None:
    """A file that was renamed after its failure, and fails again, is recorded under its new name."""
    project.add("001_a", "select nothing;").up()
    project.remove("001_a", "up")
    project.add("001_b", "select nothing_either;").up()

    assert project.query("select version, name, status, error from migrations") == [
        ("001", "b", "failed", 'column "nothing_either" does not exist')
    ]


def test_a_commit_that_fails_leaves_neither_tables_nor_row(project: Project) -> None:
    """A deferred constraint that fails at the commit rolls everything back; the place is the last use of the table."""
    text = """\
create table a (id int primary key);
create table b (a int constraint b_refers_a references a deferrable initially deferred);
insert into b values (7);
"""
    failed = failure(project.add("001_a", text).up())

    assert failed.error.message == 'insert or update on table "b" violates foreign key constraint "b_refers_a"'
    assert (str(failed.error.span), failed.number) == (f"{project.folder}/001_a.up.sql:3:13", 0)
    assert project.relations() == set()
    assert project.recorded() == [("001", "failed")]


@pytest.mark.parametrize(
    "table", ["migrations", "migrations_log"], ids=["the row cannot be completed", "the log cannot be written"]
)
def test_without_its_row_a_file_is_not_committed(table: str, project: Project) -> None:
    """If the history or its log cannot be written (one statement writes both), nothing is committed."""
    project.add_tables("a").up()
    check = {"migrations": "status <> 'executed'", "migrations_log": "action <> 'up'"}[table]
    project.execute(f"alter table {table} add constraint broken check ({check}) not valid")
    project.add("002_b", "create table b ();")

    failed = failure(project.up())

    did = {"migrations": "history public.migrations did", "migrations_log": "log public.migrations_log did"}[table]
    refused = f'new row for relation "{table}" violates check constraint "broken"'
    assert failed.error.message == f"002_b: the {did} not take its entry: {refused}"
    assert project.relations() == {"a"}
    assert project.recorded() == [("001", "executed"), ("002", "failed")]
    assert project.logged() == [("up", "001"), ("failure", "002")]


def test_a_procedure_that_commits_is_refused_with_its_place(project: Project) -> None:
    """A CALL that would end the transaction, which shows only at run time, rolls the file back."""
    project.add("001_p", "create procedure p() language plpgsql as $$ begin commit; end $$;").up()
    project.add("002_a", "create table a ();\n  call p();\ncreate table b ();")

    failed = failure(project.up())

    assert (failed.error.message, str(failed.error.span)) == (
        "invalid transaction termination", f"{project.folder}/002_a.up.sql:2:3",
    )  # fmt: skip
    assert project.relations() == set()


def test_a_file_that_deletes_its_own_row_is_rolled_back(project: Project) -> None:
    """A migration that deletes the rows of the history, its own included, is neither committed nor recorded."""
    project.add_tables("a").up()

    failed = failure(project.add("002_b", "create table b ();\ndelete from migrations;").up())

    assert failed.number == 0
    assert project.relations() == {"a"}
    assert project.recorded() == [("001", "executed"), ("002", "failed")]


def test_savepoints_are_the_files_own_business(project: Project) -> None:
    """SAVEPOINT, ROLLBACK TO and a savepoint left open do not end the transaction."""
    text = "savepoint s; create table a (); rollback to savepoint s; create table b (); savepoint t; create table c ();"

    assert succeeded(project.add("001_a", text).up()) == ["001_a"]

    assert project.relations() == {"b", "c"}


ISOLATION = "insert into seen select current_setting('transaction_isolation');"


@pytest.mark.parametrize(
    ("before", "after", "isolation", "counted"),
    [
        ("BEGIN;\n", "COMMIT;\n", "read committed", 1),
        ("-- first\nbegin work;", "-- last\ncommit work", "read committed", 1),
        ("Start Transaction Isolation Level Serializable;", "End;", "serializable", 1),
        ("begin isolation level repeatable read, read write;", "end transaction;", "repeatable read", 1),
        ("begin; set transaction isolation level serializable;", "commit;", "serializable", 2),
        ("set transaction isolation level repeatable read;", "", "repeatable read", 2),
        (
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE; SET TRANSACTION DEFERRABLE;",
            "",
            "serializable",
            3,
        ),
        ("", "", "read committed", 1),
    ],
)
def test_a_file_wrapped_in_a_transaction_is_executed_in_ours(
    before: str, after: str, isolation: str, counted: int, project: Project
) -> None:
    """Its BEGIN and COMMIT are not sent; its statements see the isolation level that it asks for."""
    project.add("001_seen", SEEN).up()

    assert succeeded(project.add("002_a", f"{before}{ISOLATION}{after}").up()) == ["002_a"]

    assert project.query("select value from seen") == [(isolation,)]
    assert project.value("select statements from migrations where version = '002'") == counted


def test_a_wrapped_file_that_fails_is_rolled_back_whole(project: Project) -> None:
    """The file's own COMMIT commits nothing, and the place is that in the file on disk."""
    failed = failure(project.add("001_a", "BEGIN;\ncreate table a ();\nselect nothing;\nCOMMIT;\n").up())

    assert (str(failed.error.span), failed.number) == (f"{project.folder}/001_a.up.sql:3:8", 2)
    assert project.relations() == set()


# -- the session between migrations ------------------------------------------------------------------------------------


BETWEEN = {
    "set search_path = pg_catalog": ("current_setting('search_path')", '"$user", public'),
    "set role pg_monitor": ("current_user", "postgres"),
    "set session authorization pg_monitor": ("session_user", "postgres"),
    "set session authorization pg_monitor; set role pg_read_all_stats": (
        "current_user || '/' || session_user", "postgres/postgres",
    ),
    "set work_mem = '77MB'": ("current_setting('work_mem')", "4MB"),
    "set my.own = 'kept'": ("current_setting('my.own', true)", ""),
    "set session_replication_role = replica": ("current_setting('session_replication_role')", "origin"),
    "set timezone = 'Asia/Tokyo'": ("current_setting('timezone') = 'Asia/Tokyo'", "false"),
    "set session characteristics as transaction isolation level serializable": (
        "current_setting('transaction_isolation')", "read committed",
    ),
    "select set_config('search_path', '', false)": ("current_setting('search_path')", '"$user", public'),
    "create temporary table t ()": ("to_regclass('t')", None),
    "prepare p as select 1": ("(select count(*) from pg_prepared_statements where name = 'p')", "0"),
    "declare c cursor with hold for select 1": ("(select count(*) from pg_cursors where name = 'c')", "0"),
}  # fmt: skip


def test_the_session_is_as_new_for_every_migration(project: Project, every_database: str) -> None:
    """What one migration sets for its session does not reach the next one."""
    project = project.at(every_database).add("000_seen", "create table seen (setting text, value text);")
    for number, (setting, (look, _)) in enumerate(BETWEEN.items()):
        project.add(f"{number:02}1_sets", f"{setting};")
        project.add(f"{number:02}2_looks", f"insert into public.seen values ($${setting}$$, ({look})::text);")

    assert len(succeeded(project.up())) == 2 * len(BETWEEN) + 1

    assert dict(project.query("select * from seen")) == {setting: value for setting, (_, value) in BETWEEN.items()}


HIDING = [
    "set search_path = ''",
    "set role pg_monitor",
    "set session authorization pg_monitor",
    "set session authorization pg_monitor; set role pg_read_all_stats",
    "set default_transaction_read_only = on",
    "set local role pg_monitor",
    "create schema hidden; set search_path = hidden; create table migrations (odd int)",
    "set datestyle = 'German'; set intervalstyle = 'sql_standard'; set timezone = 'Asia/Tokyo'",
    "set row_security = off; set session_replication_role = replica",
]


def test_no_setting_hides_the_history(project: Project, every_database: str) -> None:
    """Whatever a migration sets, its row is completed in the same history, and the next one's too."""
    project = project.at(every_database)
    for number, setting in enumerate(HIDING):
        project.add(f"{number}_sets", f"{setting};")

    assert len(succeeded(project.up())) == len(HIDING)

    assert project.recorded() == [(str(number), "executed") for number in range(len(HIDING))]
    assert project.up()[0].plan.steps == ()


DEFERRED = """\
set search_path = app;
create table seen (who text, path text);
create table t (a int);
create function tell() returns trigger language plpgsql as $$
begin insert into seen values (current_user, current_setting('search_path')); return null; end $$;
create constraint trigger tells after insert on t deferrable initially deferred for each row execute function tell();
grant all on schema app to pg_monitor; grant all on all tables in schema app to pg_monitor;
"""


def test_deferred_triggers_run_as_their_file(project: Project, every_database: str) -> None:
    """A trigger deferred to the COMMIT finds the role and the search_path of its file, as in psql."""
    project = project.at(every_database)
    project.execute("create schema app")
    project.add("001_app", DEFERRED).add(
        "002_t", "set search_path = app; set role pg_monitor; insert into t values (1);"
    )

    assert succeeded(project.up()) == ["001_app", "002_t"]

    assert project.query("select * from app.seen") == [("pg_monitor", "app")]


def test_a_timeout_holds_for_its_own_file(project: Project) -> None:
    """The directives set `lock_timeout` and `statement_timeout` for their file; other files have ours and the
    server's.
    """
    look = "insert into seen select current_setting('lock_timeout') || ' ' || current_setting('statement_timeout');"
    project.add("001_seen", SEEN)
    project.add("002_a", f"-- sqlmigrate: lock-timeout 2500 ms\n-- sqlmigrate: statement-timeout 10min\n{look}")
    project.add("003_b", look).add("004_c", f"-- sqlmigrate: lock-timeout 0\n{look}")

    succeeded(project.up())

    assert project.query("select value from seen") == [("2500ms 10min",), ("5s 0",), ("0 0",)]


def test_a_statement_timeout_cancels_the_statement(project: Project) -> None:
    """A file that takes longer than its directive allows is rolled back."""
    text = "-- sqlmigrate: statement-timeout 500ms\ncreate table a ();\nselect pg_sleep(30);"

    failed = failure(project.add("001_a", text).up())

    assert (failed.error.message, failed.error.sqlstate, failed.number) == (
        "canceling statement due to statement timeout", "57014", 2,
    )  # fmt: skip
    assert project.relations() == set()


# -- which migrations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2", "002", "0002", "002_b", "sql/002_b.up.sql", "002_b.down.sql"])
def test_up_to_a_version(version: str, project: Project) -> None:
    """The version may be a number, as written, the whole name, or the path of a file."""
    project.add_tables("a", "b", "c")

    assert succeeded(project.up(to=version)) == ["001_a", "002_b"]
    assert succeeded(project.up(to=version)) == []
    assert succeeded(project.up()) == ["003_c"]


def test_up_by_steps(project: Project) -> None:
    """At most so many are executed, starting with the oldest, also together with `to`."""
    project.add_tables("a", "b", "c", "d")

    assert succeeded(project.up(steps=2)) == ["001_a", "002_b"]
    assert succeeded(project.up(steps=5, to="3")) == ["003_c"]
    assert succeeded(project.up(steps=5)) == ["004_d"]


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("002_bb", "did you mean `002_b`?"),
        *((name, "the newest migration is `002_b`") for name in ("4", "b", "²", "", "_")),
    ],
)
def test_up_to_an_unknown_version(version: str, hint: str, project: Project) -> None:
    """It is refused with the nearest name, or else the newest; nothing is executed."""
    with pytest.raises(ConfigError) as refused:
        project.add_tables("a", "b").up(to=version)

    assert told(refused.value) == (f"there is no migration `{version}` in the folder or in the history\n  hint: {hint}")
    assert project.relations() == set()


def test_everything_is_split_before_anything_is_executed(project: Project) -> None:
    """Faults of later files, up and down, are reported together; nothing is executed, and no history is created."""
    project.add_tables("a").add("002_b", "create table b ();\ncommit;").add("003_c", "select 1;", "select 'open;")

    with pytest.raises(MigrationError) as refused:
        project.up()

    found = (refused.value, *refused.value.others)
    assert [str(error) for error in found] == [
        f"{project.folder}/002_b.up.sql:2:1: `COMMIT` would end the transaction of the migration",
        f"{project.folder}/003_c.down.sql:1:8: the string opened here is never closed",
    ]
    assert project.value("select to_regclass('migrations')") is None
    assert project.relations() == set()


# -- files that are not what was executed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        TABLE.replace("\n", "\r\n"), BOM + TABLE, TABLE.rstrip("\n"), TABLE + "\n\n\n",
        BOM + TABLE.replace("\n", "\r\n") + "\r\n",
    ],
    ids=["CRLF", "byte order mark", "no trailing newline", "many of them", "all of it"],
)  # fmt: skip
def test_what_is_not_a_change(text: str, project: Project) -> None:
    """Line endings, a byte order mark and trailing newlines are not a change, in either direction."""
    project.add("001_a", TABLE).up()
    assert project.add("001_a", text).states() == {"001_a": "executed"}
    assert project.up()[0].plan.steps == ()

    other = Project(project.folder, project.url)
    project.execute("delete from migrations; delete from migrations_log; drop table customers")
    other.up()
    assert other.add("001_a", TABLE).states() == {"001_a": "executed"}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("    email  text", "only white space or comments"),
        ("    email text default '--'", "SQL"),
        ("    email text -- or none", "only white space or comments"),
    ],
)
def test_a_changed_file_stops_up(line: str, kind: str, project: Project) -> None:
    """Nothing runs; the message says what kind of change it is, who executed the old text and when, and the lines."""
    project.add("001_a", TABLE).up()
    project.add("001_a", TABLE.replace("    email text", line)).add("002_b", "create table b ();")

    with pytest.raises(HistoryError) as refused:
        project.up()

    assert told(refused.value) == (
        f"001_a: the file was edited after it was executed: {kind} changed\n"
        "  executed by postgres on TIME UTC\n"
        "  @@ -2,3 +2,3 @@\n"
        "       id    bigint primary key,\n"
        "  -    email text\n"
        f"  +{line}\n"
        "   );\n"
        "  nothing was executed by this run\n"
        "  hint: put the edit aside (if it is committed: take the recorded text), and write a new migration; "
        "or accept it\n"
        f"  next: git stash push -- {project.folder}/001_a.up.sql\n"
        f"  next: or: sqlmigrate log 001 --sql up > {project.folder}/001_a.up.sql\n"
        "  next: or: sqlmigrate repair 001"
    )
    assert project.relations() == {"customers", "customers_pkey"}
    assert project.states() == {"001_a": "changed", "002_b": "pending"}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("select a;", "select\n\ta ;", "only white space or comments"),
        ("select a;", "/* it's /* nested */ \" */ select a; -- $$", "only white space or comments"),
        ("select a . b, a::int, -1", "select a.b, a :: int, - 1", "only white space or comments"),
        ("select a=-1", "select a = -1", "only white space or comments"),
        ("select 'a b'", "select 'a  b'", "SQL"),
        ("select $$a b$$", "select $$a  b$$", "SQL"),
        ("select $x$a $$ b$x$", "select $x$a $$  b$x$", "SQL"),
        ("select E'a\\' b'", "select E'a\\'  b'", "SQL"),
        ('select "a b"', 'select "a  b"', "SQL"),
        ("select a$b$ c$b$", "select a$b$  c$b$", "only white space or comments"),
        ("select '/* a */'", "select '/* b */'", "SQL"),
        ("select 10", "select 1 0", "SQL"),
        ("select ab", "select a b", "SQL"),
        ("select a @> b", "select a @ > b", "SQL"),
        ("select a - -b", "select a --b", "SQL"),
        ("select a;", "select A;", "SQL"),
    ],
)
def test_the_kind_of_a_change(before: str, after: str, kind: str) -> None:
    """White space and comments between the words are told apart from all other changes, also in strings."""
    assert compare.what_changed(before, after) == compare.what_changed(after, before) == kind


def test_every_changed_file_is_named(project: Project) -> None:
    """Several edited files are reported together, one error each; a long difference is cut."""
    long = "".join(f"select {number};\n" for number in range(100))
    project.add_tables("a", "b").add("003_c", long).up()
    project.add("001_a", "select 1;").add("003_c", long.replace("select", "values"))

    with pytest.raises(HistoryError) as refused:
        project.up()

    assert [error.message for error in (refused.value, *refused.value.others)] == [
        "001_a: the file was edited after it was executed: SQL changed",
        "003_c: the file was edited after it was executed: SQL changed",
    ]
    assert "… 181 more lines" in refused.value.others[0].detail


def test_a_renamed_file_stops_up(project: Project) -> None:
    """Another name with the same text is reported as renamed, with the commands that rename both files back."""
    project.add("001_a", "create table a ();").up()
    project.remove("001_a", "up")

    with pytest.raises(HistoryError) as refused:
        project.add("001_b", "create table a ();", "drop table a;").up()

    assert told(refused.value) == (
        "001_b: executed as 001_a and renamed since\n"
        "  executed by postgres on TIME UTC\n"
        "  nothing was executed by this run\n"
        "  hint: rename it back, or accept the new name\n"
        f"  next: mv {project.folder}/001_b.up.sql {project.folder}/001_a.up.sql\n"
        f"  next: mv {project.folder}/001_b.down.sql {project.folder}/001_a.down.sql\n"
        "  next: or: sqlmigrate repair 001"
    )


def test_the_commands_for_a_renamed_file_can_be_pasted(project: Project) -> None:
    """They work as printed, also if a path has a blank in it; then everything is up to date."""
    folder = replace(project, folder=project.folder.with_name("my sql"))
    folder.add("1_a", "create table a ();", "drop table a;").up()
    for direction in ("up", "down"):
        (folder.folder / f"1_a.{direction}.sql").rename(folder.folder / f"001_b.{direction}.sql")
    with pytest.raises(HistoryError) as refused:
        folder.up()

    for command in refused.value.next_steps[:2]:
        children.run(command, shell=True, check=True)

    assert folder.states() == {"1_a": "executed"}


def test_a_file_that_is_renamed_and_changed(project: Project) -> None:
    """Both are reported: renaming it back would not be enough."""
    project.add("001_a", "create table a ();").up()
    project.remove("001_a", "up")

    with pytest.raises(HistoryError) as refused:
        project.add("001_b", "create table b ();").up()

    assert told(refused.value).splitlines()[0] == (
        "001_b: executed as 001_a and renamed since; the file was edited after it was executed: SQL changed"
    )


def test_zeros_before_the_number_are_not_another_version(project: Project) -> None:
    """A file executed as `1_a` that is `001_a` now is the same migration; it can also be undone."""
    project.add("1_a", "create table a ();").up()
    project.remove("1_a", "up")
    project.add("001_a", "create table a ();", "drop table a;")

    assert project.states() == {"001_a": "executed"}
    assert succeeded(project.down()) == ["001_a"]
    assert succeeded(project.up()) == ["001_a"]
    assert project.recorded() == [("001", "executed")]


# -- out of order, missing, an older checkout --------------------------------------------------------------------------


def test_out_of_order_is_refused(project: Project) -> None:
    """The message names both migrations, and who executed the later one and when; nothing is executed."""
    project.add_tables("a").add("003_c", "create table c ();").up()
    project.add("002_b", "create table b ();").add("004_d", "create table d ();")

    with pytest.raises(HistoryError) as refused:
        project.up()

    assert told(refused.value) == (
        "002_b: out of order, the later 003_c is already executed (by postgres on TIME UTC)\n"
        "  nothing was executed\n"
        "  hint: renumber it after the newest migration (both files), or execute it out of order\n"
        "  next: sqlmigrate up --out-of-order"
    )
    assert project.relations() == {"a", "c"}
    assert project.states() == {"001_a": "executed", "002_b": "out of order", "003_c": "executed", "004_d": "pending"}


def test_out_of_order_is_executed_on_request(project: Project) -> None:
    """`--out-of-order` executes it, by version, and the history keeps the order of execution."""
    project.add("003_c", "create table c ();").up()
    project.add("001_a", "create table a ();").add("004_d", "create table d ();")

    assert succeeded(project.up(out_of_order=True)) == ["001_a", "004_d"]

    assert [version for version, _ in project.recorded()] == ["003", "001", "004"]


def test_a_missing_file_stops_up(project: Project) -> None:
    """An executed migration whose file is missing, with newer files in the folder, is reported with both cures."""
    project.add_tables("a", "b", "c").up()
    project.remove("002_b")
    project.add("004_d", "create table d ();")

    with pytest.raises(HistoryError) as refused:
        project.up()

    assert told(refused.value) == (
        "002_b: executed on this database, but the file is missing\n"
        "  nothing was executed\n"
        "  hint: restore the file, or let the history forget it: "
        "if the file comes back, the next `up` executes it again\n"
        "  next: git log --all -- '*002_b.up.sql'\n"
        f"  next: or: sqlmigrate log 002 --sql up > {project.folder}/002_b.up.sql\n"
        "  next: or: sqlmigrate repair 002"
    )
    assert project.states()["002_b"] == "missing"


def test_an_older_checkout_on_a_newer_database_is_up_to_date(project: Project) -> None:
    """If the history has migrations after the newest file, there is nothing to do, and nothing is refused."""
    project.add_tables("a", "b", "c").up()
    project.remove("002_b")
    project.remove("003_c")

    (planned,) = project.up()

    assert isinstance(planned, Planned)
    assert planned.plan.steps == ()
    assert project.states() == {"001_a": "executed", "002_b": "missing", "003_c": "missing"}


def test_an_older_checkout_is_said(project: Project) -> None:
    """`up` and `status` say that the folder is older than the database; exit 0."""
    project.add_tables("a", "b").up()
    project.remove("002_b")

    ended = project.call("up")

    ahead = "this folder is older than the database: newer migrations were executed there\n"
    where = f"{ended.stdout.split(' · ')[0]} · "
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == f"{where}up to date\n{ahead}next: sqlmigrate verify\n"


# -- files as they are found in the wild -------------------------------------------------------------------------------

FUNCTIONS = """\
-- Five functions; each body holds what must not end it: a semicolon; a quote's " and ', a $, a comment.
create function a() returns text language sql as $$ select 'a; -- $ no comment'::text; $$;
create function b() returns text language plpgsql as $body$
begin
    execute $$ select 1; $$;  -- it's nested; "twice
    return 'b;''$$';
end;
$body$;
create function c() returns text language sql as 'select ''c;''::text;';
create function d() returns text language sql as E'select \\'d;\\'::text; -- \\\\';
create function e(n int) returns text language sql
begin atomic
    select case n when 1 then 'e;' else 'f' end;
    select case when n = 1 then 'e;' end;
end;
create table called as select a() || b() || c() || d() || e(1) as together;
"""


@pytest.mark.parametrize(
    ("text", "statements", "look", "expected"),
    [
        (FUNCTIONS, 6, "select together from called", "a; -- $ no commentb;'$$c;d;e;"),
        (FUNCTIONS.replace("\n", "\r\n"), 6, "select together from called", "a; -- $ no commentb;'$$c;d;e;"),
        (BOM + "create table a ();", 1, "select count(*) from a", 0),
        ("create table a as select 7 as n", 1, "select n from a", 7),
        ("create table t (x int);;; create rule r as on insert to t do also (select 1; select 2);;", 2,
         "select count(*) from pg_rules where rulename = 'r'", 1),
        ("create table a (n int, t text);\ncopy a from stdin;\n1\tone; -- 'two\n2\t\\N\n\\.\nupdate a set n = n + 10",
         3, "select string_agg(n || coalesce(t, '-'), ',') from a", "11one; -- 'two,12-"),
        ("create table a (n int);\r\ncopy a from stdin;\r\n1\r\n\\.\r\ncopy a from stdin (format csv);\r\n3\r\n\\.\r\n",
         3, "select string_agg(n::text, ',') from a", "1,3"),
        ("create table a (n int);\ncopy a from stdin;\n\\.\n", 2, "select count(*) from a", 0),
    ],
    ids=["functions", "functions in CRLF", "a byte order mark", "no last semicolon", "semicolons alone",
         "COPY", "COPY in CRLF", "COPY of nothing"],
)  # fmt: skip
def test_files_in_the_wild(text: str, statements: int, look: str, expected: object, project: Project) -> None:
    """Each is executed as psql would execute it, and its statements are counted right."""
    assert succeeded(project.add("001_a", text).up()) == ["001_a"]

    assert project.value(look) == expected
    assert project.value("select statements from migrations") == statements


@pytest.mark.parametrize("text", ["", "\n\n", "-- nothing yet", "/* nothing /* yet */ */\n-- to come\n", " ;; ; "])
def test_a_file_without_a_statement_is_executed_and_said(text: str, project: Project) -> None:
    """It is recorded as executed with no statement, and the step has a note."""
    events = project.add("001_nothing", text, "select 1;").up()

    assert succeeded(events) == ["001_nothing"]
    assert events[0].plan.steps[0].notes == ("the file contains no statement",)
    assert project.query("select status, statements, up_sql from migrations") == [("executed", 0, text)]
    assert succeeded(project.down()) == ["001_nothing"]


def test_a_file_of_five_megabytes(project: Project) -> None:
    """One statement of 5 MB among others is executed; the history keeps the checksum and the beginning of the file."""
    rows = ",\n".join(f"({number}, '{'x' * 80};')" for number in range(55_000))
    text = f"create table a (n int, t text);\ninsert into a values\n{rows};\nselect 1;\n"
    assert len(text) > 5_000_000

    assert succeeded(project.add("001_a", text).up()) == ["001_a"]

    assert project.query("select count(*), sum(n), max(t) from a") == [(55_000, 55_000 * 54_999 // 2, "x" * 80 + ";")]
    ended = f"-- sqlmigrate: shortened: the beginning of {len(text):,} bytes; the checksum is that of the whole file\n"
    recorded = [(checksum(text), f"{text[:1024]}\n{ended}")]
    assert project.query("select checksum, up_sql from migrations") == recorded


def test_a_file_of_a_thousand_statements(project: Project) -> None:
    """All of them are executed in order, and a failure in the 900th rolls all of them back."""
    statements = [f"insert into a values ({number});" for number in range(999)]
    project.add("001_a", "\n".join(["create table a (n int primary key, at serial);", *statements]))

    assert succeeded(project.up()) == ["001_a"]
    assert project.query("select count(*), bool_and(n = at - 1) from a") == [(999, True)]

    statements[899] = "insert into a values ('many');"
    failed = failure(project.add("002_b", "\n".join(["delete from a;", *statements])).up())
    assert (failed.number, failed.error.span.line, failed.error.span.column) == (901, 901, 23)
    assert project.value("select count(*) from a") == 999


def test_names_with_dots_dashes_and_letters_of_all_kinds(project: Project) -> None:
    """Everything that a file name may contain becomes the name."""
    labels = ["001_v1.2-rc.1", "002_-", "003_größe_測試", "004_up", "005_x.up"]
    for label in labels:
        project.add(label, "select 1;", "select 2;")

    assert succeeded(project.up()) == labels
    assert project.query("select version || '_' || name from migrations order by executed_at") == [
        (label,) for label in labels
    ]
    assert succeeded(project.down(all=True)) == labels[::-1]


def test_notices_are_told(project: Project) -> None:
    """A NOTICE or a WARNING of the server is an event of the step, before its statement is done."""
    text = "drop table if exists nothing;\ndo $$ begin raise warning 'look; here'; end $$;"

    events = project.add("001_a", text).up()

    assert [(event.severity, event.message) for event in events if isinstance(event, Noticed)] == [
        ("NOTICE", 'table "nothing" does not exist, skipping'), ("WARNING", "look; here"),
    ]  # fmt: skip
    assert [type(event).__name__ for event in events] == [
        "Planned", "Began", "Noticed", "StatementDone", "Noticed", "StatementDone", "Finished",
    ]  # fmt: skip


# -- where the history is ----------------------------------------------------------------------------------------------

ODD_NAMES = [
    ('"a""b".c', 'a"b', "c"), ('"x.y"."z.w"', "x.y", "z.w"), ("Upper.Case", "Upper", "Case"), ('" "', None, " "),
    ('"; drop table victim; --"', None, "; drop table victim; --"), ('"line;\nbreak"', None, "line;\nbreak"),
    ("\"it's\".\"%s {0} $1\"", "it's", "%s {0} $1"), ("select.table", "select", "table"), ("a b", None, "a b"),
    ("größe.測試", "größe", "測試"),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "schema", "table"), ODD_NAMES)
def test_the_history_may_have_any_name(setting: str, schema: str | None, table: str, project: Project) -> None:
    """A qualified name, and names made of quotes, dots, semicolons and SQL, are only names."""
    project.execute("create table victim ()")
    if schema:
        project.execute(psycopg.sql.SQL("create schema {}").format(psycopg.sql.Identifier(schema)))
    project.add_tables("a", "b")

    assert succeeded(project.up(table=setting, into_existing=True)) == ["001_a", "002_b"]
    assert succeeded(project.down(table=setting)) == ["002_b"]
    project.add("002_b", "select nothing;")
    assert failure(project.up(table=setting)).step.label == "002_b"

    assert project.states(table=setting) == {"001_a": "executed", "002_b": "failed"}
    where = psycopg.sql.Identifier(schema or "public", f"{table}_log")
    actions = project.query(psycopg.sql.SQL("select action from {} order by id").format(where))
    assert actions == [("up",), ("up",), ("down",), ("failure",)]
    assert project.value("select count(*) from pg_tables where tablename in ('victim', 'migrations')") == 1


@pytest.mark.parametrize("setting", ["", " ", ".", "a.", ".a", "a.b.c", '"a', 'a"b"', '""', '"a".""', '"a""'])
def test_what_is_not_a_name_of_a_history(setting: str, project: Project) -> None:
    """It is refused with an example, and nothing is executed."""
    with pytest.raises(ConfigError) as refused:
        project.add_tables("a").up(table=setting)

    assert told(refused.value) == (
        f"`{setting}` is not the name of a table\n"
        '  hint: a name, or schema and name: --table ops.migrations (or "a.b"."c.d")'
    )
    assert project.relations() == set()


@pytest.mark.parametrize("setting", ["x" * 60, "ö" * 30, f'ops."{"y" * 64}"'])
def test_a_name_too_long_for_the_history_and_its_log(setting: str, project: Project) -> None:
    """PostgreSQL would cut it and confuse the log with the table: it is refused."""
    with pytest.raises(ConfigError) as refused:
        project.add_tables("a").up(table=setting)

    name = setting.partition(".")[2].strip('"') or setting
    assert told(refused.value) == (
        f"`{name}` is too long for the history table\n"
        "  hint: use at most 59 bytes: PostgreSQL allows 63, and the name of the log adds `_log`"
    )


def test_the_longest_name_of_a_history(project: Project) -> None:
    """A name of 59 bytes is accepted, and leaves room for that of the log."""
    assert succeeded(project.add_tables("a").up(table="x" * 59)) == ["001_a"]
    assert project.up(table="x" * 59)[0].plan.steps == ()


@pytest.mark.parametrize(
    ("path", "home"),
    [
        ("nowhere, app, public", "public"), ("app, public", "public"), ('"$user", public', "public"),
        ("pg_catalog, public", "public"), ("public, pg_temp", "public"),
    ],
)  # fmt: skip
def test_the_history_is_found_although_the_search_path_has_become_odd(
    path: str, home: str, project: Project, postgres
) -> None:
    """A history created in `public` is found wherever `public` is in the role's search_path."""
    project.add_tables("a").up()
    database = project.value("select current_database()")
    project.execute(f"""\
        create schema app; create role odd superuser login; create schema odd;
        alter role odd in database {database} set search_path = {path}""")
    try:
        odd = project.at(postgres.url(database, "odd"))
        assert odd.states() == {"001_a": "executed"}
        assert succeeded(odd.add("002_b", "select 1;").up()) == ["002_b"]
        tables = "select schemaname from pg_tables where tablename = 'migrations'"
        assert project.query(tables) == [(home,)]
    finally:
        project.execute("drop role odd")


def test_a_search_path_without_a_schema_is_refused(project: Project) -> None:
    """If no schema of the search_path exists, the history has no place; a qualified name is enough."""
    odd = project.at(f"{project.url}&options=-csearch_path%3Dnowhere").add("001_a", "select 1;")

    with pytest.raises(ConfigError) as refused:
        odd.up()

    assert told(refused.value) == (
        "no schema of the search_path exists, so there is no place for the history\n"
        "  nothing was changed\n"
        "  hint: name one: --table public.migrations"
    )
    assert succeeded(odd.up(table="public.migrations")) == ["001_a"]


def test_a_schema_that_does_not_exist_is_refused(project: Project) -> None:
    """The message has the SQL that creates it."""
    with pytest.raises(ConfigError) as refused:
        project.add_tables("a").up(table='"no such"."table"')

    assert told(refused.value) == (
        "the schema no such of the history does not exist\n  nothing was changed\n"
        '  next: psql: create schema "no such";'
    )


def test_two_histories_in_one_database_know_nothing_of_each_other(project: Project, tmp_path) -> None:
    """Two applications with their own table in one database have their own versions and their own log."""
    other = Project(tmp_path / "other", project.url).add("001_x", "create table x ();")
    project.add_tables("a")
    project.execute("create schema app")

    assert succeeded(project.up()) == ["001_a"]
    assert succeeded(other.up(table="app.migrations", into_existing=True)) == ["001_x"]

    assert project.states() == {"001_a": "executed"}
    assert other.states(table="app.migrations") == {"001_x": "executed"}

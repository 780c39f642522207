"""Files with a statement that cannot run in a transaction, and files that ask for none: each statement is recorded.

Where such a file continues after it was killed is tested in `test_resume.py`.
"""

from __future__ import annotations

from contextlib import closing

import pytest
from postgres_servers import Server
from project import Project, failure, finished, succeeded, told

from sqlmigrate.errors import HistoryError, MigrationError
from sqlmigrate.executor.events import StatementDone

NONE = "-- sqlmigrate: no-transaction\n"
TABLE = "create table t (a int, b int); insert into t values (1, 1), (2, 1);"
PARTITIONED = "create table p (a int) partition by list (a); create table p1 partition of p for values in (1);"


def numbers(events: list[object]) -> list[int]:
    return [event.number for event in events if isinstance(event, StatementDone)]


# -- by itself ---------------------------------------------------------------------------------------------------------

ALONE = {
    "CREATE INDEX CONCURRENTLY": (TABLE, "create index concurrently i on t (a);"),
    "CREATE UNIQUE INDEX CONCURRENTLY": (TABLE, "-- why\nCREATE UNIQUE /* u */ INDEX CONCURRENTLY ON t (a)"),
    "DROP INDEX CONCURRENTLY": (TABLE + "create index i on t (a);", "drop index concurrently i;"),
    "REINDEX INDEX CONCURRENTLY": (TABLE + "create index i on t (a);", "reindex index concurrently i;"),
    "REINDEX (CONCURRENTLY) TABLE": (TABLE + "create index i on t (a);", "reindex (concurrently) table t;"),
    "VACUUM": (TABLE, "vacuum (analyze) t;"),
    "CLUSTER": (TABLE, "cluster;"),
    "DETACH PARTITION CONCURRENTLY": (PARTITIONED, "alter table p detach partition p1 concurrently;"),
}


@pytest.mark.parametrize("kind", ALONE)
def test_a_statement_that_cannot_run_in_a_transaction_needs_no_directive(
    kind: str, project: Project, every_database: str
) -> None:
    """Alone in its file, it is executed without a directive, and recorded like any other, with its duration."""
    setup, text = ALONE[kind]
    project = project.at(every_database).add("001_setup", setup).add("002_alone", text)

    assert succeeded(project.up()) == ["001_setup", "002_alone"]

    columns = "status, statements, statements_done, unfinished, error, duration_ms >= 0, up_sql"
    assert project.query(f"select {columns} from migrations where version = '002'") == [
        ("executed", 1, 1, None, None, True, text)
    ]
    assert project.logged() == [("up", "001"), ("up", "002")]


def test_alter_system(project: Project) -> None:
    """ALTER SYSTEM up and down: the server's file has the setting, and then no longer has it."""
    project.add("001_a", "alter system set my.own = 'yes';", "alter system reset my.own;")
    look = "select count(*) from pg_file_settings where name = 'my.own'"
    try:
        assert succeeded(project.up()) == ["001_a"]
        assert project.value(look) == 1
    finally:
        assert succeeded(project.down()) == ["001_a"]
    assert project.value(look) == 0


def test_create_database(project: Project) -> None:
    """CREATE DATABASE up, DROP DATABASE down."""
    name = project.value("select current_database()") + "_other"
    project.add("001_a", f"create database {name} template template0;", f"drop database {name};")
    look = f"select count(*) from pg_database where datname = '{name}'"

    assert succeeded(project.up()) == ["001_a"]
    assert project.value(look) == 1
    assert succeeded(project.down()) == ["001_a"]
    assert project.value(look) == 0


@pytest.mark.parametrize(
    ("text", "place", "statement"),
    [
        (f"{TABLE}\n  create index concurrently i on t (a);", "2:3", "CREATE INDEX CONCURRENTLY"),
        ("vacuum t;\nselect 1;", "1:1", "VACUUM"),
        ("select 1;\n-- both\nCreate  Database x;", "3:1", "CREATE DATABASE"),
    ],
)
def test_with_other_statements_it_needs_the_directive(text: str, place: str, statement: str, project: Project) -> None:
    """Such a file is refused before anything is executed; the message has the place and the directive to add."""
    with pytest.raises(MigrationError) as refused:
        project.add("001_a", "create table a ();").add("002_b", text).up()

    assert str(refused.value.span) == f"{project.folder}/002_b.up.sql:{place}"
    assert told(refused.value) == (
        f"`{statement}` cannot run in a transaction, but its file has other statements\n"
        "  hint: put it in a file of its own; or write `-- sqlmigrate: no-transaction` in the first line of this file: "
        "then each statement runs and is recorded on its own"
    )
    assert project.relations() == set()


# -- with the directive ------------------------------------------------------------------------------------------------

MIXED = f"""{NONE}create table t (a int, b int);
copy t from stdin;
1\t1
2\t1
\\.
create index concurrently i on t (a);
vacuum t;
insert into t values (3, 3);
"""


def test_every_statement_runs_on_its_own(project: Project, every_database: str) -> None:
    """Statements of both kinds and COPY data are executed in order; the effect of each is visible as soon as it is
    done.
    """
    project = project.at(every_database).add("001_a", MIXED)

    assert numbers(events := project.up()) == [1, 2, 3, 4, 5]
    assert succeeded(events) == ["001_a"]
    assert project.query("select count(*), sum(a) from t") == [(3, 6)]
    assert project.query("select status, statements, statements_done from migrations") == [("executed", 5, 5)]


def test_the_row_is_there_first_and_counts_along(project: Project) -> None:
    """Between the events another session sees the row `running`, with the number of statements that are done."""
    project.add("001_a", MIXED)
    seen = []
    with closing(project.running_up()) as events, project.connection() as conn:
        for event in events:
            if isinstance(event, StatementDone):
                seen += conn.execute("select status, statements_done from migrations").fetchall()

    assert seen == [("running", 1), ("running", 2), ("running", 3), ("running", 4), ("running", 5)]
    assert project.recorded() == [("001", "executed")]


def test_a_failed_statement_is_recorded_and_the_rerun_goes_on_there(project: Project) -> None:
    """Finished statements stay and are not executed again; the statements after the failed one may be changed."""
    project.add("001_a", f"{NONE}create table a ();\ncreate table b (x int);\ninsert into b values ('x');\nvacuum b;")

    failed = failure(project.up())

    assert (failed.number, failed.total, failed.kept) == (3, 4, ("statements 1 to 2 are executed and stay",))
    assert str(failed.error.span) == f"{project.folder}/001_a.up.sql:4:23"
    assert failed.error.next_steps == ("fix the file or the data (it goes on at statement 3), then: sqlmigrate up",)
    columns = "status, statements, statements_done, error"
    assert project.query(f"select {columns} from migrations") == [
        ("failed", 4, 2, 'invalid input syntax for type integer: "x"')
    ]
    assert project.relations() == {"a", "b"}

    project.add("001_a", f"{NONE}create table a ();\ncreate table b (x int);\ninsert into b values (3);")
    events = project.up()

    assert (succeeded(events), numbers(events)) == (["001_a"], [3])
    assert project.query(f"select {columns} from migrations") == [("executed", 3, 3, None)]
    assert project.query("select x from b") == [(3,)]
    assert project.logged() == [("failure", "001"), ("up", "001")]


def test_data_that_fail_are_not_copied_in_part(project: Project) -> None:
    """A COPY and its record are committed together: if a line fails, it is named, and no line is copied."""
    text = f"{NONE}create table t (a int);\ncopy t from stdin;\n1\nx\n\\.\nselect 1;"

    failed = failure(project.add("001_a", text).up())

    assert (failed.number, str(failed.error.span)) == (2, f"{project.folder}/001_a.up.sql:5:1")
    assert project.value("select count(*) from t") == 0
    assert succeeded(project.add("001_a", text.replace("x", "2")).up()) == ["001_a"]
    assert project.value("select sum(a) from t") == 3


def test_a_failed_first_statement_is_simply_tried_again(project: Project) -> None:
    """If no statement is done yet, the whole file may be changed."""
    project.add("001_a", f"{NONE}select nothing;\ncreate table a ();").up()

    assert succeeded(project.add("001_a", f"{NONE}create table b ();").up()) == ["001_a"]
    assert project.relations() == {"b"}


@pytest.mark.parametrize(
    ("text", "number", "place"),
    [
        ("create table a (x int);\ncreate table b ();\nselect 1;", 1, "2:1"),
        ("create table a ();\ncreate table bb ();\nselect 1;", 2, "3:1"),
        ("create table a ();", 2, "1:1"),
        ("create table b ();\ncreate table a ();\nselect 1;", 1, "2:1"),
    ],
    ids=["the first", "the second", "one is gone", "in another order"],
)
def test_a_done_statement_that_was_changed_stops_the_rerun(
    text: str, number: int, place: str, project: Project
) -> None:
    """The message names the statement, and nothing is executed."""
    project.add("001_a", f"{NONE}create table a ();\ncreate table b ();\nselect nothing;").up()
    project.add("001_a", f"{NONE}{text}")

    with pytest.raises(HistoryError) as refused:
        project.up()

    assert str(refused.value.span) == f"{project.folder}/001_a.up.sql:{place}"
    assert told(refused.value) == (
        f"001_a: statement {number} was executed already, and its text has changed since\n"
        "  statements 1 to 2 are executed; it continues only if they are unchanged\n"
        "  nothing was executed by this run\n"
        "  hint: put the text of that statement back; the statements after the failed one may be changed; "
        "or undo by hand what is executed, and let the history forget it\n"
        "  next: sqlmigrate log 001 --sql up\n"
        "  next: or: sqlmigrate repair 001"
    )
    assert project.relations() == {"a", "b"}
    assert project.recorded() == [("001", "failed")]


def test_white_space_between_done_statements_may_change(project: Project) -> None:
    """Comments and blank lines between the statements may change, and so may the name."""
    project.add("001_a", f"{NONE}create table a ();\ncreate table b ();\nselect nothing;").up()
    project.remove("001_a", "up")
    project.add("001_renamed", f"-- new\n{NONE}\n\ncreate table a ();  -- one\n/* two */ create table b ();\nselect 3;")

    events = project.up()

    assert (succeeded(events), numbers(events)) == (["001_renamed"], [3])
    assert project.query("select version, name, status from migrations") == [("001", "renamed", "executed")]


def test_leading_zeros_make_no_other_version(project: Project) -> None:
    """`1_a` stopped at a statement and is called `001_a` now: it is continued, and has one row."""
    project.add("1_a", f"{NONE}create table a ();\nselect nothing;").up()
    project.remove("1_a", "up")

    assert succeeded(project.add("001_a", f"{NONE}create table a ();\nselect 2;").up()) == ["001_a"]
    assert project.recorded() == [("001", "executed")]


def test_a_file_without_a_statement(project: Project) -> None:
    """A file with only the directive is executed, too."""
    assert succeeded(project.add("001_a", NONE).up()) == ["001_a"]
    assert project.query("select status, statements, duration_ms is not null from migrations") == [
        ("executed", 0, True)
    ]


# -- the session -------------------------------------------------------------------------------------------------------


def test_settings_hold_until_the_end_of_the_file(project: Project) -> None:
    """A role, a search_path, a GUC and a temporary table last from statement to statement, and end with the file."""
    project.add("001_seen", "create table seen (role text, path text, mem text); grant insert on seen to pg_monitor;")
    look = "insert into public.seen select current_user, current_setting('search_path'), current_setting('work_mem');"
    sets = "set role pg_monitor;\nset search_path = '';\nset work_mem = '77MB';\ncreate temp table kept ();"
    project.add("002_sets", f"{NONE}{sets.replace('set role pg_monitor;', '')}\nset role pg_monitor;\n{look}")
    project.add("003_looks", look)

    assert succeeded(project.up()) == ["001_seen", "002_sets", "003_looks"]

    assert project.query("select * from seen") == [
        ("pg_monitor", '""', "77MB"), ("postgres", '"$user", public', "4MB"),
    ]  # fmt: skip
    assert project.recorded() == [("001", "executed"), ("002", "executed"), ("003", "executed")]


@pytest.mark.parametrize(
    "setting",
    ["set role writer", "set session authorization writer", "set session authorization admin; set role writer"],
)
def test_another_role_does_not_hide_the_history(setting: str, project: Project, every_postgres: Server) -> None:
    """Statements of both kinds run as the role that the file sets, and each is recorded nevertheless."""
    with every_postgres.database() as url:
        project = project.at(url)
        project.execute(
            "create role writer; create role admin; grant writer to admin; create schema own authorization writer"
        )
        try:
            text = "create table own.t (a int);\nvacuum own.t;\ncreate index concurrently i on own.t (a);\nselect 1/0;"
            project.add("001_a", f"{NONE}{setting};\n{text}")
            done = setting.count(";") + 5

            assert failure(project.up()).number == done
            assert project.query("select status, statements_done from migrations") == [("failed", done - 1)]
            assert project.query("select tableowner from pg_tables where tablename = 't'") == [("writer",)]

            events = project.add(
                "001_a", f"{NONE}{setting};\n{text}".replace("select 1/0", "create table own.u ()")
            ).up()
            assert (succeeded(events), numbers(events)) == (["001_a"], [done])
            assert project.query("select tableowner from pg_tables where tablename = 'u'") == [("writer",)]
        finally:
            project.execute("drop owned by writer; drop role writer, admin")


def test_a_rerun_sets_again_what_the_done_statements_set(project: Project) -> None:
    """Settings made by finished statements belong to the session: when the file continues, they are set again."""
    project.execute("create schema app")
    text = "set search_path = app;\ncreate table a ();\nselect set_config('work_mem', '77MB', false);\nselect {};"
    project.add("001_a", NONE + text.format("nothing")).up()
    assert project.relations() == {"app.a"}

    mended = "1;\ncreate table b as select current_setting('work_mem') as mem"
    assert succeeded(project.add("001_a", NONE + text.format(mended)).up()) == ["001_a"]

    assert project.relations() == {"app.a", "app.b"}


def test_timeouts_hold_for_each_statement(project: Project) -> None:
    """The directives hold for every statement of the file; one that cannot run in a transaction waits for locks
    without limit.
    """
    project.add("001_seen", "create table seen (value text);")
    look = "insert into seen select current_setting('lock_timeout') || ' ' || current_setting('statement_timeout');"
    project.add("002_a", f"{NONE}{look}\nvacuum seen;\n{look}")
    project.add("003_b", f"{NONE}-- sqlmigrate: lock-timeout 3s\n-- sqlmigrate: statement-timeout 1h\n{look}\n{look}")
    project.add("004_c", look)

    succeeded(project.up())

    assert project.query("select value from seen") == [
        ("5s 0",), ("5s 0",), ("3s 1h",), ("3s 1h",), ("5s 0",),
    ]  # fmt: skip


def test_a_failing_file_stops_the_run(project: Project) -> None:
    """The migrations after a file that stopped at a statement are not begun."""
    project.add("001_a", f"{NONE}select nothing;").add("002_b", "create table b ();")

    events = project.up()

    assert (finished(events), failure(events).step.label) == ([], "001_a")
    assert project.states() == {"001_a": "failed", "002_b": "pending"}

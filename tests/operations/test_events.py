"""The engine as a library: events in order, what closing leaves behind, the run observed statement by statement."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import children
import pytest
from project import Project, at_once, failure, finished, succeeded
from waiting import until

import sqlmigrate
from sqlmigrate import split
from sqlmigrate.database.session import Request, connect
from sqlmigrate.executor.events import Began, Event, Failed, Finished, StatementDone
from sqlmigrate.files import folder, migration
from sqlmigrate.operations import status, up_down
from sqlmigrate.plan.plan import DriftPolicy, Limits, Planned
from sqlmigrate.source import Source

TWO = "create table {0} (id int);\ninsert into {0} values (1);"


def told(events: list[Event]) -> list[tuple[str, ...]]:
    """Return each event in short: its kind, its migration, its statement."""
    return [
        (type(event).__name__, *([event.step.label] if hasattr(event, "step") else []), *_numbers(event))
        for event in events
    ]


def _numbers(event: Any) -> list[str]:
    return [f"{event.number}/{event.total}"] if isinstance(event, StatementDone | Failed) else []


# -- the order ---------------------------------------------------------------------------------------------------------

ORDER = [
    ("Planned",),
    ("Began", "001_a"), ("StatementDone", "001_a", "1/2"), ("StatementDone", "001_a", "2/2"), ("Finished", "001_a"),
    ("Began", "002_b"), ("StatementDone", "002_b", "1/2"), ("StatementDone", "002_b", "2/2"), ("Finished", "002_b"),
]  # fmt: skip


COPIED = "create table t (a int);\ncopy t from stdin;\n1\n2\n\\.\n"


@pytest.mark.parametrize("head", ["", "-- sqlmigrate: no-transaction\n"], ids=["one transaction", "none"])
@pytest.mark.parametrize("options", [{}, {"step_by_step": True}], ids=["at once", "step by step"])
def test_copied_data_are_a_statement_like_others(head: str, options: dict[str, bool], project: Project) -> None:
    """A COPY in the middle of a file is counted and reported in its place, sent at once or step by step."""
    project.add("001_a", f"{head}{COPIED}insert into t values (3);")

    assert [each for each in told(project.up(**options)) if each[0] != "StatementOpen"] == [
        ("Planned",), ("Began", "001_a"), ("StatementDone", "001_a", "1/3"), ("StatementDone", "001_a", "2/3"),
        ("StatementDone", "001_a", "3/3"), ("Finished", "001_a"),
    ]  # fmt: skip
    assert project.value("select sum(a) from t") == 6


@pytest.mark.parametrize("options", [{}, {"step_by_step": True}], ids=["at once", "step by step"])
def test_events_come_in_order(options: dict[str, bool], project: Project) -> None:
    """The plan, then for each step its beginning, each statement and its end, sent at once or step by step."""
    project.add("001_a", TWO.format("a")).add("002_b", TWO.format("b"))

    assert told(project.up(**options)) == ORDER


def test_a_failure_is_the_last_event(project: Project) -> None:
    """After a failure there is no event, of the step or of later ones."""
    project.add("001_a", "select 1; select nothing; select 3;").add("002_b", "select 2;")

    assert told(project.up()) == [
        ("Planned",), ("Began", "001_a"), ("StatementDone", "001_a", "1/3"), ("Failed", "001_a", "2/3"),
    ]  # fmt: skip


def test_the_plan_comes_before_anything_is_done(project: Project) -> None:
    """It names what will be executed and the state of the database; until the next event nothing is touched."""
    with closing(project.add_tables("a", "b").running_up()) as events:
        planned = next(events)

        assert isinstance(planned, Planned)
        assert [step.label for step in planned.plan.steps] == ["001_a", "002_b"]
        assert planned.state.history.name == "public.migrations"
        assert planned.state.server.user == "postgres"
        assert planned.state.server.version.startswith("18")
        assert project.value("select to_regclass('migrations')") is None


def test_finished_is_told_after_the_commit(project: Project) -> None:
    """When the event arrives, the step is committed and its row is complete, with the reported duration."""
    project.add_tables("a", "b")
    with project.connection() as other:
        for event in project.running_up():
            if isinstance(event, Finished):
                row = "select status, statements, duration_ms from migrations where version = %s"
                found = other.execute(row, [event.step.version]).fetchone()
                assert found == ("executed", event.statements, event.duration_ms)


# -- closing -----------------------------------------------------------------------------------------------------------


def stopped_at(project: Project, kind: type[Event], **options: Any) -> None:
    """Run up to the first event of a kind, then stop reading, as an interrupted caller does."""
    with closing(project.running_up(**options)) as events:
        for event in events:
            if isinstance(event, kind):
                return
    raise AssertionError("no such event")


def is_quiet(project: Project) -> bool:
    """Return whether no session of ours is left, and so no transaction and no lock."""
    ours = (
        "select count(*) from pg_stat_activity where application_name = 'sqlmigrate' and datname = current_database()"
    )
    return project.value(ours) == 0


SLEEPING = "create table a ();\ninsert into a default values;\nselect pg_sleep(60);\n"


@pytest.mark.parametrize("options", [{}, {"step_by_step": True}], ids=["at once", "step by step"])
def test_closing_within_a_file_rolls_it_back(options: dict[str, bool], project: Project) -> None:
    """The statement is cancelled, the file is rolled back, the failure is recorded, no lock is left."""
    project.add("000_z", "create table z ();").up()

    stopped_at(project.add("001_a", SLEEPING), StatementDone, **options)

    until(lambda: is_quiet(project))
    assert project.relations() == {"z"}
    error = "interrupted: the statement was cancelled on the server"
    assert project.query("select version, status, error from migrations order by version") == [
        ("000", "executed", None), ("001", "failed", error),
    ]  # fmt: skip
    assert succeeded(project.add("001_a", "create table a ();").up()) == ["001_a"]


@pytest.mark.parametrize(
    ("kind", "executed"), [(Planned, []), (Began, []), (Finished, ["001"])], ids=["Planned", "Began", "Finished"]
)
def test_closing_between_the_files(kind: type[Event], executed: list[str], project: Project) -> None:
    """Finished migrations stay; those that have not begun leave no trace, also if they were sent already."""
    stopped_at(project.add_tables("a").add("002_b", "create table b ();\nselect pg_sleep(60);"), kind)

    until(lambda: is_quiet(project))
    states = project.states()
    assert [label[:3] for label, state in states.items() if state == "executed"] == executed
    assert set(states.values()) <= {"executed", "pending"}
    assert len(succeeded(project.add("002_b", "create table b ();").up())) == 2 - len(executed)


def test_closing_without_a_transaction_keeps_what_is_done(project: Project) -> None:
    """Finished statements are recorded, the current one is cancelled, and `up` continues there."""
    text = "-- sqlmigrate: no-transaction\ncreate table a ();\nselect pg_sleep(60);"

    stopped_at(project.add("001_a", text), StatementDone)

    until(lambda: is_quiet(project))
    assert project.relations() == {"a"}
    assert project.query("select status, statements_done from migrations") == [("failed", 1)]
    assert succeeded(project.add("001_a", text.replace("60", "0")).up()) == ["001_a"]


@pytest.mark.parametrize("options", [{}, {"step_by_step": True}], ids=["at once", "step by step"])
@pytest.mark.parametrize("head", ["", "-- sqlmigrate: no-transaction\n"], ids=["one transaction", "none"])
def test_closing_after_a_failure_keeps_what_was_recorded(head: str, options: dict[str, bool], project: Project) -> None:
    """Whoever stops reading at `Failed` finds PostgreSQL's error in the history, and the log has one failure."""
    project.add("001_a", f"{head}create table a ();\ncreate table a ();\nselect 3;")

    stopped_at(project, Failed, **options)

    until(lambda: is_quiet(project))
    error = 'relation "a" already exists'
    assert project.query("select status, error, statements_done from migrations") == [
        ("failed", error, int(head != ""))
    ]
    assert project.query("select action, detail from migrations_log") == [("failure", error)]


@pytest.mark.parametrize("head", ["", "-- sqlmigrate: no-transaction\n"], ids=["one transaction", "none"])
def test_closing_after_a_failed_down_keeps_what_was_recorded(head: str, project: Project) -> None:
    """The log has one failure of the down, with PostgreSQL's error."""
    project.add("001_a", "create table a ();", f"{head}select 1;\ndrop table b;").up()
    with closing(up_down.down(project.url, folder.load(project.folder))) as events:
        while not isinstance(next(events), Failed):
            pass

    until(lambda: is_quiet(project))
    assert project.query("select action, detail from migrations_log order by id") == [
        ("up", None), ("failure", 'down: table "b" does not exist'),
    ]  # fmt: skip
    assert project.states() == {"001_a": "failed" if head else "executed"}  # without a transaction, a part is undone


def test_closing_a_down_leaves_it_executed(project: Project) -> None:
    """A down that has not ended has undone nothing."""
    project.add("001_a", "create table a ();", "drop table a;\nselect pg_sleep(60);").up()
    with closing(up_down.down(project.url, folder.load(project.folder))) as events:
        while not isinstance(next(events), StatementDone):
            pass

    until(lambda: is_quiet(project))
    assert (project.relations(), project.states()) == ({"a"}, {"001_a": "executed"})


def test_closing_a_dry_run(project: Project) -> None:
    """It leaves nothing behind, like one that was read to its end."""
    stopped_at(project.add("001_a", SLEEPING), StatementDone, dry_run=True)

    until(lambda: is_quiet(project))
    assert project.value("select to_regclass('migrations')") is None


def read_badly(project: Project) -> None:
    with closing(project.running_up()) as events:
        for event in events:
            if isinstance(event, StatementDone):
                raise ZeroDivisionError


def test_a_reader_that_raises_rolls_the_file_back(project: Project) -> None:
    """In `contextlib.closing`, an error of the reader has the same effect as closing."""
    with pytest.raises(ZeroDivisionError):
        read_badly(project.add("001_a", SLEEPING))

    until(lambda: is_quiet(project))
    assert project.relations() == set()


# -- step by step ------------------------------------------------------------------------------------------------------

LOCKS = """\
select c.relname, l.mode from pg_locks l join pg_stat_activity a using (pid) join pg_class c on c.oid = l.relation
 where a.application_name = 'sqlmigrate' and a.datname = current_database() and c.relname in ('a', 'b')
   and l.mode <> 'AccessShareLock'
 order by 1, 2"""


def step_by_step(project: Project) -> Iterator[tuple[Event, list[tuple[str, str]], str]]:
    """Run step by step; return every event with the locks and the state that a second session sees at that moment."""
    state = "select state from pg_stat_activity where application_name = 'sqlmigrate' and datname = current_database()"
    with closing(project.running_up(step_by_step=True)) as events, project.connection() as other:
        for event in events:
            yield event, other.execute(LOCKS).fetchall(), other.execute(state).fetchone()[0]


def test_step_by_step_the_transaction_is_open_between_the_events(project: Project) -> None:
    """After each statement a second session sees the locks held so far, and none after the commit."""
    project.add("001_a", "create table a (id int);\ncreate table b (id int);").up()
    project.add("002_b", "alter table a add column c int;\ncreate index on b (id);\nupdate a set c = 1;")

    seen = [(type(event).__name__, locks, state) for event, locks, state in step_by_step(project)]

    alter, update, index = ("a", "AccessExclusiveLock"), ("a", "RowExclusiveLock"), ("b", "ShareLock")
    assert seen == [
        ("Planned", [], "idle"),
        ("Began", [], "idle"),
        ("StatementDone", [alter], "idle in transaction"),
        ("StatementDone", [alter, index], "idle in transaction"),
        ("StatementDone", [alter, update, index], "idle in transaction"),
        ("Finished", [], "idle"),
    ]


def test_step_by_step_a_statement_of_a_file_without_a_transaction(project: Project) -> None:
    """Its event comes while the transaction with its record is open, and a second one after the commit."""
    project.add("001_a", "-- sqlmigrate: no-transaction\ncreate table a (id int);\nvacuum a;\n")

    assert [(type(event).__name__, state) for event, _, state in step_by_step(project)] == [
        ("Planned", "idle"), ("Began", "idle"), ("StatementOpen", "idle in transaction"), ("StatementDone", "idle"),
        ("StatementDone", "idle"), ("Finished", "idle"),
    ]  # fmt: skip


def test_step_by_step_nothing_is_visible_before_the_commit(project: Project) -> None:
    """While the transaction is open, others see neither the file's work nor its row; afterwards they see both."""
    project.add_tables("a").up()
    project.add("002_b", "insert into a values (1);\ninsert into a values (2);")
    look = "select (select count(*) from a), (select count(*) from migrations)"
    seen = []
    with closing(project.running_up(step_by_step=True)) as events, project.connection() as other:
        seen = [(type(event).__name__, other.execute(look).fetchone()) for event in events]

    assert seen == [
        ("Planned", (0, 1)), ("Began", (0, 1)), ("StatementDone", (0, 1)), ("StatementDone", (0, 1)),
        ("Finished", (2, 2)),
    ]  # fmt: skip


def test_step_by_step_the_same_is_executed(project: Project) -> None:
    """Step by step changes nothing: the same rows, the same statements, the same end of a failure."""
    text = "begin isolation level serializable; set role pg_monitor; select nothing; commit;"
    project.add_tables("a", "b").add("003_c", text)

    assert told(project.up(dry_run=True)) == told(project.up(dry_run=True, step_by_step=True))

    failed = failure(project.up(step_by_step=True))
    assert (failed.step.label, failed.number, failed.error.sqlstate) == ("003_c", 2, "42703")
    assert project.recorded() == [("001", "executed"), ("002", "executed"), ("003", "failed")]


def test_the_turns_of_a_session_carry_any_number_of_requests(project: Project) -> None:
    """10,000 requests and as many answers of 1 kB pass in one turn; neither side blocks the other."""
    with connect(project.url) as session:
        requests = [Request("select repeat('x', 1000), $1", (str(number),)) for number in range(10_000)]
        rows = session.ask(*requests)

    assert [int(row[0][1] or 0) for row in rows] == list(range(10_000))


# -- the library -------------------------------------------------------------------------------------------------------


def test_the_exported_names() -> None:
    """Exactly these names, each the object of its module; all of them are there for `import *`."""
    names = {
        "DriftPolicy": DriftPolicy, "Limits": Limits, "down": up_down.down, "load": folder.load, "split": split,
        "status": status.status, "up": up_down.up,
    }  # fmt: skip

    assert sorted(sqlmigrate.__all__) == sorted([*names, "__version__"])
    assert sorted(dir(sqlmigrate)) == sorted(sqlmigrate.__all__)
    assert {name: getattr(sqlmigrate, name) for name in names} == names
    with pytest.raises(AttributeError, match="module 'sqlmigrate' has no attribute 'migrate'"):
        sqlmigrate.migrate  # noqa: B018


LOADED = """\
import sys, sqlmigrate
assert not {"psycopg", "click", "rich", "sqlparse"} & set(sys.modules), "loaded before anything is asked for"
from sqlmigrate import *
assert all(map(callable, (up, down, load, status, split, Limits)))
"""


def test_importing_the_package_loads_no_driver() -> None:
    """`import sqlmigrate` alone loads neither psycopg nor click; every name is there afterwards."""
    children.run([sys.executable, "-W", "error", "-c", LOADED], check=True)


def test_the_library_from_end_to_end(project: Project) -> None:
    """`load`, `status`, `up` and `down` do what the commands do; everything but URL and migrations has a default."""
    project.add_tables("a", "b")
    migrations = sqlmigrate.load(str(project.folder))
    assert migrations == sqlmigrate.load(project.folder)

    assert [row.state for row in sqlmigrate.status(project.url, migrations).plan.rows] == ["pending", "pending"]
    assert finished(list(sqlmigrate.up(project.url, migrations))) == ["001_a", "002_b"]
    assert [row.state for row in sqlmigrate.status(project.url, migrations).plan.rows] == ["executed", "executed"]
    assert finished(list(sqlmigrate.down(project.url, migrations))) == ["002_b"]
    assert finished(list(sqlmigrate.up(project.url, migrations, to="002_b"))) == ["002_b"]


def test_a_migration_need_not_come_from_a_file(project: Project) -> None:
    """Any `Migration` can be executed."""
    source = Source("memory", "create table m ();")
    made = migration.Migration("1", "made", source)

    assert finished(list(sqlmigrate.up(project.url, [made]))) == ["1_made"]
    assert project.relations() == {"m"}


def test_libraries_in_threads(project: Project) -> None:
    """Runs in several threads, each in its own schema, do not disturb each other."""
    for name in "abcd":
        project.execute(f"create schema {name}")
    project.add("001_t", "create table t (); select pg_sleep(0.05);").add("002_u", "create table u ();")

    ended = at_once(*(project.at(f"{project.url}&options=-csearch_path%3D{name}").up for name in "abcd"))

    assert [succeeded(events) for events in ended] == [["001_t", "002_u"]] * 4
    tables = "select count(*) from pg_tables where tablename in ('t', 'u') and schemaname = any (%s)"
    assert project.value(tables, list("abcd")) == 8

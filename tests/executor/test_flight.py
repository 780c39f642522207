"""Files in transactions are sent before the answers to those before them are there. Behind what goes wrong, nothing is
executed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import psycopg
import pytest
from cut import Cut
from project import Project, failure, succeeded
from proxies import TurnCounter
from waiting import until

from sqlmigrate.database.session import COMMIT, Request, Session, connect
from sqlmigrate.executor import flight, step_run
from sqlmigrate.executor.events import Began, Blocked, Failed, Finished, Noticed, Progress, StatementDone
from sqlmigrate.files.folder import load
from sqlmigrate.history import read, write
from sqlmigrate.history.write import MissingRow, missing_row
from sqlmigrate.plan.plan import DriftPolicy, Limits

CHECKED_AT_COMMIT = "alter table a add constraint one unique (id) deferrable initially deferred;\n"


@pytest.fixture
def project(database: str, tmp_path: Path) -> Project:
    return Project(tmp_path / "sql", database)


@pytest.fixture
def counter(project: Project) -> Iterator[TurnCounter]:
    with TurnCounter(project.url) as proxy:
        yield proxy


def _tables(project: Project) -> list[str]:
    found = project.query("select relname from pg_class where relkind = 'r' and relname ~ '^.$' order by 1")
    return [name for (name,) in found]


# -- what goes wrong in a file -----------------------------------------------------------------------------------------

WRONG = {
    "a statement": ("create table b ();\nselect nothing;", 'column "nothing" does not exist'),
    "a check at the end": (
        f"create table b ();\n{CHECKED_AT_COMMIT}insert into a values (1), (1);",
        'duplicate key value violates unique constraint "one"',
    ),
    "its history row": (
        "delete from migrations;",
        "002_b: something in the file deletes its row in the history public.migrations",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_nothing_is_executed_behind_a_failure(name: str, project: Project) -> None:
    """An open transaction that has failed refuses the next file."""
    text, message = WRONG[name]
    project.add("001_a", "create table a (id int);").add("002_b", text)
    project.add("003_c", "create table c ();").add("004_d", "create table d ();")

    events = project.up()

    assert [event.step.label for event in events if isinstance(event, Began)] == ["001_a", "002_b"]
    assert failure(events).error.message == message
    assert _tables(project) == ["a"]
    assert project.recorded() == [("001", "executed"), ("002", "failed")]

    project.add("002_b", "create table b ();")
    assert succeeded(project.up()) == ["002_b", "003_c", "004_d"]


# We check deferred constraints before the history row is completed; what is deferred after that fails at the COMMIT.
REFUSED_AT_COMMIT = """\
create function defer() returns trigger language plpgsql as $$
begin
  set constraints all deferred;
  return new;
end $$;
create trigger defer before insert on migrations_log for each row execute function defer();
create function refuse() returns trigger language plpgsql as $$
begin
  if new.version = '002' and new.action = 'up' then raise 'not 002'; end if;
  return null;
end $$;
create constraint trigger refuse after insert on migrations_log
  deferrable initially deferred for each row execute function refuse();
"""


def test_nothing_is_executed_behind_a_commit_that_fails(project: Project) -> None:
    """The transaction is over, so the next file would be executed; its guard refuses."""
    project.add_tables("a").up()
    project.execute(REFUSED_AT_COMMIT)
    project.add("002_b", "create table b ();").add("003_c", "create table c ();").add("004_d", "create table d ();")

    events = project.up()

    assert [event.step.label for event in events if isinstance(event, Began)] == ["002_b"]
    assert failure(events).error.message == "not 002"
    assert _tables(project) == ["a"]
    assert project.recorded() == [("001", "executed"), ("002", "failed")]


def test_nothing_is_undone_behind_a_failure(project: Project) -> None:
    """The same backwards: 002 cannot be undone, so 001 is not."""
    project.add_tables("a", "b", "c").up()
    project.execute("create view v as select * from b")

    events = project.down(all=True)

    assert [event.step.label for event in events if isinstance(event, Began)] == ["003_c", "002_b"]
    assert failure(events).error.sqlstate == "2BP01"
    assert _tables(project) == ["a", "b"]
    assert project.recorded() == [("001", "executed"), ("002", "executed")]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_guard_itself(direction: str, project: Project) -> None:
    """The first request of a step refuses unless the step before is done: here it is not."""
    project.add_tables("a", "b").up()
    project.execute("delete from migrations where version = '002'" if direction == "up" else "select")
    _, second = load(project.folder)
    with connect(project.url) as session:
        history = read.read(session, "migrations").history
        begin = {
            "up": lambda after: write.begin_up(history, second, 1, write.Condition(is_ahead=True, after=after)),
            "down": lambda after: write.begin_down(history, "001", write.Condition(is_ahead=True, after=after)),
        }[direction]
        (early,) = (begin("009") if direction == "up" else begin("002"),)
        with pytest.raises(psycopg.DataError) as caught:
            session.ask(Request("begin"), early, COMMIT)
        session.abort()

        missing = missing_row(caught.value)
        assert isinstance(missing, MissingRow)
        assert missing.why == "early"
        session.ask(Request("begin"), begin("001") if direction == "up" else begin("003"), Request("rollback"))


RECORDS_SETTING = """\
create table seen (version text, setting text);
create function see() returns trigger language plpgsql as $$
begin
  insert into public.seen values (new.version, current_setting('synchronous_commit'));
  return null;
end $$;
create trigger see after insert on migrations_log for each row execute function see();
"""


@pytest.mark.parametrize(("setting", "found"), [("off", "local"), ("local", "local"), ("on", "on")])
@pytest.mark.parametrize("mode", ["", "-- sqlmigrate: no-transaction\n"])
def test_each_commit_waits_for_the_disk(mode: str, setting: str, found: str, project: Project) -> None:
    """What was told survives a power failure, also where commits do not wait; the setting of the others stays."""
    project.add_tables("a").up()
    project.execute(RECORDS_SETTING)
    (name,) = project.query("select current_database()")[0]
    project.execute(f"alter database {name} set synchronous_commit = {setting}")
    project.add("002_b", f"{mode}create table b ();\nset synchronous_commit = off;").add("003_c", f"{mode}select 1;")

    assert succeeded(project.up()) == ["002_b", "003_c"]

    assert project.query("select * from seen order by 1") == [("002", found), ("003", found)]
    assert project.query("show synchronous_commit") == [(setting,)]


# -- what a file leaves behind in the session --------------------------------------------------------------------------

BEHIND = {
    "prepares a statement": "prepare left_behind as select 1",
    "deallocates all, also what is ours": "deallocate all",
    "declares a cursor": "declare left_behind cursor with hold for select 1",
    "listens": "listen left_behind",
    "creates a temporary table": "create temporary table left_behind ()",
}


@pytest.mark.parametrize("name", BEHIND)
def test_a_trigger_that_changes_the_session(name: str, project: Project) -> None:
    """The statements of the files do not show it. Each file finds the session as the one before it has found it."""
    project.add(
        "001_a",
        f"""\
create table a (id int);
create function leave() returns trigger language plpgsql as $$ begin execute '{BEHIND[name]}'; return null; end $$;
create trigger leave after insert on a for each statement execute function leave();
""",
    )
    for number in range(2, 6):
        project.add(f"{number:03}_n", f"insert into a values ({number});", f"insert into a values (-{number});")

    assert succeeded(project.up()) == ["001_a", "002_n", "003_n", "004_n", "005_n"]
    assert succeeded(project.down(steps=4)) == ["005_n", "004_n", "003_n", "002_n"]
    assert project.query("select array_agg(id order by id) from a") == [([-5, -4, -3, -2, 2, 3, 4, 5],)]


@pytest.mark.parametrize("text", BEHIND.values())
def test_a_file_that_changes_the_session(text: str, project: Project) -> None:
    """The same where the statements show it."""
    for number in range(1, 5):
        project.add(f"{number:03}_n", f"{text};\ncreate table n{number} ();")

    assert succeeded(project.up()) == ["001_n", "002_n", "003_n", "004_n"]


# -- how much is on its way --------------------------------------------------------------------------------------------


def test_many_files_are_a_few_turns(project: Project, counter: TurnCounter) -> None:
    """600 files are more than may be on their way at once; their order is kept."""
    for number in range(1, 601):
        project.add(f"{number:03}_n", f"create table n{number} ();\ninsert into numbers values ({number});")
    project.execute("create table numbers (n int, place int generated always as identity)")
    there = project.at(counter.url)

    events = there.up(into_existing=True)

    assert [event.step.version for event in events if isinstance(event, Finished)] == [f"{n:03}" for n in range(1, 601)]
    assert project.query("select count(*), bool_and(n = place) from numbers") == [(600, True)]
    assert counter.turns < 60


def test_large_answers_and_large_files_at_once(project: Project, counter: TurnCounter) -> None:
    """The server cannot send its answer unless it is read while the next file is written."""
    rows = "select repeat('x', 1000) from generate_series(1, 20000);\n"
    large = "".join(f"comment on table a is '{'y' * 10_000}';\n" for _ in range(300))
    project.add("001_a", f"create table a ();\n{rows}").add("002_b", large + rows).add("003_c", rows + large)

    assert succeeded(project.at(counter.url).up()) == ["001_a", "002_b", "003_c"]


def test_a_file_with_copy_data_waits_for_those_before(project: Project) -> None:
    """The data of a COPY cannot be sent ahead; the files around it are."""
    project.add_tables("a", "b").add("004_d", "insert into a values (3);")
    project.add("003_c", "copy a from stdin;\n1\n2\n\\.\n").add("004_d", "insert into a values (3);")

    assert succeeded(project.up()) == ["001_a", "002_b", "003_c", "004_d"]
    assert project.query("select id from a order by id") == [(1,), (2,), (3,)]


# -- events ------------------------------------------------------------------------------------------------------------


def test_events_come_in_order(project: Project) -> None:
    """Each file begins after the one before has ended, with its own notices and durations."""
    for number, name in enumerate("abc", start=1):
        project.add(f"{number:03}_{name}", f"do $$ begin raise notice '{name}'; end $$;\nselect pg_sleep(0.0{number});")

    told = [
        (type(event).__name__, event.step.label, event.message if isinstance(event, Noticed) else None)
        for event in project.up()
        if isinstance(event, Began | Noticed | StatementDone | Finished)
    ]
    assert told == [
        line
        for name in ("001_a", "002_b", "003_c")
        for line in (
            ("Began", name, None),
            ("Noticed", name, name[-1]),
            ("StatementDone", name, None),
            ("StatementDone", name, None),
            ("Finished", name, None),
        )
    ]


def test_a_lock_that_was_not_got_is_tried_again_from_its_file_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files before it stay, it is rolled back and tried again, the files behind it come after it."""
    monkeypatch.setattr(step_run, "_FIRST_PAUSE", 0.05)
    project.add_tables("a").up()
    project.add("002_b", "create table b ();").add("003_c", "create table c ();\nalter table a add column n int;")
    project.add("004_d", "create table d ();")
    events = []
    with psycopg.connect(project.url) as other:
        other.execute("lock table a")
        with closing(project.running_up(limits=Limits(lock_timeout="200ms", lock_retries=9))) as running:
            for event in running:
                events.append(event)
                if isinstance(event, Blocked):
                    assert _tables(project) == ["a", "b"]
                    other.rollback()

    assert succeeded(events) == ["002_b", "003_c", "004_d"]
    assert [event.step.label for event in events if isinstance(event, Began)] == ["002_b", "003_c", "004_d"]
    assert {event.step.label for event in events if isinstance(event, Blocked)} == {"003_c"}


# -- whoever stops -----------------------------------------------------------------------------------------------------


def test_closing_stops_what_is_on_its_way(project: Project) -> None:
    """The file that is being executed is cancelled and rolled back; nothing behind it is executed."""
    project.add_tables("a").add("002_b", "create table b ();\nselect pg_sleep(60);").add("003_c", "create table c ();")
    with closing(project.running_up()) as events:
        for event in events:
            if isinstance(event, StatementDone) and event.step.version == "002":
                break

    assert _tables(project) == ["a"]
    assert project.recorded() == [("001", "executed"), ("002", "failed")]
    assert project.query("select count(*) from pg_locks where locktype = 'advisory'") == [(0,)]


def test_an_ended_session_tells_all_that_it_has_done(project: Project) -> None:
    """The connection is lost with files on their way: each that is committed is told, the next has failed."""
    project.add_tables("a", "b").add("003_c", "create table c ();\nselect pg_sleep(60);").add("004_d", "select 1;")
    events = []
    thread = threading.Thread(target=lambda: events.extend(project.up()))
    thread.start()
    until(
        lambda: project.query(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and query ~ 'pg_sleep' and pid <> pg_backend_pid()"
        )
    )
    thread.join()

    assert [event.step.label for event in events if isinstance(event, Finished)] == ["001_a", "002_b"]
    assert isinstance(events[-1], Failed)
    assert events[-1].step.label == "003_c"
    assert _tables(project) == ["a", "b"]
    assert project.recorded() == [("001", "executed"), ("002", "executed"), ("003", "failed")]


@pytest.mark.parametrize("after", [122, 128, 135, 145])
def test_a_connection_that_is_lost_while_files_are_sent(after: int, project: Project) -> None:
    """No answer has arrived yet: the first file has failed, and the run does not end as if there was nothing to do."""
    for number in range(1, 21):
        project.add(f"{number:03}_n", f"create table n{number} ();\nselect {number};")
    cut = Cut(project.url, "client", after)
    with cut.listening() as through:
        failed = failure(project.at(through).up(drift=DriftPolicy("off")))

    assert cut.is_done
    assert failed.step.label == "001_n"
    assert failed.error.message == "the connection was lost: server closed the connection unexpectedly"
    assert project.recorded() == [("001", "failed")]


def test_closing_while_the_data_of_a_copy_are_sent(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The COPY is cancelled first, so the same connection rolls back and records."""
    connected_again: list[Session] = []
    monkeypatch.setattr(Session, "reconnect", connected_again.append)
    data = "".join(f"{number}\t{'x' * 200}\n" for number in range(100_000))
    project.add("001_a", f"create table a (id int, b text);\ncopy a from stdin;\n{data}\\.\n")

    with closing(project.running_up(tick=0.001)) as events:
        assert len([*islice((event for event in events if isinstance(event, Progress)), 3)]) == 3

    assert connected_again == []
    assert _tables(project) == []
    assert project.recorded() == [("001", "failed")]


def test_what_may_be_sent_ahead(project: Project) -> None:
    """Files in transactions, without the data of a COPY."""
    project.add("001_a", "create table a (id int);").add("002_b", "copy a from stdin;\n1\n\\.\n")
    project.add("003_c", "-- sqlmigrate: no-transaction\nvacuum a;")
    steps = [event.step for event in project.up() if isinstance(event, Finished)]

    assert [flight.may_be_sent_ahead(step) for step in steps] == [True, False, False]

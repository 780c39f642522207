"""`down`: what is undone, in which order, with which text."""

from __future__ import annotations

import pytest
from postgres_servers import Server
from project import Project, failure, finished, succeeded, told
from terminal import stable

from sqlmigrate.errors import ConfigError, HistoryError, MigrationError
from sqlmigrate.executor.events import Began


@pytest.fixture
def four(project: Project) -> Project:
    """Four migrations, all executed."""
    succeeded(project.add_tables("a", "b", "c", "d").up())
    return project


# -- which migrations --------------------------------------------------------------------------------------------------


def test_down_undoes_the_last_one(four: Project) -> None:
    """The table and the row are gone; the log has both executions."""
    assert succeeded(four.down()) == ["004_d"]

    assert four.relations() == {"a", "b", "c"}
    assert four.recorded() == [("001", "executed"), ("002", "executed"), ("003", "executed")]
    assert four.logged() == [("up", "001"), ("up", "002"), ("up", "003"), ("up", "004"), ("down", "004")]
    columns = "name, executed_by, tool_version is not null, host is not null, duration_ms >= 0, checksum is not null"
    assert four.query(f"select {columns} from migrations_log where action = 'down'") == [
        ("d", "postgres", True, True, True, True)
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"steps": 1}, ["004_d"]),
        ({"steps": 3}, ["004_d", "003_c", "002_b"]),
        ({"steps": 9}, ["004_d", "003_c", "002_b", "001_a"]),
        ({"to": "2"}, ["004_d", "003_c"]),
        ({"to": "002"}, ["004_d", "003_c"]),
        ({"to": "002_b"}, ["004_d", "003_c"]),
        ({"to": "sql/002_b.down.sql"}, ["004_d", "003_c"]),
        ({"to": "2", "steps": 1}, ["004_d"]),
        ({"to": "4"}, []),
        ({"to": "0"}, ["004_d", "003_c", "002_b", "001_a"]),
        ({"to": "1"}, ["004_d", "003_c", "002_b"]),
        ({"all": True}, ["004_d", "003_c", "002_b", "001_a"]),
    ],
    ids=str,
)
def test_how_far_down(options: dict[str, object], expected: list[str], four: Project) -> None:
    """By steps, to a version that stays executed (0: none), or all; the last executed goes first."""
    assert succeeded(four.down(**options)) == expected

    assert four.relations() == {"a", "b", "c", "d"} - {label.partition("_")[2] for label in expected}


def test_the_order_is_that_of_execution(project: Project) -> None:
    """A migration executed out of order is undone first, although its version is lower."""
    project.add("003_c", "create table c ();", "drop table c;").up()
    project.add("001_a", "create table a ();", "drop table a;").up(out_of_order=True)
    project.add("002_b", "create table b ();", "drop table b;").up(out_of_order=True)

    assert succeeded(project.down()) == ["002_b"]
    assert succeeded(project.down(all=True)) == ["001_a", "003_c"]


def test_down_to_a_version_after_an_execution_out_of_order(project: Project) -> None:
    """The higher versions are undone, in the reverse order of their execution."""
    project.add_tables("a").up()
    project.add("004_d", "select 1;", "select 1;").up()
    project.add("002_b", "select 1;", "select 1;").add("003_c", "select 1;", "select 1;").up(out_of_order=True)

    assert succeeded(project.down(to="2")) == ["003_c", "004_d"]
    assert project.recorded() == [("001", "executed"), ("002", "executed")]


@pytest.mark.parametrize(
    "times",
    ["'2001-01-01'::timestamptz - version::int * interval '1 day'", "'2001-01-01'::timestamptz", "null"],
    ids=["set back", "equal", "none"],
)
def test_the_order_is_that_of_the_log_whatever_the_clock_said(times: str, project: Project) -> None:
    """The clock was set back between two runs, or a restored history has one time for all: the log counts."""
    project.add("003_c", "create table c ();", "drop table c;").up()
    project.add("001_a", "create table a ();", "drop table a;").up(out_of_order=True)
    project.add("004_d", "create table d ();", "drop table d;").up()
    project.execute(f"update migrations set executed_at = {times}")

    assert [succeeded(project.down()) for _ in range(3)] == [["004_d"], ["001_a"], ["003_c"]]


def test_the_order_of_the_log_survives_another_spelling(project: Project) -> None:
    """A version that is spelled `1` in the log and `001` in the history is one version."""
    project.add("2_b", "create table b ();", "drop table b;").up()
    project.add("1_a", "create table a ();", "drop table a;").up(out_of_order=True)
    project.execute("update migrations set executed_at = '2001-01-01'")
    for version, name in (("1", "a"), ("2", "b")):
        up, down = f"create table {name} ();", f"drop table {name};"
        project.remove(f"{version}_{name}").add(f"00{version}_{name}", up, down)
        project.execute("update migrations set version = '00' || version where version = %s", version)

    assert succeeded(project.down()) == ["001_a"]


def test_a_baseline_that_was_added_later(project: Project) -> None:
    """002 came late and was there by hand: `down` takes the last execution, and the baseline stays."""
    project.add_tables("a").add("003_c", "create table c ();", "drop table c;").up()
    project.add_tables("a", "b").call("baseline", "2", "--yes")

    assert succeeded(project.down()) == ["003_c"]
    assert project.recorded() == [("001", "executed"), ("002", "baseline")]


def test_without_a_right_to_read_the_log_the_times_count(project: Project, postgres: Server) -> None:
    """A role that may only add to the log undoes all the same, in the order of the times."""
    project.add_tables("a", "b").up()
    project.execute("""\
        create role log_writer login; grant all on schema public to log_writer; grant all on migrations to log_writer;
        grant insert on migrations_log to log_writer; alter table b owner to log_writer""")
    try:
        writer = project.at(postgres.url(project.value("select current_database()"), "log_writer"))

        assert succeeded(writer.down()) == ["002_b"]
    finally:
        project.execute("drop owned by log_writer; drop role log_writer")


def test_nothing_to_undo(project: Project) -> None:
    """On an empty database there is nothing to do, and nothing is created."""
    (planned,) = project.add_tables("a").down(all=True)

    assert planned.plan.steps == ()
    assert project.value("select to_regclass('migrations')") is None


def test_a_failed_migration_is_not_undone(project: Project) -> None:
    """A migration that was rolled back is not executed: the one before it is the last."""
    project.add_tables("a").add("002_b", "select nothing;", "select 2;").up()

    assert succeeded(project.down()) == ["001_a"]
    assert project.recorded() == [("002", "failed")]


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            "7",
            ("there is no migration `7` in the folder or in the history\n  hint: the newest migration is `002_b`"),
        ),
        ("2", "002_b is not executed, so `down` cannot go back to it\n  nothing was executed"),
    ],
)
def test_down_to_an_unknown_version(version: str, message: str, project: Project) -> None:
    """An unknown version, or one that is not executed, is refused, and nothing is undone."""
    project.add_tables("a").up()

    with pytest.raises((ConfigError, HistoryError)) as refused:
        project.add_tables("a", "b").down(to=version)

    assert told(refused.value) == message
    assert project.relations() == {"a"}


def test_up_down_up(four: Project) -> None:
    """An undone migration is pending again, and is executed again."""
    four.down(steps=2)

    assert four.states() == {"001_a": "executed", "002_b": "executed", "003_c": "pending", "004_d": "pending"}
    assert succeeded(four.up()) == ["003_c", "004_d"]


# -- one transaction ---------------------------------------------------------------------------------------------------


def test_a_failing_down_leaves_its_migration_executed(four: Project) -> None:
    """Nothing of it is undone; its row stays `executed` without an error; the log has the failure."""
    four.add("003_c", "create table c (id int);", "drop table c;\ndrop table nothing;")

    events = four.down(steps=3)

    failed = failure(events)
    assert finished(events) == ["004_d"]
    assert (failed.error.message, str(failed.error.span), failed.number, failed.total) == (
        'table "nothing" does not exist', f"{four.folder}/003_c.down.sql:2:12", 2, 2,
    )  # fmt: skip
    assert four.relations() == {"a", "b", "c"}
    assert four.query("select status, error from migrations where version = '003'") == [("executed", None)]
    last = "select action, version, detail from migrations_log order by id desc limit 1"
    assert four.query(last) == [("failure", "003", 'down: table "nothing" does not exist')]


@pytest.mark.parametrize("table", ["migrations", "migrations_log"])
def test_without_its_row_a_down_is_not_committed(table: str, four: Project) -> None:
    """If the row cannot be removed or the log cannot be written, the table is still there."""
    timing = {"migrations": "before delete", "migrations_log": "before insert"}[table]
    four.execute(f"""\
        create function refuse() returns trigger language plpgsql as $$ begin raise 'not this'; end $$;
        create trigger refuse {timing} on {table} for each row execute function refuse()""")

    failed = failure(four.down())

    assert failed.error.message == "004_d: the history public.migrations did not take its entry: not this"
    assert four.relations() == {"a", "b", "c", "d"}
    assert four.recorded()[-1] == ("004", "executed")


def test_the_session_is_as_new_for_every_down(project: Project) -> None:
    """What a down file sets for its session does not reach the next one, and hides the history from neither."""
    project.add("001_seen", "create table seen (path text, who text);", "")
    look = "insert into public.seen select current_setting('search_path'), current_user;"
    project.add("002_looks", "", look).add("003_sets", "", "set search_path = ''; set role pg_monitor;").up()

    assert succeeded(project.down(steps=2)) == ["003_sets", "002_looks"]

    assert project.query("select * from seen") == [('"$user", public', "postgres")]


def test_a_wrapped_down_file(project: Project) -> None:
    """BEGIN and COMMIT around a down file are not sent, as with an up file."""
    project.add("001_a", "create table a ();", "BEGIN;\ndrop table a;\nselect nothing;\nCOMMIT;").up()

    assert failure(project.down()).number == 2
    assert project.relations() == {"a"}


# -- by which text -----------------------------------------------------------------------------------------------------


def notes(events: list[object]) -> list[tuple[str, ...]]:
    return [event.step.notes for event in events if isinstance(event, Began)]


def test_where_the_files_are_gone_the_recorded_text_is_used(four: Project) -> None:
    """An older checkout undoes what a newer one has executed, and says where the text comes from."""
    four.remove("004_d")

    events = four.down()

    assert succeeded(events) == ["004_d"]
    assert notes(events) == [("the down file is missing, so the text recorded in the history is used",)]
    assert four.relations() == {"a", "b", "c"}


def test_where_the_down_file_alone_is_gone_the_recorded_text_is_used(four: Project) -> None:
    """A migration whose down file was deleted is undone with the recorded text."""
    four.remove("004_d", "down")

    events = four.down()

    assert succeeded(events) == ["004_d"]
    assert notes(events) == [("the down file is missing, so the text recorded in the history is used",)]


def test_where_the_down_file_differs_it_is_used(four: Project) -> None:
    """The file wins over the recorded text, and the note says that they differ."""
    four.add("004_d", "create table d (id int);", "drop table d; create table instead ();")

    events = four.down()

    assert succeeded(events) == ["004_d"]
    assert notes(events) == [("the down file differs from the text recorded in the history; the file is used",)]
    assert four.relations() == {"a", "b", "c", "instead"}


def test_line_ends_of_a_down_file_are_not_a_difference(four: Project) -> None:
    """CRLF, a byte order mark and trailing newlines cause no note."""
    four.add("004_d", "create table d (id int);", "\ufeffdrop table d;\r\n\r\n")

    assert notes(four.down()) == [()]


def test_a_down_file_that_came_later_is_used(project: Project) -> None:
    """A migration that was executed without a down file can be undone once it has one."""
    project.add("001_a", "create table a ();").up()
    project.add("001_a", "create table a ();", "drop table a;")

    events = project.down()

    assert succeeded(events) == ["001_a"]
    assert notes(events) == [()]


def test_which_text_is_used_is_said_on_the_screen(four: Project) -> None:
    """Both notes are on stderr, before the line of their migration."""
    four.remove("004_d")
    four.add("003_c", "create table c (id int);", "drop table c cascade;")

    ended = four.call("down", "--steps", "2")

    assert ended.code == 0
    assert ended.stderr == (
        "note: 004_d: the down file is missing, so the text recorded in the history is used\n"
        "note: 003_c: the down file differs from the text recorded in the history; the file is used\n"
    )
    assert stable(ended.stdout).partition(" · ")[2] == (
        "2 to undo\n\n"
        "↩️ 004_d   1 statement N ms\n"
        "↩️ 003_c   1 statement N ms\n\n"
        "2 undone\n"
    )  # fmt: skip


# -- what cannot be undone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("up", "why", "cure"),
    [
        ("select 1;", "it has no down file", ", or add 002_b.down.sql"),
        ("-- sqlmigrate: irreversible (the old hashes are gone)\nselect 1;", "the old hashes are gone", ""),
        ("-- sqlmigrate: irreversible\nselect 1;", "its up file says so", ""),
    ],
    ids=["no down file", "on purpose, with a reason", "on purpose"],
)
def test_what_is_irreversible_is_refused_before_anything_runs(up: str, why: str, cure: str, project: Project) -> None:
    """The third could be undone, the second cannot: nothing is executed."""
    project.add_tables("a").add("002_b", up).add("003_c", "create table c ();", "drop table c;").up()

    with pytest.raises(HistoryError) as refused:
        project.down(steps=3)

    assert told(refused.value) == (
        f"002_b is irreversible: {why}\n"
        "  nothing was executed\n"
        f"  hint: write a new migration that makes the change you want{cure}"
    )
    assert project.relations() == {"a", "c"}
    assert succeeded(project.down()) == ["003_c"]


def test_a_missing_irreversible_migration_is_refused_too(project: Project) -> None:
    """If the file is missing, the recorded up text says why it is irreversible."""
    project.add("001_a", "-- sqlmigrate: irreversible (on purpose)\nselect 1;").up()
    project.remove("001_a", "up")

    with pytest.raises(HistoryError) as refused:
        project.down()

    assert refused.value.message == "001_a is irreversible: on purpose"


def test_a_malformed_down_file_is_refused_before_anything_runs(four: Project) -> None:
    """Every down file of the plan is read before the first is executed."""
    four.add("002_b", "create table b (id int);", "drop table b;\nrollback;")

    with pytest.raises(MigrationError) as refused:
        four.down(all=True)

    assert str(refused.value) == (
        f"{four.folder}/002_b.down.sql:2:1: `ROLLBACK` would end the transaction of the migration"
    )
    assert four.relations() == {"a", "b", "c", "d"}


# -- without a transaction ---------------------------------------------------------------------------------------------


def test_a_down_without_a_transaction(project: Project, every_database: str) -> None:
    """A file with a single DROP INDEX CONCURRENTLY runs without a transaction, and its row is removed afterwards."""
    project = project.at(every_database).add_tables("a")
    project.add("002_i", "create index concurrently i on a (id);", "drop index concurrently i;").up()
    assert project.relations() == {"a", "i"}

    assert succeeded(project.down()) == ["002_i"]

    assert project.relations() == {"a"}
    assert project.recorded() == [("001", "executed")]
    assert project.logged() == [("up", "001"), ("up", "002"), ("down", "002")]


HALF_DOWN = """\
error: table "nothing" does not exist
  ──▶ sql/002_i.down.sql:3:12
   │
 2 │ drop index concurrently if exists i;
 3 │ drop table nothing;
   │            ^^^^^^^
   │
   code    42P01 undefined_table

what happened   002_i runs without a transaction; it stopped at statement 2 of 2
                statement 1 is executed and stays
what now        fix the file or the data (it goes on at statement 2), then: sqlmigrate down

"""


def test_a_down_without_a_transaction_that_fails(project: Project) -> None:
    """Finished statements stay, and the message says exactly that."""
    project.add_tables("a").add(
        "002_i",
        "-- sqlmigrate: no-transaction\ncreate index concurrently i on a (id);",
        "-- sqlmigrate: no-transaction\ndrop index concurrently if exists i;\ndrop table nothing;",
    ).up()

    ended = project.call("down")

    assert ended.code == 1
    assert stable(ended.stderr) == HALF_DOWN
    assert project.relations() == {"a"}
    assert project.recorded() == [("001", "executed"), ("002", "executed")]


def test_down_waits_for_a_stopped_file(project: Project) -> None:
    """After a file without a transaction stopped at a statement, `down` is refused: execute the rest, or forget it."""
    project.add_tables("a").add("002_n", "-- sqlmigrate: no-transaction\nselect 1;\nselect nothing;", "select 2;").up()

    with pytest.raises(HistoryError) as refused:
        project.down()

    assert told(refused.value) == (
        "002_n stopped at statement 2 of 2; its down file would undo all its statements\n"
        "  nothing was executed\n"
        "  hint: execute the rest first; or undo by hand what is executed, and let the history forget it\n"
        "  next: sqlmigrate up\n"
        "  next: or: sqlmigrate repair 002"
    )
    assert project.call("repair", "2", "--yes").code == 0
    assert succeeded(project.down()) == ["001_a"]


# -- who is asked ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("down", "--all"), ("reset",), ("repair", "1")], ids=" ".join)
def test_without_a_terminal_yes_is_needed(command: tuple[str, ...], four: Project) -> None:
    """Without a terminal `--yes` is needed: otherwise nothing is changed, and the message says so."""
    four.add("001_a", "select 1;")

    ended = four.call(*command)

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"error: `{command[0]}` asks a question first, and there is no terminal to ask on\n   nothing was changed\n"
        "   hint    to go on without the question, add --yes\n\n"
    )
    assert four.relations() == {"a", "b", "c", "d"}


def test_yes_is_enough(four: Project) -> None:
    """With `--yes` everything is undone, exit 0."""
    ended = four.call("down", "--all", "--yes")

    assert (ended.code, four.relations()) == (0, set())


def test_fewer_steps_are_not_asked_about(four: Project) -> None:
    """`down` and `down --steps` do not ask."""
    assert four.call("down", "--steps", "2").code == 0
    assert four.relations() == {"a", "b"}

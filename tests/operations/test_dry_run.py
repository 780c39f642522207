"""`up --dry-run`: everything is executed, and nothing stays."""

from __future__ import annotations

import pytest
from project import Project, failure, finished, succeeded
from terminal import stable

from sqlmigrate.executor.events import Event, NotTried


def test_nothing_is_left(project: Project) -> None:
    """Every pending migration is executed, later ones on top of earlier ones; afterwards the database is empty."""
    project.add_tables("a").add("002_b", "create table b as table a; create schema s; create role dry; drop role dry;")

    assert succeeded(project.up(dry_run=True)) == ["001_a", "002_b"]

    assert project.relations() == set()
    assert project.value("select to_regclass('migrations')") is None
    assert project.value("select to_regnamespace('s')") is None
    assert project.states() == {"001_a": "pending", "002_b": "pending"}


def test_nothing_is_left_in_an_existing_history(project: Project) -> None:
    """The history and its log are as before."""
    project.add_tables("a").up()

    assert succeeded(project.add_tables("a", "b").up(dry_run=True)) == ["002_b"]

    assert project.recorded() == [("001", "executed")]
    assert project.logged() == [("up", "001")]
    assert succeeded(project.up()) == ["002_b"]


def test_a_failure_is_told_and_not_written(project: Project) -> None:
    """The place is reported as in a real run; history and log are not changed; later migrations are not tried."""
    project.add_tables("a").up()
    project.add("002_b", "create table b ();").add("003_c", "drop table b;\nselect nothing;").add("004_d", "select 4;")

    events = project.up(dry_run=True)

    failed = failure(events)
    assert finished(events) == ["002_b"]
    assert (failed.step.label, failed.number, str(failed.error.span)) == (
        "003_c", 2, f"{project.folder}/003_c.up.sql:2:8",
    )  # fmt: skip
    assert project.relations() == {"a"}
    assert project.recorded() == [("001", "executed")]
    assert project.logged() == [("up", "001")]


def test_which_are_tried(project: Project) -> None:
    """`to`, `steps` and `out_of_order` select as in a real run."""
    project.add_tables("a", "b", "c")
    assert succeeded(project.up(dry_run=True, to="2")) == ["001_a", "002_b"]
    assert succeeded(project.up(dry_run=True, steps=1)) == ["001_a"]

    assert succeeded(project.up()) == ["001_a", "002_b", "003_c"]
    project.add("000_late", "select 0;").add("004_d", "select 4;")
    assert succeeded(project.up(dry_run=True, out_of_order=True)) == ["000_late", "004_d"]


def test_a_dry_run_of_down(project: Project) -> None:
    """What would be undone is tried, without a question, and is there afterwards."""
    project.add_tables("a", "b").up()

    one, every = project.call("down", "--dry-run"), project.call("down", "--all", "--dry-run")

    assert (one.code, one.stdout.splitlines()[-1]) == (0, "1 tried and rolled back")
    assert (every.code, every.stdout.splitlines()[-1]) == (0, "2 tried and rolled back")
    assert project.relations() == {"a", "b"}
    assert project.logged() == [("up", "001"), ("up", "002")]


def test_a_down_that_fails_in_a_dry_run(project: Project) -> None:
    """The command that is named does not undo in earnest."""
    project.add("001_a", "create table a ();", "drop table b;").up()

    ended = project.call("down", "--to", "0", "--dry-run")

    assert ended.code == 1
    assert ended.stderr.endswith(
        "what happened   the dry run was rolled back: the database is unchanged\n"
        "what now        fix the file, then: sqlmigrate down --to 0 --dry-run\n\n"
    )
    assert project.logged() == [("up", "001")]


def test_nothing_to_try(project: Project) -> None:
    """If everything is executed, there is nothing to do, as in a real run."""
    project.add_tables("a").up()

    assert project.up(dry_run=True)[0].plan.steps == ()


def test_what_runs_without_a_transaction_is_not_tried(project: Project) -> None:
    """It cannot be rolled back: neither it nor any later migration is tried, and both are reported."""
    project.add_tables("a").add("002_i", "create index concurrently i on a (id);").add("003_c", "create table c ();")

    events = project.up(dry_run=True)

    assert succeeded(events) == ["001_a"]
    assert [(event.step.label, event.reason) for event in events if isinstance(event, NotTried)] == [
        ("002_i", "it runs without a transaction, so it cannot be rolled back"),
        ("003_c", "it comes after 002_i"),
    ]
    assert project.relations() == set()


@pytest.mark.parametrize(
    "text",
    [
        "create temporary table t (); prepare p as select 1; declare c cursor for select 1;",
        "set search_path = ''; set role pg_monitor;",
        "set session authorization pg_monitor;",
        "set transaction isolation level serializable; select 1;",
        "begin isolation level repeatable read; select 1; commit;",
    ],
    ids=["temporary objects", "role and search_path", "session authorization", "SET TRANSACTION", "BEGIN with options"],
)
def test_what_one_migration_sets_does_not_reach_the_next(text: str, project: Project) -> None:
    """Two files that would disturb each other in one session are tried as they would really run."""
    project.add("001_first", text).add("002_again", text).add("003_a", "create table a ();")

    assert succeeded(project.up(dry_run=True)) == ["001_first", "002_again", "003_a"]
    assert succeeded(project.up()) == ["001_first", "002_again", "003_a"]


DEFERRED = """\
create table {0}p (id int primary key);
create table {0}c (p int references {0}p deferrable initially deferred);
insert into {0}c values (1);
insert into {0}p values ({1});
"""


def test_what_the_commit_would_refuse_is_found(project: Project) -> None:
    """Deferred constraints are checked at the end of each file, as its COMMIT would check them."""
    project.add("001_a", DEFERRED.format("a", 1)).add("002_b", DEFERRED.format("b", 7)).add("003_c", "select 3;")

    events = project.up(dry_run=True)

    assert finished(events) == ["001_a"]
    assert failure(events).error.message == (
        'insert or update on table "bc" violates foreign key constraint "bc_p_fkey"'
    )


def test_constraints_are_deferred_for_every_file(project: Project) -> None:
    """The check at the end of a file does not make constraints immediate for the next file, new or old ones."""
    project.add("001_a", DEFERRED.format("a", 1)).add("002_b", DEFERRED.format("b", 1))
    project.add("003_c", "insert into ac values (2); insert into ap values (2);")
    project.add("004_d", "create table d (i int unique deferrable initially immediate); insert into d values (1), (2);")
    project.add("005_e", "insert into d values (1);")

    events = project.up(dry_run=True)

    assert finished(events) == ["001_a", "002_b", "003_c", "004_d"]
    assert failure(events).number == 1


MOOD = "create type mood as enum ('ok'); create table t (m mood);"


def _not_tried(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.step.label, event.reason) for event in events if isinstance(event, NotTried)]


@pytest.mark.parametrize(
    "use",
    [
        "insert into t values ('it''s');",
        "alter table t alter column m set default 'it''s';",
        "create view v as select * from t where m = 'it''s';",
        "alter table t add constraint c check (m <> 'it''s');",
        "do $$ begin insert into t values ('it''s'); end $$;",
        "create index i on t (m) where m = 'it''s';",
    ],
    ids=["insert", "default", "view", "constraint", "do block", "index"],
)
def test_an_enum_value_of_an_earlier_file_is_not_tried(use: str, project: Project) -> None:
    """PostgreSQL wants it committed first, as `up` does it: no failure, exit 0, and the files after it wait."""
    project.add("001_mood", MOOD).up()
    project.add("002_adds", "alter type mood add value 'it''s' before 'ok';").add("003_uses", use)
    project.add("004_later", "create table later ();")

    events = project.up(dry_run=True)

    assert succeeded(events) == ["002_adds"]
    why = "it uses the enum value 'it's', which a file before it adds and which has to be committed first"
    assert _not_tried(events) == [("003_uses", why), ("004_later", "it comes after 003_uses")]
    assert project.call("up", "--dry-run").code == 0
    assert succeeded(project.up()) == ["002_adds", "003_uses", "004_later"]


def test_an_enum_value_of_the_same_file_fails_as_up_does(project: Project) -> None:
    """If the file adds the value itself, `up` would fail as well."""
    project.add("001_mood", MOOD).up()
    project.add("002_a", "create table a ();")
    project.add("003_both", "alter type mood add value 'sad'; insert into t values ('sad');")

    assert failure(project.up(dry_run=True)).error.sqlstate == "55P04"
    assert failure(project.up()).error.sqlstate == "55P04"


def test_an_enum_value_in_a_down_is_not_tried(project: Project) -> None:
    """The files of `down` share the transaction of a dry run too."""
    project.add("001_mood", MOOD, "drop table t; drop type mood;")
    project.add("002_a", "select 2;", "insert into t values ('sad');")
    project.add("003_b", "select 3;", "alter type mood add value 'sad';").up()

    events = project.down(dry_run=True, all=True)

    assert finished(events) == ["003_b"]
    assert [label for label, _ in _not_tried(events)] == ["002_a", "001_mood"]
    assert succeeded(project.down(all=True)) == ["003_b", "002_a", "001_mood"]


def test_events_of_deferred_triggers_do_not_reach_the_next_file(project: Project) -> None:
    """They are executed at the end of each file, so ALTER TABLE of the next file is not refused (55006)."""
    project.add("001_a", "create table p (id int primary key); create table c (p int references p initially deferred);")
    project.add("002_b", "insert into c values (1); insert into p values (1);")
    project.add("003_c", "alter table c add column note text;")
    project.add("004_d", "insert into c values (2); insert into p values (2); alter table c add column more text;")

    events = project.up(dry_run=True)

    assert finished(events) == ["001_a", "002_b", "003_c"]
    assert failure(events).error.sqlstate == "55006"
    assert failure(project.up()).error.sqlstate == "55006"


@pytest.mark.slow
def test_a_timeout_of_the_whole_transaction_is_not_tried(project: Project) -> None:
    """`transaction_timeout` (from 17 on) ends a dry run of files that `up` commits in time."""
    database = project.value("select quote_ident(current_database())")
    project.execute(f"alter database {database} set transaction_timeout = '3s'")
    project.add("001_a", "select pg_sleep(2);").add("002_b", "select pg_sleep(2);").add("003_c", "select 3;")

    events = project.up(dry_run=True)

    assert succeeded(events) == ["001_a"]
    assert _not_tried(events) == [
        ("002_b", "the dry run is one transaction of all files, and has reached the transaction_timeout"),
        ("003_c", "it comes after 002_b"),
    ]
    assert succeeded(project.up()) == ["001_a", "002_b", "003_c"]


@pytest.mark.slow
def test_more_locks_than_the_server_has_room_for_are_not_tried(project: Project) -> None:
    """A dry run keeps the locks of all files, `up` those of one."""
    loop = "do $$ begin for i in 1..5000 loop execute 'create table {}_' || i || ' ()'; end loop; end $$;"
    for number in range(1, 5):
        project.add(f"00{number}_t", loop.format(f"t{number}"))

    events = project.up(dry_run=True)

    skipped = _not_tried(events)
    assert skipped[0][1] == ("the dry run holds the locks of all files before it, and the server has no room for more")
    assert [*succeeded(events), *(label for label, _ in skipped)] == ["001_t", "002_t", "003_t", "004_t"]


def test_the_screen_of_a_failure(project: Project) -> None:
    """It says that this was a dry run and that the database is unchanged; exit 1."""
    project.add_tables("a").add("002_b", "drop table a, b;")

    ended = project.call("up", "--dry-run")

    assert ended.code == 1
    assert stable(ended.stdout).partition(" · ")[2] == (
        "2 pending\n\n✅ 001_a   1 statement N ms\n❌ 002_b   statement 1 of 1 N ms\n\n"
        "1 tried and rolled back · 1 failed\n"
    )
    assert (
        ended.stderr
        == """\
error: table "b" does not exist
  ──▶ sql/002_b.up.sql:1:15
   │
 1 │ drop table a, b;
   │               ^
   │
   code    42P01 undefined_table

what happened   the dry run was rolled back: the database is unchanged
what now        fix the file, then: sqlmigrate up

"""
    )

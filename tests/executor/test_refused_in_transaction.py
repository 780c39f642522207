"""Statements that PostgreSQL accepts in no transaction though their words do not show it: sent once more without one.

https://www.postgresql.org/docs/current/sql-dropsubscription.html, `sql-reindex.html` and `sql-cluster.html` name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import postgres_servers
import psycopg
import pytest
from postgres_servers import Server
from processes import beginning
from project import Project, failure, succeeded, told
from waiting import until

from sqlmigrate.executor.events import Recovered, StatementAlone
from sqlmigrate.identifiers import literal
from sqlmigrate.plan.plan import Limits

NONE = "-- sqlmigrate: no-transaction\n"
PARTITIONED = """\
create table p (a int primary key, b int) partition by range (a);
create table p1 partition of p for values from (0) to (10);
create table p2 partition of p for values from (10) to (20);
create index pb on p (b);
insert into p select n, 20 - n from generate_series(0, 19) n;
"""
# A stand-in for functions of extensions: it refuses its first call as they refuse one in a transaction.
FUNCTION = """\
create sequence calls;
create table done (n int);
create function distribute(fails bool = false) returns void language plpgsql as $$ begin
  if nextval('calls') = 1 then raise sqlstate '25001' using message = 'distribute cannot run in a transaction'; end if;
  if fails then raise 'not ready'; end if;
  insert into done values (1);
end $$;
"""


def sent_alone(events: list[object]) -> list[int]:
    return [event.number for event in events if isinstance(event, StatementAlone)]


def said(events: list[object]) -> list[str]:
    return [event.message for event in events if isinstance(event, Recovered)]


def recorded(project: Project) -> list[tuple[object, ...]]:
    """Give what the history says about 002."""
    return project.query("select status, statements_done, unfinished from migrations where version = '002'")


def files_of(project: Project, *relations: str) -> list[tuple[object, ...]]:
    """Name the files of relations: REINDEX and CLUSTER write new ones."""
    return project.query(
        "select relname::text, relfilenode from pg_class where relname = any(%s) order by 1", list(relations)
    )


# -- partitioned tables ------------------------------------------------------------------------------------------------

REPEATED = {
    "reindex table": ("reindex table p;", ("p1_b_idx", "p2_b_idx", "p1_pkey", "p2_pkey"), 13),
    "reindex index": ("reindex index pb;", ("p1_b_idx", "p2_b_idx"), 13),
    "cluster": ("cluster p using p_pkey;", ("p1", "p2"), 15),
}


@pytest.mark.parametrize("name", REPEATED)
def test_each_partition_is_built_again(name: str, project: Project, every_database: str) -> None:
    """REINDEX and CLUSTER of a partitioned table: every partition gets a new file, up and down, and is recorded."""
    text, relations, since = REPEATED[name]
    project = project.at(every_database).add("001_setup", PARTITIONED)
    project.add("002_again", f"{NONE}select 1;\n{text}\nselect 3;", f"{NONE}{text}")
    project.up(to="001")
    if int(project.value("show server_version_num")) < since * 10000:
        pytest.skip(f"PostgreSQL knows this since {since}")
    before = files_of(project, *relations)

    events = project.up()

    assert (succeeded(events), sent_alone(events)) == (["002_again"], [2])
    after = files_of(project, *relations)
    assert [each for each in after if each in before] == []
    assert len(after) == len(relations)
    assert recorded(project) == [("executed", 3, None)]

    events = project.down()

    assert (succeeded(events), sent_alone(events)) == (["002_again"], [1])
    assert [each for each in files_of(project, *relations) if each in after] == []
    assert project.recorded() == [("001", "executed")]


def test_in_a_transaction_it_is_refused_with_the_way_out(project: Project, every_database: str) -> None:
    """The file is rolled back; the hint names the directive, and with it the file is executed."""
    project = project.at(every_database).add("001_setup", PARTITIONED)
    project.add("002_again", "create table new ();\nreindex table p;")

    failed = failure(project.up())

    assert told(failed.error) == (
        "REINDEX TABLE cannot run inside a transaction block\n"
        "  hint: let each statement of the file run and be recorded on its own: -- sqlmigrate: no-transaction\n"
        "  next: fix the file, then: sqlmigrate up"
    )  # fmt: skip
    assert "new" not in project.relations()
    assert succeeded(project.add("002_again", f"{NONE}create table new ();\nreindex table p;").up()) == ["002_again"]


def test_a_dry_run_does_not_try_it(project: Project) -> None:
    """With the directive the file is not tried, since it could not be rolled back."""
    project.add("001_setup", PARTITIONED).up()
    before = files_of(project, "p1_b_idx")

    ended = project.add("002_again", f"{NONE}reindex table p;").call("up", "--dry-run")

    assert "⏸️ 002_again   not tried: it runs without a transaction, so it cannot be rolled back" in ended.stdout
    assert files_of(project, "p1_b_idx") == before


def test_of_a_failure_the_partitions_that_are_done_are_told(project: Project) -> None:
    """Each partition is committed on its own: the message does not claim that nothing was done."""
    project.add("001_setup", PARTITIONED).up()
    before = files_of(project, "p1_b_idx", "p2_b_idx")
    with project.connection() as other, other.transaction():
        other.execute("lock table p2 in access exclusive mode")
        project.add("002_again", f"{NONE}-- sqlmigrate: lock-timeout 100ms\nreindex index pb;")

        failed = failure(project.up(limits=Limits(lock_retries=0)))

        assert failed.kept == (
            "what statement 1 has committed itself stays; the next run executes the whole statement again",
        )
    assert [each in before for each in files_of(project, "p1_b_idx", "p2_b_idx")] == [False, True]
    assert succeeded(project.up()) == ["002_again"]


# -- subscriptions -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def publisher(servers: Path) -> Iterator[Server]:
    """A server whose changes can be subscribed to."""
    with postgres_servers.server(servers / "publisher", 18, wal_level="logical") as found:
        yield found


@pytest.fixture
def subscribed(project: Project, every_database: str, publisher: Server) -> Iterator[Project]:
    """A project whose 002 subscribes to the table `t` of the publisher; the publisher forgets it at the end."""
    with publisher.database() as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("create table t (a int primary key)")
            conn.execute("insert into t values (1)")
            conn.execute("create publication shop for table t")
        made = project.at(every_database).add("001_t", "create table t (a int primary key);", "drop table t;")
        up = f"create subscription shop connection {literal(url)} publication shop;"
        made.add("002_subscribe", up, f"{NONE}drop subscription shop;\nselect 2;")
        try:
            yield made
        finally:
            _forget_subscription(made)
            until(lambda: not slots(publisher, active=True))
            publisher.admin.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")


def _forget_subscription(project: Project) -> None:
    """Drop the subscription, if there is one, and leave its slot."""
    with project.connection() as conn:
        for (name,) in conn.execute("select quote_ident(subname) from pg_subscription").fetchall():
            for each in (f"alter subscription {name} disable", f"alter subscription {name} set (slot_name = none)"):
                conn.execute(each)
            conn.execute(f"drop subscription {name}")


def slots(publisher: Server, *, active: bool | None = None) -> list[str]:
    look = "select slot_name::text from pg_replication_slots where %s::bool is null or active = %s"
    found = publisher.admin.execute(look, [active, active]).fetchall()
    return [name for (name,) in found]


def test_a_subscription_up_and_down(subscribed: Project, publisher: Server) -> None:
    """Rows arrive after the up; the down drops the subscription together with its slot on the publisher."""
    assert succeeded(subscribed.up()) == ["001_t", "002_subscribe"]
    until(lambda: subscribed.query("select a from t") == [(1,)])
    assert slots(publisher) == ["shop"]

    events = subscribed.down()

    assert (succeeded(events), sent_alone(events)) == (["002_subscribe"], [1])
    assert subscribed.value("select count(*) from pg_subscription") == 0
    assert slots(publisher) == []
    assert succeeded(subscribed.up()) == ["002_subscribe"]  # nothing is left of it


def test_a_subscription_without_a_slot_is_dropped_in_a_transaction(subscribed: Project) -> None:
    """Then the statement is committed together with its record, as any other."""
    subscribed.up()
    subscribed.execute("alter subscription shop disable")
    subscribed.execute("alter subscription shop set (slot_name = none)")

    events = subscribed.down()

    assert (succeeded(events), sent_alone(events)) == (["002_subscribe"], [])


def test_in_a_transaction_the_down_is_refused_with_the_way_out(subscribed: Project) -> None:
    """Without the directive nothing is undone, and the hint names the directive."""
    subscribed.add("002_subscribe", (subscribed.folder / "002_subscribe.up.sql").read_text(), "drop subscription shop;")
    subscribed.up()

    failed = failure(subscribed.down())

    assert failed.error.message == "DROP SUBSCRIPTION cannot run inside a transaction block"
    assert failed.error.hint == (
        "let each statement of the file run and be recorded on its own: -- sqlmigrate: no-transaction"
    )
    assert subscribed.value("select count(*) from pg_subscription") == 1
    assert subscribed.recorded() == [("001", "executed"), ("002", "executed")]


def test_a_publisher_that_cannot_be_reached(subscribed: Project) -> None:
    """PostgreSQL drops neither; the failure shows PostgreSQL's own way out, and the next run tries again."""
    subscribed.up()
    there = subscribed.value("select subconninfo from pg_subscription")
    subscribed.execute("alter subscription shop connection 'host=/nowhere'")

    failed = failure(subscribed.down())

    assert failed.error.message.startswith('could not connect to publisher when attempting to drop replication slot "')
    assert "ALTER SUBSCRIPTION ... SET (slot_name = NONE)" in dict(failed.error.fields)["hint"]
    assert failed.kept == ()
    assert subscribed.value("select count(*) from pg_subscription") == 1
    assert recorded(subscribed) == [("executed", 1, None)]

    subscribed.execute(f"alter subscription shop connection {literal(there)}")
    assert succeeded(subscribed.down()) == ["002_subscribe"]


# -- killed in between -------------------------------------------------------------------------------------------------

STOPPED = {
    "create subscription": (
        "", "create subscription s connection 'host=/nowhere' publication one;", "1 none",
        "create subscription s connection 'host=/nowhere' publication one with (connect = false)",
        ["the last run had created s already"],
    ),
    "drop subscription": (
        "create subscription s connection 'host=/nowhere' publication one with (connect = false);",
        "drop subscription s;", "1 valid", "alter subscription s set (slot_name = none); drop subscription s",
        ["the last run had dropped s already"],
    ),
    "function": (
        FUNCTION, "select distribute();", "1 alone", "",
        ["it is not known whether statement 1 of the last run took effect: it is executed again"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPPED)
def test_a_run_that_was_killed_is_continued_by_the_catalog(name: str, project: Project, every_database: str) -> None:
    """What took effect is not executed again; where that cannot be known, it is said."""
    setup, text, unfinished, reached, expected = STOPPED[name]
    project = project.at(every_database).add("001_setup", setup).add("002_alone", f"{NONE}{text}\nselect 2;")
    project.up(to="001")
    project.execute(
        "insert into migrations (version, name, status, checksum, up_sql, statements, statements_done, unfinished, "
        "executed_at) values ('002', 'alone', 'running', '', %s, 2, 0, %s, now())",
        (project.folder / "002_alone.up.sql").read_text(), unfinished,
    )  # fmt: skip
    with project.connection() as conn:
        for each in filter(None, reached.split("; ")):
            conn.execute(each)
    try:
        events = project.up()

        assert (succeeded(events), said(events)) == (["002_alone"], expected)
        assert recorded(project) == [("executed", 2, None)]
    finally:
        _forget_subscription(project)


def test_a_run_killed_in_the_statement_leaves_its_mark(project: Project) -> None:
    """While the statement waits, the history says that its end will not be known; the next run says so as well."""
    project.add("001_setup", FUNCTION).up()
    project.add("002_alone", f"{NONE}select distribute();\nselect 2;")
    with (
        beginning(project.folder.parent, project.url) as begin,
        closing(psycopg.connect(project.url)) as other,
    ):
        other.execute("lock table done in access exclusive mode")
        running = begin("up")
        pid = running.when("distribute", "wait_event_type = 'Lock'")
        running.process.kill()
        running.process.wait()
        assert recorded(project) == [("running", 0, "1 alone")]
    until(lambda: project.value("select count(*) from pg_stat_activity where pid = %s", pid) == 0)
    done = project.value("select count(*) from done")  # the server may have noticed that the client is gone

    events = project.up()

    assert said(events) == ["it is not known whether statement 1 of the last run took effect: it is executed again"]
    assert succeeded(events) == ["002_alone"]
    assert project.value("select count(*) from done") == done + 1


# -- functions of extensions -------------------------------------------------------------------------------------------


def test_a_function_is_called_without_a_transaction(project: Project, every_database: str) -> None:
    """It is called once more, and recorded after it."""
    project = project.at(every_database).add("001_setup", FUNCTION)
    project.add("002_alone", f"{NONE}select 1;\nselect distribute();\nselect 3;")

    events = project.up()

    assert (succeeded(events), sent_alone(events)) == (["001_setup", "002_alone"], [2])
    assert project.value("select count(*) from done") == 1
    assert recorded(project) == [("executed", 3, None)]


def test_a_function_that_fails_then_may_be_changed(project: Project) -> None:
    """PostgreSQL has rolled the call back: no mark is left, and the next run takes the statement as it is then."""
    project.add("001_setup", FUNCTION).add("002_alone", f"{NONE}select distribute(true);")

    failed = failure(project.up())

    assert failed.error.message == "not ready"
    assert failed.kept == (
        "what statement 1 has committed itself stays; the next run executes the whole statement again",
    )
    assert recorded(project) == [("failed", 0, None)]
    assert succeeded(project.add("002_alone", f"{NONE}select distribute(false);").up()) == ["002_alone"]


def test_inside_a_function_it_cannot_be_executed_at_all(project: Project) -> None:
    """The hint does not lead back to the directive alone: the statement must be written as one."""
    project.add("001_a", f"{NONE}do 'begin execute ''vacuum''; end';")

    failed = failure(project.up())

    assert failed.error.message == "VACUUM cannot be executed from a function"
    assert failed.error.hint == (
        "write it as a statement of its own, outside of functions, with: -- sqlmigrate: no-transaction"
    )


def test_a_replication_slot(project: Project, publisher: Server) -> None:
    """A logical slot cannot be made after something was written: the hint names the directive, which makes it work."""
    with publisher.database() as url:
        project = project.at(url).add("001_a", "select pg_create_logical_replication_slot('one', 'pgoutput');")

        failed = failure(project.up())

        assert failed.error.hint == (
            "let each statement of the file run and be recorded on its own: -- sqlmigrate: no-transaction"
        )
        text = (project.folder / "001_a.up.sql").read_text()
        assert succeeded(project.add("001_a", NONE + text, "select pg_drop_replication_slot('one');").up()) == ["001_a"]
        assert succeeded(project.down()) == ["001_a"]

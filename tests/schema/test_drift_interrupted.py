"""What `drift` knows after a run that was killed: what is known stays visible, the rest is said to be unknown."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import postgres_servers
import pytest
from processes import Beginning, beginning
from project import Project, succeeded

from sqlmigrate.files.folder import load
from sqlmigrate.operations import repair

ALONE = "-- sqlmigrate: no-transaction\n"
SLOW = "select pg_sleep(600);"
BY_HAND = "create table own (); alter table customers alter email drop not null"
KNOWN = ["different column public.customers.email", "left over table public.own"]
WAYS_OUT = ["sqlmigrate drift --against files", "sqlmigrate drift --accept"]
OLDER = "the snapshot of the schema of 001 is older than the history"


@pytest.fixture
def begin(shop: Project) -> Iterator[Beginning]:
    with beginning(shop.folder.parent, shop.url) as begin:
        yield begin


def killed(begin: Beginning, *arguments: str) -> None:
    """Kill a run while its slow statement is executed, and the server's process with it, as a machine that is lost."""
    running = begin(*arguments)
    running.when("pg_sleep")
    assert running.signalled(signal.SIGKILL).code == -signal.SIGKILL
    project = Project(Path(), begin.url)
    project.query("select pg_terminate_backend(pid, 60000) from pg_stat_activity where query ~ '^select pg_sleep'")


def found(project: Project) -> tuple[int, list[str], str | None]:
    """Call `drift`; gives the exit code, what was changed by hand, and what is said to be unknown."""
    ended = project.call("drift", "--format", "json")
    assert ended.stderr == ""
    value = json.loads(ended.stdout)
    problem = value["problem"]
    if problem:
        assert problem["next"] == WAYS_OUT
    named = sorted(f"{each['change']} {each['kind']} {each['name']}" for each in value["drift"])
    return ended.code, named, problem and without_times(problem["message"])


def without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", text)


@pytest.fixture
def changed(shop: Project) -> Project:
    """One migration is executed, then two objects are changed by hand."""
    succeeded(shop.up(steps=1))
    shop.execute(BY_HAND)
    return shop


def test_killed_before_anything_was_committed(changed: Project, begin: Beginning) -> None:
    """The history is as it was, so the snapshot is right; the next run looks as ever."""
    changed.add("002_create_orders", f"create table orders (); {SLOW}")
    killed(begin, "up")

    assert found(changed) == (1, KNOWN, None)
    changed.add("002_create_orders", "create table orders ();")
    assert "the schema was changed by hand since 001" in changed.call("up").stderr
    assert found(changed) == (1, KNOWN, None)


SCREEN = """\
public.customers
  ~ different  column public.customers.email
      not null: true ──▶ false

public.own
  + left over  table public.own
      CREATE TABLE public.own ();

2 objects differ: 1 left over, 1 different
⚠️ not all changes by hand are known: the snapshot of the schema of 001 is older than the history
   the last run took no snapshot: it was interrupted, or the setting drift was off, or sqlmigrate was an older version
   changed since, by a migration or by hand: left over table public.orders
   compare the schema with the files; to expect it as it is from now on: --accept
next: sqlmigrate drift --sql
next: sqlmigrate drift --against files
next: sqlmigrate drift --accept
"""
MARKDOWN = """\
- not all changes by hand are known: the snapshot of the schema of 001 is older than the history
- the last run took no snapshot: it was interrupted, or the setting drift was off, or sqlmigrate was an older version
- changed since, by a migration or by hand: left over table public.orders
- compare the schema with the files; to expect it as it is from now on: --accept
- sqlmigrate drift --against files
- sqlmigrate drift --accept
"""


def test_killed_after_files_were_committed(changed: Project, begin: Beginning) -> None:
    """What the run has found changed by hand is still known; what has changed since may come from 002."""
    changed.add("003_slow", f"create table more (); {SLOW}")
    killed(begin, "up")

    assert found(changed) == (1, KNOWN, f"not all changes by hand are known: {OLDER}")
    screen = changed.call("drift").stdout.partition("\n\n")[2]
    assert "".join(line for line in screen.splitlines(keepends=True) if "PostgreSQL" not in line and
                   not line.startswith("   superusers")) == SCREEN  # fmt: skip
    assert changed.call("drift", "--format", "markdown").stdout.endswith(MARKDOWN)
    assert "DROP TABLE public.own" in changed.call("drift", "--sql").stdout


def test_the_next_run_keeps_what_is_known_and_what_is_not(changed: Project, begin: Beginning) -> None:
    """Its snapshot expects what is not known, and says so until the schema is accepted."""
    changed.add("003_slow", f"create table more (); {SLOW}")
    killed(begin, "up")
    changed.add("003_slow", "create table more ();")

    said = without_times(changed.call("up").stderr)

    assert said == (
        "⚠️ note: the schema was changed by hand since 001 (TIME): 2 objects\n"
        "   left over table public.own\n"
        "   different column public.customers.email (not null)\n"
        "   to see all values: sqlmigrate drift\n"
        "   to expect this from now on: sqlmigrate drift --accept\n"
        "⚠️ note: not known what else was changed by hand: a run took no snapshot of the schema\n"
        "   to compare with the files: sqlmigrate drift --against files\n"
        "   to expect the schema as it is from now on: sqlmigrate drift --accept\n"
    )
    unsure = "not all changes by hand from before 003 (TIME) are known"
    assert found(changed) == (1, KNOWN, unsure)
    changed.execute("drop table own; alter table customers alter email set not null")
    assert found(changed) == (3, [], unsure)
    changed.add("004_rows", "insert into customers (email) values ('a@example.com');")
    assert "not known what was changed by hand before 003" in changed.call("up").stderr
    assert changed.call("up", "--drift", "refuse").code == 0  # nothing is to be executed
    changed.add("005_last", "create table last ();")
    assert changed.call("up", "--drift", "refuse").code == 1
    assert changed.call("drift", "--accept", "--yes").code == 0
    assert found(changed) == (0, [], None)
    assert changed.call("up", "--drift", "refuse").code == 0
    logged = "select detail from migrations_log where action = 'repair'"
    assert changed.query(logged) == [("accepted changes by hand: the others, which are not known",)]


def test_changed_by_hand_while_nothing_is_known(shop: Project, begin: Beginning) -> None:
    """A table that was created after the kill is named, as one that may come from a migration; it is not accepted."""
    succeeded(shop.up(steps=1))
    shop.add("003_slow", SLOW)
    killed(begin, "up")
    shop.execute("create table own ()")

    older = f"{OLDER}: what differs may come from a migration"
    assert found(shop) == (3, [], older)
    assert "by a migration or by hand: left over table public.orders; left over table public.own\n" in (
        shop.call("drift").stdout
    )
    shop.add("003_slow", "select 1;")
    assert "not known what was changed by hand: a run took no snapshot" in shop.call("up").stderr
    assert found(shop) == (3, [], "not all changes by hand from before 003 (TIME) are known")


def test_what_was_changed_again_is_not_said_to_be_known(changed: Project, begin: Beginning) -> None:
    """Own was altered after the run has found it: by hand, or by 002. The other change stays known."""
    changed.add("003_slow", SLOW)
    killed(begin, "up")
    changed.execute("drop table own; create view own as select 1 as one")

    assert found(changed)[:2] == (1, KNOWN[:1])


@pytest.mark.parametrize("again", ["killed again", "after a repair"])
def test_known_after_more_than_one_interruption(again: str, changed: Project, begin: Beginning) -> None:
    """A second killed run, or a repair, neither forgets what is known nor takes the rest for known."""
    changed.add("003_slow", SLOW)
    killed(begin, "up")
    if again == "killed again":
        changed.add("003_slow", "create table more ();").add("004_slow", SLOW)
        killed(begin, "up")
    else:
        changed.add("002_create_orders", "create table orders (); -- edited")
        assert changed.call("repair", "2", "--yes").code == 0

    assert found(changed) == (1, KNOWN, f"not all changes by hand are known: {OLDER}")


def test_taken_back_before_a_run_that_is_killed(changed: Project, begin: Beginning) -> None:
    """The second run finds nothing changed by hand. Then what its file makes is not said to be made by hand."""
    changed.add("002_create_orders", SLOW)
    killed(begin, "up")
    changed.execute("drop table own; alter table customers alter email set not null")
    changed.add("002_create_orders", "create table own ();").add("003_slow", SLOW)
    killed(begin, "up")

    assert found(changed) == (3, [], f"{OLDER}: what differs may come from a migration")


def test_a_file_without_a_transaction_is_killed(changed: Project, begin: Beginning) -> None:
    changed.add("002_create_orders", f"{ALONE}create table orders (); {SLOW}")
    killed(begin, "up")

    assert found(changed) == (1, KNOWN, f"not all changes by hand are known: {OLDER}")


def test_a_down_is_killed(shop: Project, begin: Beginning) -> None:
    """002 is undone, 001 is not: the table that was there before the run is known."""
    (shop.folder / "001_create_customers.down.sql").write_text(f"drop table customers; {SLOW}")
    succeeded(shop.up())
    shop.execute("create table own ()")
    killed(begin, "down", "--all", "--yes")

    code, named, problem = found(shop)
    assert (code, named) == (1, ["left over table public.own"])
    assert problem == "not all changes by hand are known: the snapshot of the schema of 002 is older than the history"


def test_a_failed_run_and_a_baseline_know(changed: Project) -> None:
    """A run that fails takes its snapshot; what is declared to be there is expected to stay."""
    changed.add("003_fails", "select nothing;")
    assert changed.call("up").code == 1
    assert found(changed) == (1, KNOWN, None)
    changed.add("003_fails", "select 1;")
    repair.baseline(changed.url, load(changed.folder), "3")
    assert found(changed) == (0, [], None)


def test_the_server_is_killed(tmp_path: Path, servers: Path) -> None:
    """The run cannot take its snapshot; what it has found before is known when the server is back."""
    with postgres_servers.durable_server(servers / "killed_in_drift") as cluster:
        project = Project(tmp_path / "sql", cluster.url("postgres"))
        project.add("001_a", "create table a ();").add("002_b", "create table b ();").add("003_slow", SLOW)
        succeeded(project.up(steps=1))
        project.execute("create table own ()")
        with beginning(tmp_path, project.url) as begin:
            running = begin("up")
            running.when("pg_sleep")
            cluster.run("pg_ctl", "stop", "--mode=immediate", "--pgdata", str(cluster.data))
            assert running.ended().code != 0
        cluster.start({})

        code, named, problem = found(project.at(cluster.url("postgres")))

    assert (code, named) == (1, ["left over table public.own"])
    assert problem == f"not all changes by hand are known: {OLDER}"


def test_a_run_that_does_not_look(changed: Project) -> None:
    """What was known before it is named as not known until the next run, and then only that something is."""
    changed.add("002_create_orders", "create table orders ();")
    assert changed.call("up", "--drift", "off").code == 0

    ended = changed.call("drift")
    assert ended.code == 3
    for name in (*KNOWN, "left over table public.orders"):
        assert name in ended.stdout
    changed.add("003_more", "create table more ();")
    assert "not known what was changed by hand: a run took no snapshot" in changed.call("up").stderr
    code, named, problem = found(changed)
    assert (code, named) == (3, [])
    assert problem
    assert "not all changes by hand" in problem

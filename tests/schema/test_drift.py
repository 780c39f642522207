"""`sqlmigrate drift`: what was changed by hand, and what is said when that cannot be known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import children
import generated_history
import psycopg
import pytest
from pgbouncer import bouncer
from postgres_servers import Server, Standby
from project import Project, failure, succeeded

from sqlmigrate.database.session import connect
from sqlmigrate.executor.events import Noted
from sqlmigrate.files.folder import load
from sqlmigrate.history import read, snapshots
from sqlmigrate.operations import drift as operations, repair
from sqlmigrate.plan.plan import DEFAULT_DRIFT, NO_DRIFT, DriftPolicy
from sqlmigrate.schema.drift_result import of_snapshot

HERE = Path(__file__).parent
_SNAPSHOTS = "select version, major, objects from migrations_schema order by id"


def said(project: Project, *arguments: str, **environment: str) -> tuple[int, str]:
    """Call `drift`; gives the exit code, and the screen without the name of the database and times."""
    ended = project.call("drift", *arguments, **environment)
    assert ended.stderr == ""
    screen = re.sub(r"^\S+ at [^·]+ ·", "DATABASE ·", ended.stdout, count=1, flags=re.MULTILINE)
    return ended.code, re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", screen)


def differences(project: Project, policy: DriftPolicy = DEFAULT_DRIFT) -> list[str]:
    """Name what differs from the last snapshot."""
    report = operations.drift(project.url, policy)
    assert report.compared.problem is None
    return [f"{each.change} {each.kind} {each.name}" for each in of_snapshot(report).items]


def notes(project: Project, **options: object) -> list[str]:
    """Execute what is pending; gives the notes of the run."""
    events = project.up(**options)
    succeeded(events)
    return [note.message for event in events if isinstance(event, Noted) for note in event.notes]


def without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", text)


# -- the snapshot ------------------------------------------------------------------------------------------------------


def test_each_run_takes_a_snapshot_and_the_last_two_are_kept(shop: Project) -> None:
    succeeded(shop.up(steps=1))
    assert shop.query(_SNAPSHOTS) == [("001", 18, 12)]
    succeeded(shop.up())
    assert shop.query(_SNAPSHOTS) == [("001", 18, 12), ("002", 18, 22)]
    succeeded(shop.down())
    assert shop.query(_SNAPSHOTS) == [("002", 18, 22), ("001", 18, 12)]


def test_if_the_schema_is_the_same_only_the_version_is_written(shop: Project) -> None:
    succeeded(shop.up())
    shop.add("003_rows", "insert into customers (email) values ('a@example.com');", "delete from customers;")

    succeeded(shop.up())

    assert shop.query(_SNAPSHOTS) == [("003", 18, 22)]
    assert said(shop)[0] == 0


def test_if_nothing_is_to_do_nothing_is_written(shop: Project) -> None:
    succeeded(shop.up())
    before = shop.query("select xmin::text, * from migrations_schema")

    succeeded(shop.up())

    assert shop.query("select xmin::text, * from migrations_schema") == before


def test_a_dry_run_takes_none(shop: Project) -> None:
    succeeded(shop.up(steps=1))

    succeeded(shop.up(dry_run=True))

    assert shop.query(_SNAPSHOTS) == [("001", 18, 12)]


def test_a_failed_run_takes_one_of_what_it_has_committed(shop: Project) -> None:
    shop.add("003_fails", "select nothing;")

    failure(shop.up())

    assert shop.query(_SNAPSHOTS) == [("002", 18, 22)]
    assert said(shop)[0] == 0


def test_switched_off_nothing_is_kept(shop: Project) -> None:
    succeeded(shop.up(drift=NO_DRIFT))

    assert shop.value("select to_regclass('migrations_schema')") is None


def test_a_repair_keeps_the_snapshot_and_what_was_changed_by_hand(shop: Project) -> None:
    """The snapshot belongs to the changed history; the table made by hand is drift before and after."""
    succeeded(shop.up())
    shop.execute("create table own ()")
    shop.add("002_create_orders", "create table orders ();", "drop table orders;")

    assert shop.call("repair", "2", "--yes").code == 0

    assert differences(shop) == ["left over table public.own"]


def test_a_baseline_takes_a_snapshot(shop: Project) -> None:
    """What is declared to be there is expected to stay."""
    shop.execute("create table customers (); create table orders ();")

    repair.baseline(shop.url, load(shop.folder), "2")

    assert differences(shop) == []


def test_up_down_up_of_a_history_is_no_drift(every_database: str, shop: Project) -> None:
    """Of a generated history of 100 files, after each run."""
    project = Project(shop.folder.parent / "generated", every_database)
    project.folder.mkdir()
    (version,) = project.query("select current_setting('server_version_num')::int / 10000")[0]
    generated_history.write(project.folder, generated_history.migrations(100, 3, version, ("elsewhere",)))
    found = []
    undo_all = partial(project.down, all=True)  # the roles of the server are dropped as well
    for work in (project.up, partial(project.down, steps=30), project.up, undo_all):
        succeeded(work())
        found += differences(project)

    assert found == []


# -- the screen --------------------------------------------------------------------------------------------------------

CHANGED = """\
create index emergency on orders (total);
alter table orders alter total set default 5;
drop index orders_customer_id_idx;
create function twice(n int) returns int language sql as 'select 2 * n';
"""
SCREEN = """\
DATABASE · compared with the snapshot of 002,
   TIME

public.orders
  ~ different  column public.orders.total
      default: 0 ──▶ 5
  + left over  index public.emergency
      CREATE INDEX emergency ON public.orders USING btree (total);
  - missing    index public.orders_customer_id_idx
      CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id);

other objects
  + left over  function public.twice(integer)
      CREATE FUNCTION public.twice(n integer)
       RETURNS integer
       LANGUAGE sql
      AS $function$select 2 * n$function$;

4 objects differ: 2 left over, 1 missing, 1 different
PostgreSQL does not record who did it. These roles have the right to:
   superusers: postgres
next: sqlmigrate drift --sql
"""


def test_an_object_a_line_grouped_by_table(shop: Project) -> None:
    succeeded(shop.up())
    shop.execute(CHANGED)

    code, screen = said(shop)

    assert (code, re.sub(r",\s+TIME", ", TIME", screen)) == (1, re.sub(r",\s+TIME", ", TIME", SCREEN))


STORED = HERE / "drift.console"
HEAD = "shop at db.internal:5432 · compared with the snapshot of 002, 2026-02-13 12:05:30 UTC"
EVERYTHING = """\
create role shop_owner; create role anna login in role shop_owner;
alter table orders alter total type numeric(14, 2), alter total set default 5;
create index emergency on orders (total);
drop index orders_customer_id_idx;
create view open_orders as select o.id, c.email from orders o join customers c on c.id = o.customer_id;
alter view open_orders owner to shop_owner;
grant select on customers to anna;
"""


def test_the_screen_is_as_designed(shop: Project) -> None:
    """At 80 columns, as docs/drift.md shows it."""
    succeeded(shop.up())
    shop.execute(EVERYTHING)
    try:
        ended = shop.call("drift", COLUMNS="80")
    finally:
        shop.execute("drop owned by shop_owner cascade; drop owned by anna; drop role anna; drop role shop_owner")

    screen = ended.stdout.partition("\n\n")[2]
    assert f"$ sqlmigrate drift\n{HEAD}\n\n{screen}" == STORED.read_text(encoding="utf-8")
    assert max(map(len, screen.splitlines())) <= 80


def test_rights_are_told_by_role(shop: Project) -> None:
    """As GRANT names them; roles whose rights are the same are left out."""
    succeeded(shop.up())
    shop.execute("grant select, insert on customers to pg_monitor with grant option; grant select on orders to public")

    lines = said(shop)[1].splitlines()

    assert [line for line in lines if "rights of" in line] == [
        "      rights of pg_monitor: none ──▶ SELECT, INSERT with grant option",
        "      rights of PUBLIC: none ──▶ SELECT",
    ]


def test_of_a_long_definition_the_first_lines_are_shown(shop: Project) -> None:
    """All of it is in the statements that drop it, so that it can be created again."""
    succeeded(shop.up())
    shop.execute("create table wide (a int, b int, c int, d int, e int)")

    assert said(shop)[1].partition("\n\n")[2].partition("\n\n")[0].splitlines() == [
        "public.wide",
        "  + left over  table public.wide",
        "      CREATE TABLE public.wide (",
        "          a integer,",
        "          b integer,",
        "          c integer,",
        "      … 3 more lines: --sql",
    ]
    written = "".join(f"--       {each} integer{',' * (each != 'e')}\n" for each in "abcde")
    assert f"-- this drops:\n--   CREATE TABLE public.wide (\n{written}--   );\n-- DROP TABLE public.wide;\n" in (
        shop.call("drift", "--sql").stdout
    )


def test_without_a_history_it_says_so_once(project: Project) -> None:
    """Also with --accept: without a history no snapshot can be kept."""
    screen = (
        "DATABASE\n\n"
        "⚠️ there is no history in public.migrations, so there is no snapshot to compare with\n"
        "   to compare it with what the files make:\n"
        "next: sqlmigrate drift --against files\n"
    )
    for arguments in ((), ("--accept", "--yes")):
        ended = project.call("drift", *arguments)
        said = re.sub(r"^\S+ at .+\n", "DATABASE\n", ended.stdout, count=1)
        assert (ended.code, said, ended.stderr) == (3, screen, "")


def test_without_changes_it_says_so(shop: Project) -> None:
    succeeded(shop.up())

    code, screen = said(shop)

    assert (code, screen.splitlines()[-1]) == (0, "✅ no drift: 22 objects compared, with columns and constraints")


def test_as_json(shop: Project) -> None:
    succeeded(shop.up())
    shop.execute("alter table orders alter total set default 5")

    ended = shop.call("drift", "--format", "json")

    value = json.loads(ended.stdout)
    assert ended.code == 1
    assert value["drift"] == [
        {
            "change": "different", "kind": "column", "name": "public.orders.total", "table": "public.orders",
            "attributes": [{"name": "default", "expected": "0", "found": "5"}], "definition": [],
            "owner": "postgres", "written_at": None,
        }
    ]  # fmt: skip
    assert (value["version"], value["objects"], value["problem"]) == ("002", 22, None)


MARKDOWN = """\
<!-- sqlmigrate drift -->
### ⚠️ 1 object differs: 1 different

DATABASE, compared with the snapshot of 002, TIME

| | object | expected | found |
|---|---|---|---|
| different | view <code>public.small</code>: view | <code> SELECT id<br>   FROM public.orders<br>  WHERE (total &lt; (10)::numeric);</code> | <code> SELECT id<br>   FROM public.orders<br>  WHERE ((total &lt; (10)::numeric) OR false);</code> |

- PostgreSQL does not record who did it. These roles have the right to: superusers: postgres
"""  # noqa: E501


def test_as_one_comment(shop: Project) -> None:
    shop.add("002_create_orders", "create table orders (id int, total numeric);"
             "create view small as select id from orders where total < 10;", "drop table orders cascade;")  # fmt: skip
    succeeded(shop.up())
    shop.execute("create or replace view small as select id from orders where total < 10 or false")

    ended = shop.call("drift", "--format", "markdown")

    screen = re.sub(r"^\S+ at .*?, compared", "DATABASE, compared", without_times(ended.stdout), flags=re.MULTILINE)
    assert (ended.code, screen.replace(" AND true", "")) == (1, MARKDOWN)


def test_who_could_have_done_it(shop: Project) -> None:
    """The owner, and the roles that can log in as members of it; superusers; no other role."""
    owner, member, other = (f"{name}_{shop.value('select current_database()')}" for name in ("own", "anna", "eve"))
    shop.execute(f"create role {owner}; create role {member} login in role {owner}; create role {other} login")
    try:
        succeeded(shop.up())
        shop.execute(f"create table extra (); alter table extra owner to {owner}")

        screen = said(shop)[1]

        assert screen.splitlines()[-3:-1] == [
            f"   {member} (member of {owner}, the owner)",
            "   superusers: postgres",
        ]
    finally:
        shop.execute(f"drop table extra; drop role {member}; drop role {owner}; drop role {other}")


# -- putting it back ---------------------------------------------------------------------------------------------------

BACK = """\
-- These statements make the schema what it was.
-- None was executed: read them before you execute any.
-- Commented out is what may lose rows, or cannot be executed without that: what
-- creates, changes or drops tables, columns, sequences and materialized views,
-- and what drops schemas, types, extensions, publications and user mappings.

BEGIN;
SET LOCAL lock_timeout = '5s';

-- this drops:
--   CREATE INDEX emergency ON public.orders USING btree (total);
-- on a large table, outside of this transaction, so that writes go on:
-- DROP INDEX CONCURRENTLY public.emergency;
DROP INDEX public.emergency;

-- this drops:
--   CREATE FUNCTION public.twice(n integer)
--    RETURNS integer
--    LANGUAGE sql
--   AS $function$select 2 * n$function$;
DROP FUNCTION public.twice(integer);

ALTER TABLE public.orders ALTER COLUMN total SET DEFAULT 0;

-- on a large table, outside of this transaction, so that writes go on:
-- CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders USING btree (customer_id);
CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id);

COMMIT;
"""


def test_the_statements_that_put_it_back(shop: Project) -> None:
    """They are only written; executed, they leave no drift."""
    succeeded(shop.up())
    shop.execute(CHANGED)

    ended = shop.call("drift", "--sql")

    assert (ended.code, ended.stdout, ended.stderr) == (1, BACK, "")
    assert len(differences(shop)) == 4
    shop.execute(ended.stdout)
    assert differences(shop) == []


def test_what_holds_data_is_commented_out(shop: Project) -> None:
    succeeded(shop.up())
    shop.execute("create table own (a int); alter table customers drop created_at")

    ended = shop.call("drift", "--sql")

    assert [line for line in ended.stdout.splitlines() if line and not line.startswith("--")] == [
        "BEGIN;",
        "SET LOCAL lock_timeout = '5s';",
        "COMMIT;",
    ]
    assert "\n-- DROP TABLE public.own;\n" in ended.stdout


def test_a_partitioned_table_has_no_index_without_blocking(shop: Project) -> None:
    """CONCURRENTLY is not known there."""
    shop.add("003_events", "create table events (d date) partition by range (d); create index on events (d);", "")
    succeeded(shop.up())
    shop.execute("drop index events_d_idx; create index by_hand on events (d)")

    assert "CONCURRENTLY" not in shop.call("drift", "--sql").stdout


def test_without_drift_there_is_nothing_to_put_back(shop: Project) -> None:
    succeeded(shop.up())

    ended = shop.call("drift", "--sql")

    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "nothing differs: there is nothing to put back\n")


# -- what cannot be known ----------------------------------------------------------------------------------------------

NO_SNAPSHOT = """\
⚠️ there is no snapshot of the schema yet, so it is not known what was changed by hand
   the next up that executes a migration takes one; to take one now:
next: sqlmigrate drift --accept
"""


def test_no_snapshot_yet(shop: Project) -> None:
    succeeded(shop.up(drift=NO_DRIFT))

    code, screen = said(shop)

    assert (code, screen.partition("\n\n")[2]) == (3, NO_SNAPSHOT)


OLDER = """\
⚠️ the snapshot of the schema of 001 is older than the history: what differs may come from a migration
   the last run took no snapshot: it was interrupted, or the setting drift was off, or sqlmigrate was an older version
   changed since, by a migration or by hand: left over table public.orders
   compare the schema with the files; to expect it as it is from now on: --accept
next: sqlmigrate drift --against files
next: sqlmigrate drift --accept
"""


def test_killed_between_commit_and_snapshot(shop: Project) -> None:
    """The next command knows: it names no drift. The next run takes a new snapshot, and says what is not known."""
    succeeded(shop.up(steps=1))
    succeeded(shop.up(drift=NO_DRIFT))  # as if it was killed after its last commit

    code, screen = said(shop)
    assert (code, screen.partition("\n\n")[2]) == (3, OLDER)

    shop.add("003_more", "create table more ();", "drop table more;")
    assert notes(shop) == ["not known what was changed by hand: a run took no snapshot of the schema"]
    assert said(shop)[0] == 3


UNUSABLE = {
    "of another format": (
        "update migrations_schema set format = 0, tool_version = '0.0'",
        "⚠️ the snapshot of the schema was taken by sqlmigrate 0.0, which describes schemas in another way",
    ),
    "damaged": (
        "update migrations_schema set schema = 'x', checksum = 'x'",
        "⚠️ the last snapshot in public.migrations_schema cannot be read: it was changed, or removed at this moment",
    ),
    "gone": (
        "delete from migrations_schema",
        "⚠️ there is no snapshot of the schema yet, so it is not known what was changed by hand",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_snapshot_that_cannot_be_used(name: str, shop: Project) -> None:
    """It is said, never called drift; the next run takes a new one."""
    sql, message = UNUSABLE[name]
    succeeded(shop.up(steps=1))
    shop.execute(sql)

    code, screen = said(shop)

    assert (code, screen.partition("\n\n")[2].splitlines()[0]) == (3, message)
    assert len(notes(shop)) == 1
    assert said(shop)[0] == 0


def test_after_an_upgrade_of_the_server(shop: Project) -> None:
    """The snapshot of another major version can be compared, and is replaced by the next run."""
    succeeded(shop.up(steps=1))
    shop.execute("update migrations_schema set major = 16; create table own ()")

    assert differences(shop) == ["left over table public.own"]
    succeeded(shop.up())
    assert shop.value("select major from migrations_schema order by id desc limit 1") == 18


def test_a_first_run_that_fails_takes_no_snapshot(shop: Project) -> None:
    """Tables that were made by hand before would be expected, as if the files had made them."""
    shop.execute("create table own (id int, name text)")
    shop.add("001_create_customers", "create table own ();")
    failure(shop.up(into_existing=True))
    shop.execute("alter table own drop column name")

    code, screen = said(shop)

    assert code == 3
    assert "there is no snapshot of the schema yet" in screen
    assert "missing" not in screen
    shop.execute("drop table own")
    assert notes(shop, steps=1) == []
    assert differences(shop) == []


def test_accepting_takes_a_new_snapshot(shop: Project) -> None:
    succeeded(shop.up())
    shop.execute("create table own ()")

    asked = shop.call("drift", "--accept")
    accepted = shop.call("drift", "--accept", "--yes")

    assert (asked.code, accepted.code) == (2, 0)
    assert accepted.stdout.splitlines()[-1] == "✅ the snapshot has the schema as it is now"
    assert "next:" not in accepted.stdout  # it is done already
    assert "next:" not in asked.stdout
    assert differences(shop) == []
    logged = "select concat_ws(', ', action, version, detail) from migrations_log order by id desc limit 1"
    entry = "repair, 002, accepted changes by hand: left over table public.own"
    assert shop.value(logged) == entry
    assert "   accepted changes by hand: left over table public.own\n" in shop.call("log").stdout
    assert shop.call("drift", "--accept", "--yes").code == 0
    assert shop.value(logged) == entry  # nothing has changed, and nothing more is logged


def test_a_look_that_was_not_possible_is_not_forgotten(shop: Project) -> None:
    """A table is locked while `up` looks, and free again when it takes its snapshot: what was changed is not known."""
    succeeded(shop.up(steps=1))
    shop.add(
        "002_create_orders", "select pg_terminate_backend(pid, 60000) from pg_stat_activity where query ~ '^alter'"
    )
    shop.execute("create table own ()")

    with suppress(psycopg.OperationalError), shop.connection() as locking:  # which 002 ends
        locking.execute("begin")
        locking.execute("alter table customers add phone text")
        (note,) = notes(shop)

    assert note.startswith("not looked for changes by hand: ")
    code, screen = said(shop)
    message = "⚠️ not all changes by hand from before 002 (TIME) are known"
    assert (code, screen.partition("\n\n")[2].splitlines()[0]) == (3, message)


def test_a_database_that_cannot_be_reached(shop: Project) -> None:
    """That has codes of its own."""
    gone = shop.at(psycopg.conninfo.make_conninfo(shop.url, dbname="no_such_database"))

    assert gone.call("drift").code == 5
    assert shop.call("drift", "--database-url", "mysql://shop").code == 2


def test_without_a_history(shop: Project) -> None:
    code, screen = said(shop)

    assert code == 3
    assert screen.splitlines()[-1] == "next: sqlmigrate drift --against files"


# -- up looks before it begins -----------------------------------------------------------------------------------------


def test_up_notes_what_was_changed_by_hand(shop: Project) -> None:
    succeeded(shop.up(steps=1))
    shop.execute("create table own (); alter table customers alter email drop not null")

    ended = shop.call("up")

    assert without_times(ended.stderr) == (
        "⚠️ note: the schema was changed by hand since 001 (TIME): 2 objects\n"
        "   left over table public.own\n"
        "   different column public.customers.email (not null)\n"
        "   to see all values: sqlmigrate drift\n"
        "   to expect this from now on: sqlmigrate drift --accept\n"
    )


def test_a_change_by_hand_stays_visible_until_it_is_taken_back_or_accepted(shop: Project) -> None:
    """What the run itself changes is expected; what it has found stays different, also after down."""
    succeeded(shop.up(steps=1))
    shop.execute("create table own (a int); alter table customers alter email drop not null, drop created_at")
    by_hand = [
        "different column public.customers.email",
        "left over table public.own",
        "missing column public.customers.created_at",
    ]

    succeeded(shop.up())
    assert sorted(differences(shop)) == by_hand
    shop.add("003_phone", "alter table customers add phone text;", "alter table customers drop phone;").up()
    succeeded(shop.down())
    succeeded(shop.up())
    assert sorted(differences(shop)) == by_hand
    shop.execute("alter table customers alter email set not null")
    shop.add("004_own", "alter table own add b int;").up()

    # what a migration has changed is expected as it is then
    assert sorted(differences(shop)) == ["left over table public.own", "missing column public.customers.created_at"]
    assert shop.call("drift", "--accept", "--yes").code == 0
    assert differences(shop) == []


def test_what_stays_visible_is_in_no_other_order(shop: Project) -> None:
    """A column that was dropped by hand is missing; the columns after it, and a new one, are not reordered."""
    succeeded(shop.up(steps=1))
    shop.execute("alter table customers drop email")
    shop.add("003_first", "alter table customers add a_first text;", "select 1;")

    succeeded(shop.up())

    found = differences(shop)
    assert [each for each in found if "email_key" not in each] == ["missing column public.customers.email"]


def test_another_order_of_columns_stays_visible(shop: Project) -> None:
    succeeded(shop.up(steps=1))
    shop.execute("alter table customers drop created_at, add created_at timestamptz not null default now();"
                 "create table two (a int, b int)")  # fmt: skip
    shop.execute("alter table customers rename email to e; alter table customers add email text not null unique;"
                 "alter table customers drop e")  # fmt: skip
    before = differences(shop)

    succeeded(shop.up())

    assert differences(shop) == before


def test_up_refuses_if_it_is_told_so(shop: Project) -> None:
    succeeded(shop.up(steps=1))
    shop.execute("create table own ()")

    ended = shop.call("up", "--drift", "refuse")

    assert ended.code == 1
    assert without_times(ended.stderr) == (
        "error: the schema was changed by hand since 001 (TIME): 1 object\n"
        "   left over table public.own\n"
        "   nothing was executed by this run\n"
        "   hint    to put the schema back, the statements: sqlmigrate drift --sql\n"
        "           to expect this from now on: sqlmigrate drift --accept\n"
        "           to go on this time: sqlmigrate up --drift warn\n"
        "   next    sqlmigrate drift\n\n"
    )
    assert shop.states() == {"001_create_customers": "executed", "002_create_orders": "pending"}
    assert shop.call("up", SQLMIGRATE_DRIFT="warn").code == 0


UNKNOWN = {
    "there is no snapshot": ("truncate migrations_schema", "not looked for changes by hand: there is no snapshot"),
    "there is no table of snapshots": ("drop table migrations_schema", "no snapshot of the schema is kept"),
    "the snapshot is older": (
        "update migrations set executed_at = now()",
        "not known what was changed by hand: a run took no snapshot of the schema",
    ),
    "the table is not ours": (
        "drop table migrations_schema; create table migrations_schema (a int)", "no snapshot of the schema is kept"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_up_refuses_if_it_cannot_know(sql: str, why: str, shop: Project) -> None:
    """With `refuse`, what is not known is the worse case; the first run of all has nothing to compare with."""
    assert shop.call("up", "--drift", "refuse", "--steps", "1").code == 0
    shop.execute(sql)

    ended = shop.call("up", "--drift", "refuse")

    assert (ended.code, shop.states()["002_create_orders"]) == (1, "pending")
    assert ended.stderr.startswith(
        f'error: the setting drift is "refuse", and it is not known whether the schema was changed by hand\n   {why}'
    )
    assert ended.stderr.endswith(
        "   nothing was executed by this run\n"
        "   hint    compare the schema with the files; to expect it as it is from now on: --accept; or go on: "
        "--drift warn\n"
        "   next    sqlmigrate drift --against files\n"
        "           sqlmigrate drift --accept\n\n"
    )
    assert shop.call("up", "--drift", "warn").code == 0


def test_down_notes_it_too(shop: Project) -> None:
    """It goes on also where up would refuse: a way back must not be blocked."""
    succeeded(shop.up())
    shop.execute("create table own ()")

    events = shop.down(drift=DriftPolicy("refuse"))

    assert succeeded(events) == ["002_create_orders"]
    assert [len(each.notes) for each in events if isinstance(each, Noted)] == [1]


# -- what is ignored ---------------------------------------------------------------------------------------------------

IGNORED = {
    "table own": "create table own (a int primary key); create index on own (a)",
    "table public.ow*": "create table own ()",
    "partition events_*": "create table events_2 partition of events for values in (2)",
    "schema partman": "create schema partman; create table partman.t ()",
    "acl pg_monitor": "grant select on customers to pg_monitor",
    "index *": "create index on customers (email)",
    "* own": "create view own as select 1",
    "column public.customers.*": "alter table customers add note text",
    "function twice(*": "create function twice(n int) returns int language sql as 'select 2 * n'",
}


@pytest.mark.parametrize("entry", IGNORED)
def test_an_entry_ignores_changes(entry: str, shop: Project) -> None:
    shop.add("003_events", "create table events (n int) partition by list (n);"
             "create table events_1 partition of events for values in (1);", "drop table events;")  # fmt: skip
    succeeded(shop.up())
    shop.execute(IGNORED[entry])

    assert differences(shop) != []
    assert differences(shop, DriftPolicy(ignored=(entry,))) == []


def test_ignored_rights_are_those_of_one_role(shop: Project) -> None:
    succeeded(shop.up())
    shop.execute("grant select on customers to pg_monitor, pg_read_all_stats")

    assert differences(shop, DriftPolicy(ignored=("acl pg_monitor",))) == ["different table public.customers"]


def test_an_entry_that_matches_nothing_is_noted(shop: Project) -> None:
    (shop.folder.parent / "sqlmigrate.toml").write_text('drift_ignore = ["table nothing_*", "table customers"]')
    succeeded(shop.up())
    shop.execute("alter table customers add note text")

    code, screen = said(shop)

    assert code == 0
    assert screen.splitlines()[-2:] == [
        "ignored by drift_ignore: 1 object",
        "⚠️ note: drift_ignore: `table nothing_*` matches no object",
    ]


def test_an_entry_of_an_unknown_kind_is_refused(shop: Project) -> None:
    (shop.folder.parent / "sqlmigrate.toml").write_text('drift_ignore = ["tabel nothing_*"]')

    ended = shop.call("drift")

    assert ended.code == 2
    assert ended.stderr.startswith("error: drift_ignore: `tabel nothing_*` does not begin with a kind of object\n")
    assert "did you mean `table`?" in ended.stderr


# -- rights ------------------------------------------------------------------------------------------------------------


@contextmanager
def role(project: Project, *grants: str) -> Iterator[Project]:
    name = f"looking_{project.value('select current_database()')}"
    project.execute(f"create role {name} login")
    try:
        for grant in grants:
            project.execute(grant.format(role=name))
        yield project.at(psycopg.conninfo.make_conninfo(project.url, user=name))
    finally:
        project.execute(f"drop owned by {name} cascade; drop role {name}")


def test_a_role_that_may_not_read_the_history(shop: Project) -> None:
    """That is not the exit code of drift. All grants that it needs are said at once."""
    succeeded(shop.up())

    with role(shop) as looking:
        ended = looking.call("drift")
        markdown = looking.call("drift", "--format", "markdown")

    assert (ended.code, ended.stdout, markdown.code, markdown.stdout) == (3, "", 3, "")
    assert (
        'psql: grant select on "public"."migrations", "public"."migrations_log", "public"."migrations_schema" to '
        in (ended.stderr)
    )


def test_a_role_that_may_only_read_the_history(shop: Project) -> None:
    succeeded(shop.up())
    shop.execute("create table own ()")

    with role(shop, "grant select on migrations, migrations_log, migrations_schema to {role}") as looking:
        assert differences(looking) == ["left over table public.own"]


def test_a_role_that_may_not_read_the_log(shop: Project) -> None:
    """The rows of the history tell whether the snapshot belongs to them."""
    succeeded(shop.up())
    shop.execute("create table own ()")

    with role(shop, "grant select on migrations, migrations_schema to {role}") as looking:
        assert differences(looking) == ["left over table public.own"]


def test_a_role_that_may_not_read_the_snapshots(shop: Project) -> None:
    succeeded(shop.up())

    with role(shop, "grant select on migrations, migrations_log to {role}") as looking:
        code, screen = said(looking)

    assert code == 3
    assert re.sub(r"looking_\w+", "ROLE", screen).partition("\n\n")[2] == (
        "⚠️ the role ROLE may not read the snapshots of the schema in public.migrations_schema\n"
        "   its owner grants the right with:\n"
        'next: psql: grant usage on schema "public" to "ROLE";\n'
        'next: psql: grant select on "public"."migrations_schema" to "ROLE";\n'
    )


def test_on_a_standby(shop: Project, standby: Standby) -> None:
    """A read-only copy of production is enough."""
    succeeded(shop.up())
    shop.execute("create table own ()")

    there = shop.at(standby.url(str(shop.value("select current_database()"))))
    assert differences(there) == ["left over table public.own"]


def test_through_a_pooler_that_shares_sessions(shop: Project, pgbouncer: str, postgres: Server) -> None:
    """There is no lock; the snapshot is kept because the history is as it was when the schema was read."""
    with bouncer(pgbouncer, postgres, "transaction") as url:
        name = str(shop.value("select current_database()"))
        through = shop.at(psycopg.conninfo.make_conninfo(url, dbname=name))
        succeeded(through.up())
        shop.execute("create table own ()")

        assert differences(through) == ["left over table public.own"]


def test_another_run_has_changed_the_history(shop: Project) -> None:
    """Without a lock, a snapshot is not kept if the history is no longer what it was when the schema was read."""
    succeeded(shop.up(steps=1))
    with connect(shop.url) as session:
        state = read.read(session, "migrations")
        tie = snapshots.found(session.ask(*snapshots.look(state.history))).tie
        succeeded(shop.up(drift=NO_DRIFT))
        session.ask(snapshots.keep(state.history, tie, snapshots.Taken(1, 18, 1, "x", "")))

    assert shop.query(_SNAPSHOTS) == [("001", 18, 12)]


def test_what_a_role_may_not_see_is_said_and_no_drift(shop: Project) -> None:
    """Only the owner of the server sees the options of a user mapping."""
    shop.add("003_far", "create foreign data wrapper nothing; create server far foreign data wrapper nothing;"
             "create user mapping for public server far options (user 'us', password 'Planted-5');")  # fmt: skip
    succeeded(shop.up())

    with role(shop, "grant select on migrations, migrations_log, migrations_schema to {role}") as looking:
        code, screen = said(looking)

    assert code == 0
    lines = "not compared, because the role may not see it: options of user mapping public on far"
    assert lines in screen
    assert "Planted" not in str(shop.query("select schema from migrations_schema"))


def test_a_role_that_may_not_create_the_table_goes_on(shop: Project) -> None:
    """`up` executes, and notes what its DBA has to do."""
    succeeded(shop.up(steps=1, drift=NO_DRIFT))
    rights = (
        "revoke create on schema public from public; grant usage on schema public to {role}",
        "grant select, insert, update, delete on migrations, migrations_log to {role}",
    )
    shop.add("002_create_orders", "select 1;", "select 1;")

    with role(shop, *rights) as limited:
        events = limited.up()

    (noted,) = [each for each in events if isinstance(each, Noted)]
    assert succeeded(events) == ["002_create_orders"]
    assert re.sub(r"looking_\w+", "ROLE", noted.notes[0].message) == (
        "no snapshot of the schema is kept: the role ROLE may not create public.migrations_schema"
    )
    assert noted.notes[0].next_steps[1] == 'create table "public"."migrations_schema" ('


def test_a_table_of_somebody_else_is_left_alone(shop: Project) -> None:
    shop.execute("create table migrations_schema (a int)")

    (note,) = notes(shop)

    assert note == "public.migrations_schema is not a table of sqlmigrate, so no snapshot of the schema is kept"
    assert shop.query("select * from migrations_schema") == []


# -- several histories, and other places -------------------------------------------------------------------------------


def test_a_history_for_each_schema(shop: Project) -> None:
    """What one tenant's migrations make is no drift for the other."""
    shop.execute("create schema one; create schema two")
    urls = (psycopg.conninfo.make_conninfo(shop.url, options=f"-csearch_path={name}") for name in ("one", "two"))
    there = [shop.at(url) for url in urls]
    for each in there:
        succeeded(each.up(steps=1))
    succeeded(there[1].up())
    shop.execute("create table one.own ()")

    assert differences(there[0]) == ["left over table one.own"]
    assert differences(there[1]) == []


def test_two_histories_in_one_schema(shop: Project) -> None:
    """What one has executed is shown to the other, with a note."""
    succeeded(shop.up())
    other = Project(shop.folder.parent / "other", shop.url).add("001_other", "create table other ();")
    succeeded(other.up(table="others", into_existing=True))

    code, screen = said(shop)

    assert code == 1
    assert "  + left over  table public.other\n" in screen
    assert "table public.others" not in screen
    assert "⚠️ note: what the history public.others has executed is shown here, too\n" in screen


def test_a_restored_database_is_no_drift(shop: Project, postgres: Server) -> None:
    """OIDs and numbers of columns differ in a copy by statements; the definitions do not."""
    shop.add("003_drop", "alter table customers add a int, drop email, add b int;", "select 1;")
    succeeded(shop.up())
    dumped = postgres.cluster.program("pg_dump")
    with postgres.database() as copy:
        text = children.run([dumped, shop.url], capture_output=True, check=True).stdout
        children.run([postgres.cluster.program("psql"), "-q", copy], input=text, capture_output=True, check=True)

        assert differences(shop.at(copy)) == []

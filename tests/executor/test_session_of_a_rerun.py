"""A file without a transaction that goes on in another session: what the first one had is there again, or refused."""

from __future__ import annotations

from functools import partial

import pytest
from project import Project, failure, succeeded, told

from sqlmigrate.errors import HistoryError

ALONE = "-- sqlmigrate: no-transaction\n"

AGAIN = {
    "a setting": ("set work_mem = '77MB';", "select current_setting('work_mem')", "77MB"),
    "a quoted setting": ('set "search_path" = app;', "select current_setting('search_path')", "app"),
    "set_config": ("select set_config('my.tenant', '7', false);", "select current_setting('my.tenant')", "7"),
    "a setting and its reset": (
        "set work_mem = '77MB'; reset work_mem;",
        "select current_setting('work_mem')",
        "4MB",
    ),
    "discarded": ("set work_mem = '77MB'; discard all;", "select current_setting('work_mem')", "4MB"),
    "a role": ("set role pg_monitor; reset role; set role none;", "select current_user::text", "postgres"),
    "a channel": ("listen a; unlisten a; listen b;", "select pg_listening_channels()", "b"),
    "a lock": (
        "select pg_advisory_lock(42);",
        "select count(*)::text from pg_locks where locktype = 'advisory' and objid = 42 and pid = pg_backend_pid()",
        "1",
    ),
    "a lock of a name": (
        "select pg_try_advisory_lock_shared(hashtext('x'));",
        "select count(*)::text from pg_locks where locktype = 'advisory' and mode = 'ShareLock'",
        "1",
    ),
    "a lock that was given back": (
        "select pg_advisory_lock(42); select pg_advisory_unlock(42);",
        "select count(*)::text from pg_locks where locktype = 'advisory' and objid = 42",
        "0",
    ),
}


@pytest.mark.parametrize("case", AGAIN.values(), ids=AGAIN)
def test_what_only_changes_the_session_is_sent_again(case: tuple[str, str, str], project: Project) -> None:
    """Settings, channels, plain locks: as they are in the first session when the file goes on."""
    text, look, expected = case
    project.add("000_t", "create schema app; create table public.seen (what text);").up()
    file = f"{ALONE}{text}\nselect {{}};\ninsert into public.seen {look};"
    failure(project.add("001_a", file.format("nothing")).up(into_existing=True))
    assert succeeded(project.add("001_a", file.format("1")).up(into_existing=True)) == ["001_a"]
    assert project.query("select what from public.seen") == [(expected,)]


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("prepare p (int) as insert into t values ($1);", "execute p(1)"),
        ("load 'plpgsql';", "set plpgsql.extra_warnings = 'all'; insert into t values (1)"),
    ],
)
def test_prepared_statements_and_libraries_are_there_again(text: str, use: str, project: Project) -> None:
    """The next statements can use them."""
    project.add("000_t", "create table t (n int);").up()
    file = f"{ALONE}{text}\nselect {{}};\n{use};"
    failure(project.add("001_a", file.format("nothing")).up(into_existing=True))
    assert succeeded(project.add("001_a", file.format("1")).up(into_existing=True)) == ["001_a"]
    assert project.query("select n from t") == [(1,)]


LOST = {
    "a temporary table": ("create temp table work as select 1 as n;", "insert into t select n from work;"),
    "in quotes": ('create temporary table if not exists "Work" (n int);', 'insert into t select n from "Work";'),
    "a local one": ("create local temp table work (n int);", "do $$ begin insert into t select n from work; end $$;"),
    "select into": ("select 1 as n into temp table work;", "insert into t select n from work;"),
    "in pg_temp": ("create table pg_temp.work (n int);", "insert into t select n from work;"),
    "a temporary view": ("create temp view work as select 1 as n;", "insert into t select n from work;"),
    "a temporary function": (
        "create function pg_temp.work() returns int language sql as 'select 1';",
        "insert into t values (pg_temp.work());",
    ),
    "in a block": ("do $$ begin create temp table work (n int); end $$;", "insert into t select n from work;"),
    "a cursor": ("declare work cursor with hold for select 1 as n;", "fetch all in work;"),
    "a scrolling cursor": ("declare work scroll cursor with hold for select 1 as n;", "move forward 1 in work;"),
    "a setting of a block": ("do $$ begin set work_mem = '77MB'; end $$;", "insert into t values (1);"),
    "a setting of a function": (
        "do $$ begin perform set_config('my.tenant', '7', false); end $$;",
        "insert into t values (1);",
    ),
    "a setting of a query": ("insert into t select length(set_config('my.tenant', '7', false));", "select 1;"),
    "a lock of a block": ("do $$ begin perform pg_advisory_lock(42); end $$;", "insert into t values (1);"),
}


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("case", LOST.values(), ids=LOST)
def test_what_is_lost_is_refused_before_anything_runs(case: tuple[str, str], direction: str, project: Project) -> None:
    """The run begins nothing; with the statement written again below those that are done, the file goes on."""
    text, use = case
    project.add("000_t", "create table t (n int);").up()
    file = f"{ALONE}insert into t values (0);\n{text}\n{{}}select {{}};\n{use}\n"

    def write(again: str, column: str) -> Project:
        wrong = file.format(again, column)
        return project.add("001_a", wrong if direction == "up" else "select 1;", wrong)

    write("", "nothing")
    if direction == "down":
        project.up(into_existing=True)
    run = partial(project.up, into_existing=True) if direction == "up" else project.down
    failure(run())
    write("", "1")
    project.add("002_b", "create table never ();") if direction == "up" else None
    with pytest.raises(HistoryError, match=r"statement 2 made .* ended with the session of that run") as caught:
        run()
    assert caught.value.span is not None
    assert caught.value.hint is not None
    assert "write what makes it again directly below statement 2 (line 3), and it goes on there" in caught.value.hint
    assert caught.value.next_steps == ("sqlmigrate repair 001",)
    assert project.relations() == {"t"}

    assert "001_a" in succeeded(write(f"{text}\n", "1") and run())
    assert project.query("select count(*) from t where n = 0") == [(1,)]


NOT_NEEDED = {
    "dropped": "create temp table work (n int);\ndrop table work;",
    "not named": "create temp table work (n int);",
    "made again": "create temp table other (n int);",
    "dropped on commit": "create temp table work (n int) on commit drop;",
    "closed": "declare work cursor with hold for select 1;\nclose work;",
    "discarded": "create temp table work (n int);\ndiscard temp;",
    "all discarded": "do $$ begin set work_mem = '77MB'; end $$;\ndiscard all;",
    "local": "do $$ begin perform set_config('my.tenant', '7', true); set local work_mem = '77MB'; end $$;",
    "only defined": "create function f() returns void language plpgsql as $$ begin create temp table rest (); end $$;",
    "in a comment": "select 1; -- create temp table rest ()",
    "an update": "do $$ begin update t set n = 1; end $$;",
}


@pytest.mark.parametrize("text", NOT_NEEDED.values(), ids=NOT_NEEDED)
def test_what_is_not_needed_does_not_stop_it(text: str, project: Project) -> None:
    """What is gone in the first session too, or not named by the rest, or made by it."""
    project.add("000_t", "create table t (n int);").up()
    file = f"{ALONE}{text}\nselect {{}};\ncreate temp table rest (n int);\ninsert into rest values (1);\n"
    failure(project.add("001_a", file.format("nothing")).up(into_existing=True))
    assert succeeded(project.add("001_a", file.format("1")).up(into_existing=True)) == ["001_a"]


def test_the_words(project: Project) -> None:
    """The message names the object, the statement that needs it, and the ways out."""
    project.add("000_t", "create table t (n int);").up()
    file = f"{ALONE}create temp table work as select 1 as n;\nselect {{}};\ninsert into t select n from work;\n"
    failure(project.add("001_a", file.format("nothing")).up(into_existing=True))
    with pytest.raises(HistoryError) as caught:
        project.add("001_a", file.format("1")).up(into_existing=True)
    assert told(caught.value) == (
        "001_a: statement 1 made the temporary object work, which ended with the session of that run\n"
        "  statement 1 is executed and not sent again; statement 3 needs it\n"
        "  nothing was executed by this run\n"
        "  hint: write what makes it again directly below statement 1 (line 2), and it goes on there; "
        "or undo by hand what is executed, and let the history forget it\n"
        "  next: sqlmigrate repair 001"
    )

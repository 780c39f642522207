"""What a file leaves in the session: nothing of it reaches the next file, or what we write to the history."""

from __future__ import annotations

import pytest
from project import Project, failure, succeeded

ALONE = "-- sqlmigrate: no-transaction\n"
SETTINGS = """\
    select string_agg(name || '=' || setting, ' ' order by name) from pg_settings
     where source = 'session' and name not in ('lock_timeout', 'idle_session_timeout', 'client_encoding')
       and name !~ '^transaction_'"""
# What a statement sets, and what shows whether it is still there.
LEFT = {
    "search_path": ("set search_path = pg_catalog, elsewhere;", SETTINGS),
    "an empty search_path": ("select pg_catalog.set_config('search_path', '', false);", SETTINGS),
    "role": ("set role other;", "select current_user where current_user <> 'postgres'"),
    "session authorization": (
        "set session authorization other;",
        "select session_user where session_user <> 'postgres'",
    ),
    "strings": ("set standard_conforming_strings = off;", SETTINGS),
    "read only": ("set default_transaction_read_only = on;", SETTINGS),
    "read only characteristics": ("set session characteristics as transaction read only;", SETTINGS),
    "isolation": ("set default_transaction_isolation = 'serializable';", SETTINGS),
    "datestyle": ("set datestyle = 'German'; set intervalstyle = 'sql_standard';", SETTINGS),
    "timezone": ("set timezone = 'Asia/Tokyo';", SETTINGS),
    "bytea_output": ("set bytea_output = 'escape'; set extra_float_digits = -10;", SETTINGS),
    "timeouts": ("set statement_timeout = '1h'; set idle_in_transaction_session_timeout = '1h';", SETTINGS),
    "row_security": ("set row_security = off; set check_function_bodies = false;", SETTINGS),
    # Our own `set local` of synchronous_commit leaves the server's value as one of the session, if the file had set it.
    "commits": (
        "set synchronous_commit = off; set session_replication_role = replica;",
        f"{SETTINGS} and setting <> reset_val",
    ),
    "messages": ("set client_min_messages = error; set lc_messages = 'C';", SETTINGS),
    "in a block": ("do $$ begin set work_mem = '1MB'; end $$;", SETTINGS),
    "in a block by a function": ("do $$ begin perform set_config('datestyle', 'German', false); end $$;", SETTINGS),
    "a temporary table": (
        "create temporary table seen (what text);",
        "select relname from pg_class where relpersistence = 't'",
    ),
    "a temporary function": (
        "create function pg_temp.f() returns int language sql as 'select 1';",
        "select proname from pg_proc where pronamespace = pg_my_temp_schema()",
    ),
    "a prepared statement": ("prepare p as select 1;", "select name from pg_prepared_statements where name = 'p'"),
    "an open cursor on a temporary table": (
        "create temporary table seen (what text); declare c cursor with hold for select * from seen;",
        "select relname from pg_class where relpersistence = 't'",
    ),
    "a cursor": ("declare c cursor with hold for select 1;", "select name from pg_cursors where name = 'c'"),
    "a channel": ("listen odd;", "select pg_listening_channels()"),
    "a sequence": (
        "select setval('numbers', 7);",
        "select lastval() from pg_class where relname = 'numbers' and has_lastval()",
    ),
}  # fmt: skip
SETUP = """\
create role other;
create schema elsewhere;
create sequence numbers;
create function has_lastval() returns bool language plpgsql as $$
begin perform lastval(); return true;
exception when object_not_in_prerequisite_state then return false;
end $$;
create table public.seen (what text);
"""


@pytest.fixture
def roles(project: Project) -> Project:
    project.execute("drop role if exists other")
    return project


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "none"])
@pytest.mark.parametrize("case", LEFT.values(), ids=LEFT)
def test_nothing_reaches_the_next_file(case: tuple[str, str], head: str, roles: Project) -> None:
    """Up and down, whatever runs without a transaction: the next file finds a session as a new one."""
    text, look = case
    project = roles.add("001_setup", SETUP).add("002_sets", f"{head}{text}", f"{head}{text}")
    looking = f"insert into public.seen select ({look})::text;"
    project.add("003_looks", looking, "select 1;").add("004_looks", f"{ALONE}{looking}", f"{head}{text}")
    try:
        assert succeeded(project.up()) == ["001_setup", "002_sets", "003_looks", "004_looks"]
        assert succeeded(project.down(to="1")) == ["004_looks", "003_looks", "002_sets"]
        assert project.query("select what from seen") == [(None,), (None,)]
        assert project.recorded() == [("001", "executed")]
    finally:
        project.execute("drop role other")


@pytest.mark.parametrize(
    "text",
    [
        "set default_transaction_read_only = on;\nselect 1;\ninsert into t values (1);",
        "set search_path = '';\nset role pg_monitor;\nselect 1;\nreset role;\ninsert into public.t values (1);",
        "set datestyle = 'German';\nset intervalstyle = 'sql_standard';\nvacuum t;\ninsert into t values (1);",
        "set timezone = 'Asia/Tokyo';\ncreate index concurrently i on t (n);\ninsert into t values (1);",
        "set standard_conforming_strings = off;\nset bytea_output = 'escape';\nvacuum t;\ninsert into t values (1);",
        "set session_replication_role = replica;\nset row_security = off;\nselect 1;\ninsert into t values (1);",
        "set client_min_messages = error;\nvacuum t;\ninsert into t values (1);",
        "set default_transaction_isolation = 'serializable';\nvacuum t;\ninsert into t values (1);",
    ],
)  # fmt: skip
def test_the_history_of_a_file_without_a_transaction_is_written(text: str, project: Project) -> None:
    """What holds until the end of such a file does not keep its statements from being recorded."""
    project.add("001_t", "create table t (n int);").add("002_sets", f"{ALONE}{text}")
    assert succeeded(project.up()) == ["001_t", "002_sets"]
    assert project.query("select n from t") == [(1,)]
    assert project.query("select statements = statements_done from migrations") == [(True,), (True,)]


def test_a_role_that_is_set_for_the_login_stays(project: Project) -> None:
    """`alter role app set role = owner` holds in all files and for the history, also after a file with another role."""
    name = project.value("select current_database()")
    project.execute("drop role if exists app_login, app_owner, app_other")
    project.execute(
        "create role app_owner; create role app_other; create role app_login login in role app_owner, app_other"
    )
    try:
        project.execute(
            "grant create on schema public to app_owner, app_other;"
            f'alter role app_login in database "{name}" set role = app_owner'
        )
        there = project.at(project.url.replace("postgres@", "app_login@"))
        there.add("001_a", "create table a ();").add(
            "002_b", f"{ALONE}set role app_other;\ncreate table b ();\nvacuum a;"
        )
        there.add("003_c", "set role app_other;").add("004_d", "create table d ();")
        assert len(succeeded(there.up())) == 4
        owners = "select string_agg(relname || ' ' || pg_get_userbyid(relowner), ', ' order by relname) from pg_class"
        assert project.value(f"{owners} where relname in ('a', 'b', 'd', 'migrations')") == (
            "a app_owner, b app_other, d app_owner, migrations app_owner"
        )
    finally:
        project.execute(
            "drop owned by app_owner, app_other, app_login; drop role app_login; drop role app_owner, app_other"
        )


def test_a_transaction_that_is_made_read_only(project: Project) -> None:
    """Nothing can make it writable again: the file fails, and says so."""
    project.add("001_t", "create table t (n int);\nset transaction_read_only = on;")
    failed = failure(project.up())
    assert failed.error.message == (
        "001_t: something in the file makes its transaction read-only, and the history row cannot be written"
    )
    assert str(failed.error.span).endswith(":2:5")

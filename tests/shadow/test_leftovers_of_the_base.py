"""What merged migrations left in the base: they were executed by a superuser, and a new file gains nothing by it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from postgres_servers import Server
from throwaway_servers import VERSIONS, refusal

from sqlmigrate.shadow.databases import Databases, Shadow, Template, server

DENIED = "42501"

# What the base makes; each needs a superuser, or gives away what only a superuser has.
LEFT = """\
create table orders (id int primary key, note text);
create role boss superuser createdb replication bypassrls login password 'x';
create role strong createrole in role pg_read_server_files, pg_write_server_files, pg_execute_server_program;
create role app_reader;
grant pg_execute_server_program, pg_signal_backend, boss to sqlmigrate_review;
create role cousin in role postgres;
create function runs(command text) returns void language plpgsql security definer as
  'begin execute format(''copy (select 1) to program %L'', command); end';
create function reads() returns text language sql security definer as 'select pg_read_file(''/etc/passwd'')';
create function reads_as_boss() returns text language sql security definer as 'select pg_read_file(''/etc/passwd'')';
alter function reads_as_boss() owner to boss;
create function reads_as_postgres() returns text language sql security definer
  as 'select pg_read_file(''/etc/passwd'')';
alter function reads_as_postgres() owner to postgres;
create function reads_as_program() returns text language sql security definer
  as 'select pg_read_file(''/etc/passwd'')';
alter function reads_as_program() owner to pg_read_server_files;
create function alias(text) returns text language internal strict as 'pg_read_file_all';
create function twice(int, int) returns int language internal strict immutable as 'int4pl';
grant execute on function pg_read_file(text), pg_ls_dir(text), lo_import(text), pg_reload_conf() to public;
grant select on pg_authid to public;
grant select (rolpassword) on pg_authid to app_reader;
grant create on schema pg_catalog to public;
grant update on information_schema.sql_features to public;
grant create on schema information_schema to public;
alter function pg_stat_file(text) owner to sqlmigrate_review;
create table parents (id int primary key);
create table children (parent int references parents on delete cascade);
alter table children owner to postgres;
create function on_child() returns trigger language plpgsql as 'begin return old; end';
create trigger on_child before delete on children for each row execute function on_child();
create view shadows as select rolpassword from pg_authid;
alter view shadows owner to postgres;
create schema of_postgres authorization postgres;
create type colour as enum ('red');
alter type colour owner to postgres;
create domain positive as int check (value > 0);
alter domain positive owner to postgres;
create sequence numbers owned by orders.id;
create materialized view all_orders as select * from orders;
alter materialized view all_orders owner to postgres;
create statistics together on id, note from orders;
alter statistics together owner to postgres;
create publication everything for all tables;
select lo_create(4242);
alter large object 4242 owner to postgres;
create table events (tag text);
create function on_ddl() returns event_trigger language plpgsql as
  'begin insert into public.events values (tg_tag); end';
create event trigger on_ddl on ddl_command_end execute function on_ddl();
alter event trigger on_ddl owner to postgres;
create foreign data wrapper way_out;
create server far_away foreign data wrapper way_out;
create user mapping for public server far_away;
create foreign table far (id int) server far_away;
alter role sqlmigrate_review set work_mem = '5MB';
alter role app_reader set search_path = app;
select pg_create_logical_replication_slot('slot', 'pgoutput')
"""
SINCE_15 = """\
grant set on parameter log_min_messages to public, sqlmigrate_review;
grant alter system on parameter shared_preload_libraries to public, sqlmigrate_review
"""
ALONE = "alter system set shared_preload_libraries = 'evil'"
EXTENSIONS = ("dblink", "file_fdw", "postgres_fdw", "adminpack", "pageinspect", "hstore")
LINKED = """\
create extension dblink;
create extension file_fdw;
create server files foreign data wrapper file_fdw;
create foreign table passwords (line text) server files options (filename '/etc/passwd');
create extension postgres_fdw;
create server here foreign data wrapper postgres_fdw options (host '/tmp');
create user mapping for public server here options (user 'sqlmigrate_watch', password_required 'false');
create foreign table here_too (id int) server here;
create extension adminpack;
grant execute on function dblink_connect_u(text) to public;
create extension hstore
"""

# The same as in production: a new file may do all of it.
ALLOWED = {
    "a table is altered": "alter table orders add column more text",
    "a table that was postgres's is altered": "alter table children add column more text",
    "a view that was postgres's is replaced": (
        'create or replace view shadows as select null::text collate "C" as rolpassword'
    ),
    "a type is altered": "alter type colour add value 'blue'",
    "a domain is altered": "alter domain positive drop constraint positive_check",
    "a statistics object is dropped": "drop statistics together",
    "a large object is dropped": "select lo_unlink(4242)",
    "a materialized view is refreshed": "refresh materialized view all_orders",
    "a role of the base is used": "grant select on orders to app_reader; set role app_reader; select * from orders",
    "a role of the base is altered": "alter role app_reader nologin; alter role strong rename to weak",
    "a role of the base becomes an owner": "grant create on schema public to boss; alter table orders owner to boss",
    "a role of the base is dropped": "drop role cousin",
    "an event trigger is seen": "create table t (); do $$ begin assert (select count(*) from events) > 0; end $$",
    "an event trigger is disabled": "alter event trigger on_ddl disable",
    "a harmless function of another name": "do $$ begin assert twice(1, 2) = 3; end $$",
    "a foreign table is altered": "alter foreign table far add column more text",
    "a schema that was postgres's is used": "create table of_postgres.t ()",
    "the information schema is read": (
        "do $$ begin assert exists (select from information_schema.columns where table_name = 'orders'); end $$"
    ),
}  # fmt: skip
REFUSED = {
    "a program, by SECURITY DEFINER": "select runs('touch {mark}')",
    "a file, by SECURITY DEFINER": "select reads()",
    "a file, by a function of a superuser of the base": "select reads_as_boss()",
    "a file, by a function of postgres": "select reads_as_postgres()",
    "a file, by a function of a predefined role": "select reads_as_program()",
    "a file, by another name of a function": "select alias('/etc/passwd')",
    "a file, by a function that everyone might call": "select pg_read_file('/etc/passwd')",
    "a folder, by a function that everyone might call": "select pg_ls_dir('/')",
    "a file as large object": "select lo_import('/etc/passwd')",
    "a file's facts, by a function given to the owner": "select pg_stat_file('/etc/passwd')",
    "the configuration": "select pg_reload_conf()",
    "a table of the information schema": "update information_schema.sql_features set comments = ''",
    "a new table in the information schema": "create table information_schema.t ()",
    "passwords": "select rolpassword from pg_authid",
    "passwords, by a role": "set role app_reader; select rolpassword from pg_authid",
    "passwords, by a view of postgres": "select * from shadows",
    "a function in pg_catalog": "create function pg_catalog.format(text, text) returns text language sql as 'select 1'",
    "a program, by the superuser of the base": "set role boss; copy orders to program 'touch {mark}'",
    "a superuser, by the superuser of the base": "set role boss; create role evil superuser",
    "a superuser again": "alter role boss superuser",
    "a program, by a role that might run one": "set role strong; copy orders to program 'touch {mark}'",
    "a program, by what the owner was granted": "copy orders to program 'touch {mark}'",
    "a file, by a role that might read one": "set role strong; copy orders from '/etc/passwd'",
    "the superuser, by a role that is a member": "set role cousin; set role postgres",
    "a database": "set role boss;; create database evil",
    "a slot": "set role boss; select pg_create_physical_replication_slot('evil')",
    "a program, by a trigger that a foreign key fires": (
        "create or replace function on_child() returns trigger language plpgsql as $$ begin"
        " execute 'copy (select 1) to program ''touch {mark}'''; return old; end $$;"
        " alter table children replica identity full;"
        " insert into parents values (1); insert into children values (1); delete from parents"
    ),
    "a program, by an event trigger": (
        "create or replace function on_ddl() returns event_trigger language plpgsql as $$ begin"
        " execute 'copy (select 1) to program ''touch {mark}'''; end $$; create table t ()"
    ),
    "a program, by a function of the base that is replaced": (
        "create or replace function reads_as_postgres() returns text language plpgsql security definer as $$ begin"
        " execute 'copy (select 1) to program ''touch {mark}'''; end $$; select reads_as_postgres()"
    ),
    "a foreign table": "select * from far",
    "a handler": "alter foreign data wrapper way_out handler postgres_fdw_handler",
    "a setting of the server": "set log_min_messages = 'debug5'",
    "a setting of the server, for good": "alter system set shared_preload_libraries = 'evil'",
    "a setting for oneself": "alter role sqlmigrate_review set session_preload_libraries = 'evil'",
}  # fmt: skip
OF_EXTENSIONS = {
    "another database": "select * from dblink('dbname=postgres', 'select 1') t (a int)",
    "another database, as somebody else": "select dblink_connect_u('dbname=postgres user=sqlmigrate_watch')",
    "another database, with a password": "select dblink_connect('host=127.0.0.1 password=x')",
    "a file, by a foreign table": "select * from passwords",
    "another file, by a foreign table": "alter foreign table passwords options (set filename '/etc/shadow')",
    "a program, by a foreign table": (
        "alter foreign table passwords options (drop filename, add program 'touch {mark}')"
    ),
    "another server": "select * from here_too",
    "another server, with a password": (
        "create user mapping for current_user server here options (user 'x', password 'x'); select * from here_too"
    ),
    "a file is written": "select pg_file_write('sqlmigrate_mark', 'x', false)",
    "a file is written after all is given away": (
        "reassign owned by current_user to app_reader; set role app_reader;"
        " select pg_file_write('sqlmigrate_mark', 'x', false)"
    ),
    "a file, by a function that is granted": (
        "grant execute on function pg_file_write(text, text, boolean) to current_user;"
        " select pg_file_write('sqlmigrate_mark', 'x', false)"
    ),
}  # fmt: skip
CLOSED = (DENIED, "42704", "55000")  # 55000: a foreign-data wrapper has no handler


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda version: f"PostgreSQL {version}")
def running(servers: Path, request: pytest.FixtureRequest) -> Iterator[Shadow]:
    """A shadow of the oldest and of the newest version at hand."""
    folder = servers / f"leftovers-{request.param}"
    folder.mkdir()
    with server(folder, postgres=request.param) as found:
        yield found
    shutil.rmtree(folder)


def build(databases: Databases) -> int:
    """Execute all of it as merged migrations are executed; return how many extensions there are."""
    with psycopg.connect(databases.owner_url, autocommit=True) as conn:
        version = conn.info.server_version
        parts = [LEFT, ALONE, SINCE_15 if version >= 150000 else ""]
        at_hand = {name for (name,) in conn.execute("select name::text from pg_available_extensions").fetchall()}
        if at_hand.issuperset({"dblink", "file_fdw", "postgres_fdw", "adminpack", "hstore"}):
            parts.append(LINKED)
        for statement in filter(None, (text.strip() for part in parts for text in part.split(";\n"))):
            conn.execute(statement.encode())
    return len(parts)


@pytest.fixture(scope="module")
def base(running: Shadow) -> Template:
    return running.template("leftovers", build, "merged")


OUTSIDE = (
    "select * from pg_authid order by oid",
    "select * from pg_auth_members m order by m::text",
    "select * from pg_db_role_setting s where setdatabase = 0 order by s::text",
    "select datname, datdba, datacl::text from pg_database where datname not like 'sqlmigrate_run_%' order by 1",
    "select name, setting from pg_settings where name not like '%compute_query_id%' order by 1",
    "select name, setting from pg_file_settings order by 1, 2",
    "select slot_name from pg_replication_slots union all select subname from pg_subscription",
)


def outside(running: Shadow) -> list[list[list[str | None]]]:
    """All that is outside the clone, as the superuser sees it."""
    found = [running._ask(question) for question in OUTSIDE]
    return [*found, running._ask("select * from pg_parameter_acl")] if running.version >= 150000 else found


@pytest.mark.parametrize("script", ALLOWED.values(), ids=ALLOWED)
def test_a_new_file_may_alter_what_the_base_made(running: Shadow, base: Template, script: str) -> None:
    """It owns all of it, as the role that deployed it in production does."""
    with running.clone(base) as databases:
        assert refusal(databases.owner_url, script) is None


@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_what_the_base_left_gives_no_rights(running: Shadow, base: Template, tmp_path: Path, script: str) -> None:
    """No program is run, no file is read, and nothing outside the clone is another afterwards."""
    before, mark = outside(running), tmp_path.parent / "leftover"
    with running.clone(base) as databases:
        code = refusal(databases.owner_url, script.replace("{mark}", str(mark)))

    assert code in CLOSED
    assert not mark.exists()
    assert outside(running) == before


@pytest.mark.parametrize("script", OF_EXTENSIONS.values(), ids=OF_EXTENSIONS)
def test_extensions_of_the_base_reach_nothing(running: Shadow, base: Template, tmp_path: Path, script: str) -> None:
    """They connect to nothing, and open no file; on a server without them the names are unknown."""
    has_them, mark = base.value > 3 or (base.value == 3 and running.version < 150000), tmp_path.parent / "extension"
    with running.clone(base) as databases:
        code = refusal(databases.owner_url, script.replace("{mark}", str(mark)))

    assert code in (CLOSED if has_them else ("42P01", "42883", "42704", "0A000", DENIED))
    assert not mark.exists()


def test_nothing_of_a_superuser_is_left(running: Shadow, base: Template) -> None:
    """While a clone is open, no role but the server's own is a superuser, and no setting of the server is left."""
    with running.clone(base):
        supers = running._ask("select rolname::text from pg_roles where rolsuper or rolreplication")
        altered = running._ask("select name from pg_file_settings where sourcefile like '%auto.conf'")
        slots = running._ask("select slot_name::text from pg_replication_slots")

    assert (supers, altered, slots) == ([["postgres"]], [], [])


def test_the_rights_of_initdb_are_there(running: Shadow, base: Template) -> None:
    """On the objects that every database has, a clone gives everyone the rights that a fresh database gives."""
    asked = """select oid::text, relacl::text from pg_class where oid < 16384
               union all select oid::text, nspacl::text from pg_namespace where oid < 16384 and nspname <> 'public'
               union all select oid::text, proacl::text from pg_proc where oid < 16384
               order by 1, 2"""
    with running.clone(base) as databases:
        running._ask("create database untouched template template0")  # it is dropped with the clone
        with psycopg.connect(databases.admin_url) as conn:
            found = conn.execute(asked).fetchall()
        with psycopg.connect(databases.admin_url.replace(f"dbname={databases.name}", "dbname=untouched")) as conn:
            expected = conn.execute(asked).fetchall()

    assert found == expected


def test_a_trusted_file_is_executed_by_a_superuser(running: Shadow) -> None:
    """With --trusted a new file may do what the base may; nothing of it is left when the clone is gone."""
    trusted = running.template("trusted", lambda made: refusal(made.owner_url, "create table t (a int)"), "trusted")
    before = outside(running)
    with running.clone(trusted) as databases:
        code = refusal(databases.owner_url, "create role r superuser; update pg_authid set rolname = rolname")
        alone = refusal(databases.owner_url, "alter system set work_mem = '5MB'")

    assert (trusted.value, code, alone) == (None, None, None)
    assert outside(running) == before


def test_a_given_server_keeps_no_superuser(every_postgres: Server) -> None:
    """On a server of --shadow-url the base's roles stay with its template, without rights; the next base drops them."""
    make = "create role from_base superuser login password 'x'; update pg_index set indisready = indisready"
    asked = "select rolname::text, rolsuper::text, rolcanlogin::text from pg_roles where rolname ~ 'from_base|review'"
    with server(Path("/nowhere"), every_postgres.url()) as running:
        first = running.template("first", lambda made: refusal(made.owner_url, make), "merged")
        with running.clone(first) as databases:
            code = refusal(databases.owner_url, "update pg_index set indisready = indisready")
        kept = running._ask(f"{asked} order by 1")
        second = running.template("second", lambda made: refusal(made.owner_url, make), "merged")
        running._drop(second.name)
        templates = running._ask(f"select datname::text from pg_database where datname = '{first.name}'")
        running._ask("drop role from_base")
    with psycopg.connect(every_postgres.url(), autocommit=True) as conn:
        left = conn.execute(asked.encode()).fetchall()
        conn.execute("drop role sqlmigrate_review")

    assert (first.value, second.value, code) == (None, None, DENIED)
    assert kept == [["from_base", "false", "false"], ["sqlmigrate_review", "false", "true"]]
    assert templates == []
    assert left == [("sqlmigrate_review", "false", "false")]

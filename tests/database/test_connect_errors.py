"""A server that cannot be reached, refuses the connection, or cannot be used: why, where, and what to do."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import database_state
import pytest
from in_process import Quick, said
from postgres_servers import PasswordServer, Server, Standby, free_port
from proxies import Connection, Flow, Proxy
from psycopg.conninfo import conninfo_to_dict
from terminal import Terminal

from sqlmigrate.database.connect import open_connection
from sqlmigrate.errors import ConfigError

pytestmark = pytest.mark.sampled(2)

FILES = {
    "001_a.up.sql": "create table a ();",
    "001_a.down.sql": "drop table a;",
    "002_b.up.sql": "create table b ();",
    "002_b.down.sql": "drop table b;",
}
COMMANDS = [["status"], ["up"], ["up", "--dry-run"], ["down"], ["verify"], ["log"], ["baseline", "1"], ["repair", "1"]]
COMMANDS += [["reset", "--yes"]]


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    made = Quick(tmp_path, {})
    made.write(**FILES)
    return made


# -- no way in ---------------------------------------------------------------------------------------------------------

NO_SERVER = """\
error: cannot connect: 127.0.0.1:{port}: Connection refused
   nothing was executed
   hint    no server listens there: check that it runs, and that host and port are right

"""
PASSWORD_CURE = "wrong user or password: check the URL, PGPASSWORD or ~/.pgpass"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_server_on_tcp(command: list[str], quick: Quick) -> None:
    """Every command names host and port: exit 5."""
    port = free_port()

    ended = quick(*command, DATABASE_URL=f"postgresql://app@127.0.0.1:{port}/shop")

    assert said(ended) == NO_SERVER.format(port=port)
    assert (ended.stdout, ended.code) == ("", 5)


def test_no_server_on_any_of_several_hosts(quick: Quick) -> None:
    """Each of several hosts is named, with its reason."""
    one, two = free_port(), free_port()

    ended = quick("up", DATABASE_URL=f"postgresql://app@127.0.0.1:{one},127.0.0.1:{two}/shop")

    assert said(ended) == NO_SERVER.format(port=two).replace(
        "   nothing", f"   127.0.0.1:{one}: Connection refused\n   nothing"
    )
    assert ended.code == 5


def test_no_server_on_a_socket(quick: Quick, tmp_path: Path) -> None:
    """The socket is named by its path, also if it comes from libpq's variables."""
    ended = quick("up", PGHOST=str(tmp_path), PGPORT="5433", PGDATABASE="shop")

    assert said(ended) == (
        f"error: cannot connect: socket {tmp_path}/.s.PGSQL.5433: No such file or directory\n"
        "   nothing was executed\n"
        "   hint    no server listens on that socket: check that it runs, and that the folder is right\n\n"
    )
    assert ended.code == 5


def test_an_unknown_host(quick: Quick) -> None:
    """An unknown host is named; the system's own words differ between systems."""
    ended = quick("up", DATABASE_URL="postgresql://app@nowhere.invalid/shop")

    assert re.fullmatch(
        r"error: cannot connect: failed to resolve host 'nowhere\.invalid': .+\n"
        r"   nothing was executed\n"
        r"   hint    the host name is unknown: check its spelling\n\n",
        said(ended),
    )
    assert ended.code == 5


@contextmanager
def _listener(answer: bytes) -> Iterator[int]:
    """Listen on TCP, and give every client the same answer (none at all, if it is empty)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                held.append(client)
                if answer:
                    client.recv(1024)
                    client.sendall(answer)
                    client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for client in held:
                client.close()


@pytest.mark.slow
def test_a_server_that_does_not_answer(quick: Quick) -> None:
    """The wait ends, and the message names the server."""
    with _listener(b"") as port:
        ended = quick("up", DATABASE_URL=f"postgresql://app@127.0.0.1:{port}/shop?connect_timeout=1")

    assert said(ended) == (
        f"error: cannot connect: 127.0.0.1:{port}: connection timeout expired\n"
        "   nothing was executed\n"
        "   hint    the server did not answer in time: check for a firewall, or wait longer: connect_timeout=30\n\n"
    )
    assert ended.code == 5


def test_a_server_of_something_else(quick: Quick) -> None:
    """If another program answers, the message says that it is not PostgreSQL."""
    with _listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        ended = quick("up", DATABASE_URL=f"postgresql://app@127.0.0.1:{port}/shop")

    assert said(ended) == (
        f"error: cannot connect: 127.0.0.1:{port}: received invalid response to SSL negotiation: H\n"
        "   nothing was executed\n"
        "   hint    the program that answers there is not PostgreSQL: check the port\n\n"
    )
    assert ended.code == 5


def test_a_wrong_password_in_the_url(quick: Quick, password_server: PasswordServer) -> None:
    """The server's own words, the place, and where a password may be set."""
    ended = quick("up", DATABASE_URL=password_server.tcp_url(password="another"))

    assert said(ended) == (
        f'error: cannot connect: 127.0.0.1:{password_server.port}: password authentication failed for user "app"\n'
        "   nothing was executed\n"
        f"   hint    {PASSWORD_CURE}\n\n"
    )
    assert ended.code == 5


def test_a_wrong_password_in_the_environment(quick: Quick, password_server: PasswordServer) -> None:
    """PGPASSWORD is read if the URL has no password, and the message is the same."""
    url = f"postgresql://app@127.0.0.1:{password_server.port}/app"

    ended = quick("up", DATABASE_URL=url, PGPASSWORD="another")

    assert said(ended) == (
        f'error: cannot connect: 127.0.0.1:{password_server.port}: password authentication failed for user "app"\n'
        "   nothing was executed\n"
        f"   hint    {PASSWORD_CURE}\n\n"
    )
    assert ended.code == 5


def test_a_wrong_password_in_pgpass(quick: Quick, password_server: PasswordServer, home: Path) -> None:
    """The message says that the password comes from ~/.pgpass."""
    (home / ".pgpass").write_text("*:*:*:*:another\n")
    (home / ".pgpass").chmod(0o600)

    ended = quick(
        "up", DATABASE_URL=f"postgresql://app@127.0.0.1:{password_server.port}/app", PGPASSFILE=str(home / ".pgpass")
    )

    assert said(ended) == (
        f'error: cannot connect: 127.0.0.1:{password_server.port}: password authentication failed for user "app"\n'
        f'   password retrieved from file "{home}/.pgpass"\n'
        "   nothing was executed\n"
        f"   hint    {PASSWORD_CURE}\n\n"
    )
    assert ended.code == 5


def test_no_password_at_all(quick: Quick, password_server: PasswordServer) -> None:
    """The server asks for a password, and there is none."""
    ended = quick("up", DATABASE_URL=f"postgresql://app@127.0.0.1:{password_server.port}/app")

    assert said(ended) == (
        f"error: cannot connect: 127.0.0.1:{password_server.port}: fe_sendauth: no password supplied\n"
        "   nothing was executed\n"
        "   hint    put the password into the URL, PGPASSWORD or ~/.pgpass\n\n"
    )
    assert ended.code == 5


UNKNOWN = (
    "the server has no database or role of that name: check the spelling, or create it with createdb or createuser"
)
NO_LOGIN = "allow it with `alter role … login`, or connect as another role"
UNWELCOME = {
    "a database that does not exist": (
        "postgres",
        "shop_of_nobody",
        'database "shop_of_nobody" does not exist',
        UNKNOWN,
    ),
    "a role that does not exist": ("nobody_at_all", "postgres", 'role "nobody_at_all" does not exist', UNKNOWN),
    "a role that may not log in": (
        "pg_monitor",
        "postgres",
        'role "pg_monitor" is not permitted to log in',
        NO_LOGIN,
    ),
}


@pytest.mark.parametrize("case", UNWELCOME.values(), ids=UNWELCOME)
def test_an_unknown_name(case: tuple[str, str, str, str], quick: Quick, postgres: Server) -> None:
    """An unknown database or role is told apart from an unreachable server: exit 5 for both."""
    user, name, reason, hint = case
    url = postgres.url(name, user)
    place = f"{conninfo_to_dict(url)['host']}/.s.PGSQL.{conninfo_to_dict(url)['port']}"

    ended = quick("up", DATABASE_URL=url)

    assert said(ended) == (
        f"error: cannot connect: socket {place}: {reason}\n   nothing was executed\n   hint    {hint}\n\n"
    )
    assert (ended.stdout, ended.code) == ("", 5)


def test_for_programs(quick: Quick, postgres: Server) -> None:
    """In JSON, kind and exit code show that the server was not reached."""
    ended = quick("up", "--format", "json", DATABASE_URL=postgres.url("shop_of_nobody"))

    (error,) = json.loads(ended.stderr)["error"]
    assert (error["kind"], error["exit_code"], ended.code, ended.stdout) == ("ConnectError", 5, 5, "")
    assert error["state"] == "nothing was executed"


def test_no_server_in_a_terminal(tmp_path: Path) -> None:
    """A process of its own says and does the same."""
    port = free_port()
    terminal = Terminal(tmp_path, {"DATABASE_URL": f"postgresql://app@127.0.0.1:{port}/shop"})
    terminal.write(**FILES)

    ended = terminal("up")

    assert (ended.stdout, ended.stderr, ended.code) == ("", NO_SERVER.format(port=port), 5)


# -- too old -----------------------------------------------------------------------------------------------------------


class _Aged(Connection):
    def received(self, flow: Flow, data: bytes) -> None:
        """Make the server claim to be PostgreSQL 12: a ParameterStatus is S, its length, name and value."""
        name = b"server_version\0"
        if flow is self.back and name in data:
            start = data.index(name) - 5
            end = data.index(b"\0", start + 5 + len(name)) + 1
            said = name + b"12.22\0"
            arrived, _ = flow.chunks.pop()
            message = b"S" + (len(said) + 4).to_bytes(4) + said
            flow.chunks.append((arrived, data[:start] + message + data[end:]))


class OldServer(Proxy):
    """A real server that claims an old version, as no such server is available."""

    def connection(self, client: socket.socket, server: socket.socket) -> Connection:
        return _Aged(client, server)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_server_that_is_too_old(command: list[str], quick: Quick, database: str) -> None:
    """A server older than 13 is not changed, and named with its version."""
    with OldServer(database) as old:
        ended, port = quick(*command, DATABASE_URL=old.url), old.port

    assert said(ended) == (
        f"error: 127.0.0.1:{port} is PostgreSQL 12.22; sqlmigrate needs 13 or newer\n   nothing was changed\n"
        "   hint    upgrade the server, or connect to another one\n\n"
    )
    assert (ended.stdout, ended.code) == ("", 1)
    assert database_state.is_untouched(database)


# -- read-only ---------------------------------------------------------------------------------------------------------

WRITING = [["up"], ["up", "--dry-run"], ["baseline", "1"]]
STANDBY = """\
error: DATABASE is a standby, and a standby is read-only
   nothing was changed
   hint    connect to the primary; with several hosts in the URL: target_session_attrs=read-write

"""


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_a_standby(command: list[str], quick: Quick, database: str, standby: Standby) -> None:
    """A standby is not written to, and the message says how to connect to the primary."""
    ended = quick(*command, DATABASE_URL=standby.url(str(conninfo_to_dict(database)["dbname"])))

    assert said(ended) == ("DATABASE · 2 pending\n\n" if command[0] == "up" else "") + STANDBY
    assert ended.code == 1
    assert database_state.is_untouched(database)


def test_a_standby_may_be_looked_at(quick: Quick, database: str, standby: Standby) -> None:
    """Commands that only read work, and `down` is refused."""
    assert quick("up", DATABASE_URL=database).code == 0
    url = standby.url(str(conninfo_to_dict(database)["dbname"]))

    for command in (["status", "--check"], ["verify"], ["log"]):
        assert quick(*command, DATABASE_URL=url).code == 0
    ended = quick("down", DATABASE_URL=url)

    assert (said(ended), ended.code) == ("DATABASE · 1 to undo\n\n" + STANDBY, 1)
    assert database_state.relations(database) == ["public.a", "public.b"]


def test_a_standby_with_nothing_pending_is_not_called_up_to_date(quick: Quick, database: str, standby: Standby) -> None:
    """Its history may be behind that of the primary, so `up` ends as it does where something is pending."""
    assert quick("up", DATABASE_URL=database).code == 0
    url = standby.url(str(conninfo_to_dict(database)["dbname"]))
    standby.admin.execute("select pg_wal_replay_pause()")
    try:
        ended = quick("up", DATABASE_URL=url)
    finally:
        standby.admin.execute("select pg_wal_replay_resume()")

    assert re.sub(r"is [\d.]+ \w+ old", "is AGE old", said(ended)) == (
        "error: DATABASE is a standby: nothing is to be done by its history, but it may be behind its primary\n"
        "   its last change is AGE old, its replay is paused\n"
        "   nothing was changed\n"
        "   hint    connect to the primary; with several hosts in the URL: target_session_attrs=read-write\n\n"
    )
    assert ended.code == 1


def test_status_of_a_standby_does_not_say_to_migrate_it(quick: Quick, database: str, standby: Standby) -> None:
    """The next command is one for the primary, without the URL of the standby."""
    quick("up", "--to", "1", DATABASE_URL=database)
    url = standby.url(str(conninfo_to_dict(database)["dbname"]))

    shown = said(quick("--database-url", url, "status"))

    assert "⚠️ this is a standby, so the primary may be further: its last change is " in shown
    assert shown.endswith("next: on the primary: sqlmigrate up\n")
    assert json.loads(quick("--database-url", url, "--format", "json", "status").stdout)["standby"]


def test_a_database_that_is_read_only(quick: Quick, database: str) -> None:
    """default_transaction_read_only is named, with the SQL that resets it."""
    name = conninfo_to_dict(database)["dbname"]
    database_state.ask(database, f"alter database {name} set default_transaction_read_only = on")

    ended = quick("up", DATABASE_URL=database)

    assert said(ended) == (
        "DATABASE · 2 pending\n\n"
        "error: DATABASE is read-only: default_transaction_read_only is on\n   nothing was changed\n"
        f'   hint    it is set for this role, database or server, for example: alter database "{name}" reset'
        " default_transaction_read_only\n\n"
    )
    assert ended.code == 1
    assert database_state.is_untouched(database)


def test_a_session_that_is_read_only(quick: Quick, database: str) -> None:
    """The same is true if the URL itself asks for it."""
    ended = quick("baseline", "1", DATABASE_URL=f"{database}&options=-c%20default_transaction_read_only%3Don")

    assert ended.code == 1
    assert "is read-only: default_transaction_read_only is on\n   nothing was changed\n" in ended.stderr
    assert database_state.is_untouched(database)


# -- rights ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def deploy(postgres: Server, database: str) -> Iterator[str]:
    """The URL of the database for a role `deploy`, which may create objects only in its own schema `shop`."""
    database_state.ask(database, "create role deploy login")
    try:
        database_state.ask(database, "create schema shop authorization deploy")
        yield postgres.url(str(conninfo_to_dict(database)["dbname"]), "deploy")
    finally:
        database_state.ask(database, "drop owned by deploy cascade")
        database_state.ask(database, "drop role deploy")


@pytest.fixture
def shop(quick: Quick) -> Quick:
    """A folder of migrations that the role `deploy` may execute."""
    quick.write(**{name: text.replace("table ", "table shop.") for name, text in FILES.items()})
    return quick


MAY_NOT_CREATE = """\
error: the role deploy may not create the history in schema public
   nothing was changed
   hint    the owner of the schema grants the right with the line below; once the history is there, only files that \
create objects in that schema need it
   next    psql: grant usage, create on schema "public" to "deploy";

"""
MAY_NOT_READ = """\
error: the role deploy may not read the history public.migrations
   nothing was changed
   hint    its owner grants the right with:
   next    psql: grant usage on schema "public" to "deploy";
           psql: grant select on "public"."migrations", "public"."migrations_log", \
"public"."migrations_schema" to "deploy";

"""
MAY_ONLY_READ = """\
error: the role deploy may only read the history public.migrations
   nothing was changed
   hint    its owner grants the right with:
   next    psql: grant insert, update, delete on "public"."migrations" to "deploy";
           psql: grant insert on "public"."migrations_log" to "deploy";

"""


def _what_to_execute(message: str) -> str:
    """Return the SQL of a message, as a user copies it from the screen."""
    lines = message.partition("   next    ")[2].rstrip("\n").splitlines()
    return "\n".join(line.removeprefix(" " * 11).removeprefix("psql: ") for line in lines)


@pytest.mark.parametrize("command", [["up"], ["up", "--dry-run"], ["baseline", "1", "--yes"]], ids=" ".join)
def test_a_role_that_may_not_create_the_history(command: list[str], shop: Quick, deploy: str, database: str) -> None:
    """The message has one line for the DBA: the next error is not another missing right, and it is needed only once."""
    ended = shop(*command, DATABASE_URL=deploy)

    assert said(ended) == ("DATABASE · 2 pending\n\n" if command[0] == "up" else "") + MAY_NOT_CREATE
    assert ended.code == 1
    assert database_state.relations(database) == []

    database_state.ask(database, _what_to_execute(ended.stderr))

    assert shop(*command, DATABASE_URL=deploy).code == 0
    assert shop("up", DATABASE_URL=deploy).code == 0
    assert shop("log", DATABASE_URL=deploy).code == 0
    database_state.ask(database, "revoke create on schema public from deploy")
    if command[0] != "baseline":  # what was declared cannot be undone
        assert shop("reset", "--yes", DATABASE_URL=deploy).code == 0


def test_a_role_that_may_not_create_may_look(shop: Quick, deploy: str, database: str) -> None:
    """As long as nothing was executed, looking needs no right."""
    assert shop("status", DATABASE_URL=deploy).code == 0
    assert shop("verify", DATABASE_URL=deploy).code == 0
    assert shop("log", DATABASE_URL=deploy).code == 0
    assert database_state.relations(database) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_role_that_may_not_read_the_history(command: list[str], shop: Quick, deploy: str, database: str) -> None:
    """Every command says which right is missing, and none takes the history for empty."""
    assert shop("up", "--to", "1", DATABASE_URL=database).code == 0
    before = database_state.history(database), database_state.log(database)

    ended = shop(*command, DATABASE_URL=deploy)

    assert (said(ended), ended.code) == (MAY_NOT_READ, 1)
    assert (database_state.history(database), database_state.log(database)) == before

    database_state.ask(database, _what_to_execute(ended.stderr))

    assert shop("status", DATABASE_URL=deploy).code == 0
    assert shop("log", DATABASE_URL=deploy).code == 0


@pytest.mark.parametrize("command", [["up"], ["down"], ["baseline", "2", "--yes"], ["up", "--dry-run"]], ids=" ".join)
def test_a_role_that_may_only_read(command: list[str], shop: Quick, deploy: str, database: str) -> None:
    """The missing rights are named before anything is executed; with them the role can continue."""
    assert shop("up", "--to", "1", DATABASE_URL=database).code == 0
    database_state.ask(database, "alter table shop.a owner to deploy")
    database_state.ask(database, "grant select on public.migrations, public.migrations_log to deploy")
    before = database_state.history(database), database_state.log(database)

    ended = shop(*command, DATABASE_URL=deploy)

    head = {"up": "DATABASE · 1 pending\n\n", "down": "DATABASE · 1 to undo\n\n"}.get(command[0], "")
    assert (said(ended), ended.code) == (head + MAY_ONLY_READ, 1)
    assert (database_state.history(database), database_state.log(database)) == before

    database_state.ask(database, _what_to_execute(ended.stderr))

    assert shop(*command, DATABASE_URL=deploy).code == 0


def test_a_role_that_may_not_write_the_log(shop: Quick, deploy: str, database: str) -> None:
    """Rights on the table alone are not enough: the same statement writes the log."""
    assert shop("up", "--to", "1", DATABASE_URL=database).code == 0
    database_state.ask(database, "grant select, insert, update, delete on public.migrations to deploy")

    ended = shop("up", DATABASE_URL=deploy)

    assert (said(ended), ended.code) == ("DATABASE · 1 pending\n\n" + MAY_ONLY_READ, 1)
    assert said(shop("log", DATABASE_URL=deploy)) == MAY_NOT_READ.replace("migrations\n", "migrations_log\n", 1)


def test_a_statement_without_a_right(quick: Quick, deploy: str, database: str) -> None:
    """A right that a statement needs has nothing to do with the history: the cure is a grant, or another file."""
    assert (quick("up", DATABASE_URL=database).code, quick("down", "--all", "--yes", DATABASE_URL=database).code) == (
        0,
        0,
    )
    database_state.ask(database, "grant select, insert, update, delete on all tables in schema public to deploy")

    ended = quick("up", DATABASE_URL=deploy)

    assert said(ended) == (
        "DATABASE · 2 pending\n\n"
        "❌ 001_a   statement 1 of 1 N ms\n\n"
        "1 failed\n"
        "error: permission denied for schema public\n"
        "  ──▶ sql/001_a.up.sql:1:14\n"
        "   │\n"
        " 1 │ create table a ();\n"
        "   │              ^\n"
        "   │\n"
        "   code    42501 insufficient_privilege\n\n"
        "what happened   001_a was rolled back: nothing of it is in the database\n"
        "what now        grant the role that right, or fix the file, then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == []
    assert database_state.history(database) == [("001", "failed", 0, "permission denied for schema public")]


# -- a table of another tool -------------------------------------------------------------------------------------------

# Of golang-migrate, dbmate, Flyway (../shared/facts/field.md, 4.1), and of what else may bear the name.
FLYWAY = (
    "installed_rank, version, description, type, script, checksum, installed_by, installed_on, execution_time, success"
)
FOREIGN = {
    "golang-migrate": (
        "create table {} (version bigint not null primary key, dirty boolean not null)",
        "insert into {} values (20260213120530, false)",
        "version, dirty",
    ),
    "dbmate": (
        "create table {} (version varchar(255) primary key)",
        "insert into {} values ('20260213120530')",
        "version",
    ),
    "Flyway": (
        """create table {} (
             installed_rank int primary key, version varchar(50), description varchar(200) not null,
             type varchar(20) not null, script varchar(1000) not null, checksum integer,
             installed_by varchar(100) not null, installed_on timestamp not null default now(),
             execution_time integer not null, success boolean not null)""",
        "insert into {} values (1, '1', 'users', 'SQL', 'V1__users.sql', 7, 'app', now(), 3, true)",
        FLYWAY,
    ),
    "a table of the application": ("create table {} (id int, moved_by text)", "select", "id, moved_by"),
    "a table without columns": ("create table {} ()", "select", "none"),
    "a view": ("create view {} as select 1 as one", "select", "one"),
    "a materialized view": ("create materialized view {} as select 1 as one", "select", "one"),
    "a sequence": ("create sequence {}", "select", "last_value, log_cnt, is_called"),
    "an index": ("create table other (i int)", "create index {} on other (i)", "i"),
    "a partitioned table": ("create table {} (i int) partition by list (i)", "select", "i"),
    "a composite type": ("create type {} as (i int)", "select", "i"),
    "a domain": ("create domain {} as text", "select", ""),
    "an enum type": ("create type {} as enum ('a')", "select", ""),
    "a type": ("create type {} as range (subtype = float8)", "select", ""),
}
OF_ANOTHER_TOOL = """\
error: the table public.{name} is not a history of sqlmigrate: it has other columns
   its columns: {columns}
   a history that begins empty would execute every migration again
   nothing was changed
   hint    if there is no history yet, keep it in another table: --table sqlmigrate_migrations, or the setting table = "sqlmigrate_migrations" in sqlmigrate.toml, or in [tool.sqlmigrate] of pyproject.toml; and record first what this database has already: sqlmigrate baseline VERSION

"""  # noqa: E501 - a line of the screen


def _refused(kind: str, name: str, columns: str) -> str:
    """Return the screen for something that has the name of the history, with its kind."""
    screen = OF_ANOTHER_TOOL.format(name=name, columns=columns)
    if kind in NO_TABLES:
        table = f"the table public.{name} is not a history of sqlmigrate: it has other columns"
        screen = screen.replace(table, f"public.{name} is {kind}, not a history of sqlmigrate")
    return screen if columns else screen.replace("   its columns: \n", "")


NO_TABLES = {
    "a view", "a materialized view", "a sequence", "an index", "a partitioned table", "a composite type", "a domain",
    "an enum type", "a type",
}  # fmt: skip
HAVE_NO_ROWS = {"an index", "a composite type", "a domain", "an enum type", "a type"}


def _contents(kind: str, url: str, name: str) -> list[database_state.Row]:
    if kind in HAVE_NO_ROWS:
        return database_state.ask(
            url,
            f"select relkind::text from pg_class where relname = '{name}' union all "
            f"select typtype::text from pg_type where typname = '{name}'",
        )
    return database_state.ask(url, f"select * from {name}")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", ["schema_migrations", "migrations"])
def test_a_history_of_another_tool(command: list[str], name: str, quick: Quick, database: str) -> None:
    """No command reads or writes a table that another tool has created, under its own name or under ours."""
    make, fill, columns = FOREIGN["golang-migrate"]
    database_state.ask(database, make.format(name))
    database_state.ask(database, fill.format(name))

    ended = quick(*command, "--table", name, DATABASE_URL=database)

    assert said(ended) == OF_ANOTHER_TOOL.format(name=name, columns=columns)
    assert (ended.stdout, ended.code) == ("", 2)
    assert database_state.ask(database, f"select * from {name}") == [(20260213120530, False)]
    assert database_state.ask(
        database, "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
    ) == [(2,)]


@pytest.mark.parametrize("table", ["migrations", "migrations_log"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_bears_the_name_of_the_history(kind: str, table: str, quick: Quick, database: str) -> None:
    """Any object with the name of the history or of its log stays as it is, and our history goes elsewhere."""
    make, fill, columns = FOREIGN[kind]
    database_state.ask(database, make.format(table))
    database_state.ask(database, fill.format(table))
    before = _contents(kind, database, table)

    ended = quick("up", DATABASE_URL=database)

    assert said(ended) == _refused(kind, table, columns)
    assert (ended.stdout, ended.code) == ("", 2)
    assert _contents(kind, database, table) == before

    assert quick("up", "--table", "sqlmigrate_migrations", "--into-existing", DATABASE_URL=database).code == 0
    assert _contents(kind, database, table) == before


EMPTY_LOG = """\
create table "public"."migrations_log" (
               id              bigint generated always as identity primary key,
               logged_at       timestamptz not null default pg_catalog.clock_timestamp(),
               action          text not null
                               check (action in ('up', 'down', 'failure', 'repair', 'baseline', 'adopt', 'fold')),
               version         text not null,
               name            text not null,
               checksum        text,
               duration_ms     bigint,
               executed_by     text not null default session_user,
               host            text,
               tool_version    text,
               detail          text,
               run             text
           );
"""


def test_a_history_that_has_lost_its_log(quick: Quick, database: str) -> None:
    """A missing log is reported; commands that read only the rows still work."""
    assert quick("up", "--to", "1", DATABASE_URL=database).code == 0
    database_state.ask(database, "drop table migrations_log")

    ended = quick("up", DATABASE_URL=database)

    expected = (
        "error: public.migrations exists, but public.migrations_log, which belongs to it, is missing\n"
        "   nothing was changed\n"
        "   hint    restore it from a backup, or create it empty:\n"
        f"   next    psql: {EMPTY_LOG}\n"
    )
    assert said(ended) == "DATABASE · 1 pending\n\n" + expected
    assert ended.code == 1
    assert said(quick("log", DATABASE_URL=database)) == expected
    assert quick("status", DATABASE_URL=database).code == 0

    database_state.ask(database, _what_to_execute(ended.stderr))

    assert quick("up", DATABASE_URL=database).code == 0
    assert database_state.log(database) == [("up", "002", None)]


def test_a_log_that_has_lost_its_history(quick: Quick, database: str) -> None:
    """If only the log is left, something was executed here: a new history is not created silently."""
    assert quick("up", "--to", "1", DATABASE_URL=database).code == 0
    database_state.ask(database, "drop table migrations")

    ended = quick("up", DATABASE_URL=database)

    assert said(ended).startswith(
        "DATABASE · 2 pending\n\n"
        "error: public.migrations_log exists, but public.migrations, which belongs to it, is missing\n"
        "   nothing was changed\n"
        "   hint    restore it from a backup; or create it empty, and before the next up record what is executed "
        "(sqlmigrate baseline VERSION):\n"
        '   next    psql: create table "public"."migrations" (\n'
    )
    assert ended.code == 1
    assert database_state.log(database) == [("up", "001", None)]


NO_TABLE = """\
error: `{name}` is not the name of a table
   nothing was executed
   hint    a name, or schema and name: --table ops.migrations (or "a.b"."c.d")

"""
NO_SCHEMA = """\
error: the schema ops of the history does not exist
   nothing was changed
   next    psql: create schema "ops";

"""
NO_PLACE = """\
error: no schema of the search_path exists, so there is no place for the history
   nothing was changed
   hint    name one: --table public.migrations

"""
EMPTY_TABLE = """\
error: --table is empty
   nothing was executed
   hint    is the variable set that you pass to it?

"""
PLACES = {
    "a missing schema": (["--table", "ops.migrations"], "", NO_SCHEMA),
    "no schema in the search_path": ([], "&options=-c%20search_path%3Dnowhere", NO_PLACE),
    "three names": (["--table", "a.b.c"], "", NO_TABLE.format(name="a.b.c")),
    "a blank": (["--table", " "], "", EMPTY_TABLE),
}


@pytest.mark.parametrize(("flags", "setting", "message"), PLACES.values(), ids=PLACES)
def test_a_missing_schema_for_the_history(
    flags: list[str], setting: str, message: str, quick: Quick, database: str
) -> None:
    """A history that has no place is a wrong setting: exit 2."""
    ended = quick("up", *flags, DATABASE_URL=database + setting)

    assert (said(ended), ended.stdout, ended.code) == (message, "", 2)
    assert database_state.is_untouched(database)


def test_strings_that_are_not_standard(quick: Quick, database: str) -> None:
    """If a backslash is an escape, we would split files in another way than PostgreSQL: refused before anything is
    executed.
    """
    ended = quick("up", DATABASE_URL=f"{database}&options=-c%20standard_conforming_strings%3Doff")

    assert said(ended) == (
        "DATABASE · 2 pending\n\n"
        "error: standard_conforming_strings is off, so the server would read a backslash in quotes as an escape\n"
        "   nothing was executed\n"
        "   hint    turn it on for this role, database or server; in files, write E'…' for a string with escapes\n\n"
    )
    assert ended.code == 1
    assert database_state.is_untouched(database)


def test_the_word_embedded_given_to_the_library() -> None:
    """The word is one of the command line; a caller of the library is shown how to start the server."""
    with pytest.raises(ConfigError) as caught:
        open_connection("embedded")

    assert caught.value.message == "`embedded` is a word of the command line, and this is a call of the library"
    assert caught.value.hint == "give the URL of a database; for the embedded one start its server first"
    assert caught.value.next_steps == (
        "from sqlmigrate.embedded.server import server",
        'with server(Path(".sqlmigrate")) as url: …',
    )

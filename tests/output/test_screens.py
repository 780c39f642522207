"""Whole screens, designed by hand, as a user sees them in a terminal; README and docs/ show the same files.

A screen is a session: lines after `$` are typed, what follows is what the screen must show. What differs from run to
run (times, durations, the address of the database) is made equal on both sides before they are compared.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import children
import database_state
import documents
import psycopg
import pytest
from pgbouncer import bouncer
from piped_output import told_in_lines
from postgres_servers import Server
from project import Project
from proxies import Connection, Flow, Proxy
from psycopg.conninfo import conninfo_to_dict
from squashed_folder import squash
from terminal import Terminal, stable
from waiting import until

SCREENS = Path(__file__).parent / "screens"

CUSTOMERS = "create table customers (\n    id    bigint primary key,\n    email text\n);\n"
ORDERS = "create table orders (id bigint primary key, customer bigint references customers);\n"
SLOW = """\
create function slow(id bigint) returns bigint immutable language plpgsql as 'begin
  while id = 7 and not pg_catalog.pg_try_advisory_xact_lock_shared(7) loop perform pg_catalog.pg_sleep(0.01); end loop;
  return id; end';
"""
ROWS = """\
alter table customers alter email set storage plain;
insert into customers select number, repeat('x', 3000) from generate_series(1, 12) number;
"""
INVOICES = "create table invoices (id bigint primary key);\n"


def _status(terminal: Terminal) -> None:
    own = Path(__file__).parents[2] / "sql"
    for name in ("001_create_initial_auth_tables", "002_add_user_settings", "003_add_roles"):
        for direction in ("up", "down"):
            terminal.write(**{f"{name}.{direction}.sql": (own / f"{name}.{direction}.sql").read_text(encoding="utf-8")})
    terminal("up", "--to", "2")


def _failure(terminal: Terminal) -> None:
    columns = "first_name text, last_name text, full_name text"
    terminal.write(**{"001_add_customers.up.sql": f"create table customers ({columns});"})
    terminal("up")
    terminal.write(**{
        "003_add_user_profiles.up.sql": "create table user_profiles ();",
        "004_fill_full_name.up.sql": "alter table customers alter full_name set default '';\n\n\n"
        "update customers\n   set full_name = frist_name || ' ' || last_name\n where full_name is null;\n",
    })  # fmt: skip


def _no_transaction(terminal: Terminal) -> None:
    rows = "insert into customers values ('Ann', 'ann@example.org'), ('Anna', 'ann@example.org');"
    terminal.write(**{"001_add_customers.up.sql": f"create table customers (name text, email text); {rows}"})
    terminal("up")
    terminal.write(**{
        "002_index_customers.up.sql": "-- sqlmigrate: no-transaction\n\n"
        "create index concurrently customers_name on customers (name);\n"
        "create unique index concurrently customers_email on customers (email);\n"
        "analyze customers;\n"
    })  # fmt: skip


def _changed(terminal: Terminal) -> None:
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS})
    terminal("up")
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS.replace("email text", "email text not null")})


def _large_file(terminal: Terminal) -> None:
    """Execute a file of more than 1 MB, and edit it afterwards."""
    data = "".join(f"{number}\tperson{number}@example.org\n" for number in range(50_000))
    text = f"{CUSTOMERS}\ncopy customers from stdin;\n{data}\\.\n"
    terminal.write(**{"001_add_customers.up.sql": text})
    terminal("up")
    terminal.write(**{"001_add_customers.up.sql": text.replace("person42@", "Person42@")})


def _out_of_order(terminal: Terminal) -> None:
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS, "003_add_invoices.up.sql": INVOICES})
    terminal("up")
    terminal.write(**{"002_add_orders.up.sql": ORDERS})


def _dry_run(terminal: Terminal) -> None:
    index = "create index concurrently customers_email on customers (email);"
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS, "002_index_customers.up.sql": index})


def _two(terminal: Terminal) -> None:
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS, "002_add_orders.up.sql": ORDERS})
    terminal.write(**{"002_add_orders.down.sql": "drop table orders;"})


def _looked_after(terminal: Terminal) -> None:
    _two(terminal)
    database_state.ask(terminal.environment["DATABASE_URL"], CUSTOMERS + ORDERS)


def _looked_after_by_another_tool(terminal: Terminal) -> None:
    _looked_after(terminal)
    terminal.write(**{"003_add_invoices.up.sql": INVOICES})
    database_state.ask(
        terminal.environment["DATABASE_URL"],
        "create table schema_migrations (version varchar(128) primary key); "
        "insert into schema_migrations values ('001'), ('002')",
    )


def _dbmate(terminal: Terminal) -> None:
    """Leave a folder of dbmate, of whose three migrations two are executed."""
    index = "create unique index concurrently customers_email on customers (email);\n"
    files = {
        "20240105093000_add_customers": f"-- migrate:up\n{CUSTOMERS}\n-- migrate:down\ndrop table customers;\n",
        "20240212140500_index_customers": f"-- migrate:up transaction:false\n{index}\n"
        "-- migrate:down transaction:false\ndrop index concurrently customers_email;\n",
        "20240301110000_add_orders": f"-- migrate:up\n{ORDERS}\n-- migrate:down\ndrop table orders;\n",
    }
    _put(terminal, "db/migrations", {f"{name}.sql": text for name, text in files.items()})
    database_state.ask(
        terminal.environment["DATABASE_URL"],
        f"{CUSTOMERS}{index.replace('concurrently ', '')}create table schema_migrations (version varchar primary key);"
        "insert into schema_migrations values ('20240105093000'), ('20240212140500')",
    )


def _flyway(terminal: Terminal) -> None:
    """Leave a folder of Flyway, of whose three migrations two are executed."""
    _put(terminal, "src/main/resources/db/migration", {
        "V1__add_customers.sql": CUSTOMERS, "V2__add_orders.sql": ORDERS, "U2__add_orders.sql": "drop table orders;\n",
        "V3__add_invoices.sql": INVOICES, "R__open_orders.sql": "create or replace view open_orders as select 1;\n",
    })  # fmt: skip
    row = "(%s, '%s', '%s', 'SQL', 'V%s__%s.sql', %s, 'ann', '%s', %s, true)"
    rows = [
        row % (1, "1", "add customers", "1", "add_customers", -573254346, "2024-01-05 09:30:00", 14),
        row % (2, "2", "add orders", "2", "add_orders", -616070874, "2024-02-12 14:05:00", 21),
    ]
    database_state.ask(
        terminal.environment["DATABASE_URL"],
        f"""{CUSTOMERS}{ORDERS}create table flyway_schema_history (installed_rank int primary key, version varchar(50),
        description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_by varchar(100),
        installed_on timestamp, execution_time int, success boolean);
        insert into flyway_schema_history values {", ".join(rows)}""",
    )


def _put(terminal: Terminal, folder: str, files: Mapping[str, str]) -> None:
    """Write the files of another tool."""
    target = terminal.folder / folder
    target.mkdir(parents=True)
    for name, text in files.items():
        (target / name).write_text(text, encoding="utf-8", newline="")


def _verify(terminal: Terminal) -> None:
    _two(terminal)
    terminal("up")


def _log(terminal: Terminal) -> None:
    _verify(terminal)
    terminal("down")
    terminal.write(**{"002_add_orders.up.sql": ORDERS.replace("references customers", "references customer")})
    terminal("up")


def _refused_files(terminal: Terminal) -> None:
    terminal.write(**{
        "001_add_customers.up.sql": CUSTOMERS, "1_customers.up.sql": CUSTOMERS, "002-add_orders.sql": ORDERS,
        "003_add_invoices.down.sql": "drop table invoices;",
    })  # fmt: skip


def _blocked(terminal: Terminal) -> None:
    """Keep a transaction open that blocks the migration until it has missed its lock once."""
    _changed(terminal)
    terminal.write(
        **{"001_add_customers.up.sql": CUSTOMERS, "002_add_phone.up.sql": "alter table customers add phone text;"}
    )
    url = terminal.environment["DATABASE_URL"]
    reader = psycopg.connect(url, application_name="reports")
    reader.execute("select count(*) from customers")

    def leave() -> None:
        waiting = (
            "select xact_start from pg_stat_activity join pg_locks using (pid)"
            " where relation = 'customers'::regclass and not granted"
        )
        first = until(lambda: database_state.ask(url, waiting))
        until(lambda: database_state.ask(url, waiting) != first)
        reader.close()

    threading.Thread(target=leave, daemon=True).start()


# what has to be there while the screen is drawn


@contextmanager
def _another_run(terminal: Terminal) -> Iterator[None]:
    """Have another run wait for a table that a session reads."""
    _changed(terminal)
    terminal.write(
        **{"001_add_customers.up.sql": CUSTOMERS, "002_add_phone.up.sql": "alter table customers add phone text;"}
    )
    url = terminal.environment["DATABASE_URL"]
    with psycopg.connect(url) as reader:
        reader.execute("select count(*) from customers")
        with _killed(terminal, url, "--lock-timeout", "0"):
            until(lambda: reader.execute("select 1 from pg_locks where not granted").fetchone())
            yield
    _is_over(url)


class _Withheld(Proxy):
    """Withholds the server's answer once it contains `words` (after `after`), and cuts that connection on `go`."""

    def __init__(self, upstream: str, words: bytes, after: bytes = b"") -> None:
        super().__init__(upstream)
        self.words, self.after = words, after
        self.has_heard, self.go = threading.Event(), threading.Event()

    def connection(self, client: socket.socket, server: socket.socket) -> Connection:
        return _Withholding(client, server, self)


class _Withholding(Connection):
    def __init__(self, client: socket.socket, server: socket.socket, proxy: _Withheld) -> None:
        super().__init__(client, server)
        self.proxy, self.heard = proxy, b""

    def received(self, flow: Flow, data: bytes) -> None:
        self.heard += data if flow is self.back else b""
        behind = self.heard[self.heard.find(self.proxy.after) :] if self.proxy.after in self.heard else b""
        if self.proxy.words in behind and not self.proxy.has_heard.is_set():
            self.proxy.has_heard.set()
            self.proxy.go.wait()
            raise ConnectionResetError


@contextmanager
def _lost_commit(terminal: Terminal) -> Iterator[None]:
    """Lose the answer to the COMMIT of the first transaction that creates a table; the next file was sent already."""
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS})
    terminal("up")
    later = f"{INVOICES}select pg_sleep(60);\n"
    terminal.write(**{"002_add_orders.up.sql": ORDERS, "003_add_invoices.up.sql": later})
    with _Withheld(terminal.environment["DATABASE_URL"], b"COMMIT\0", b"CREATE TABLE\0") as proxy:
        proxy.go.set()
        terminal.environment["DATABASE_URL"] = proxy.url
        yield


def _index(terminal: Terminal) -> None:
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS})
    terminal("up")
    terminal.write(**{
        "002_index_phone.up.sql": "-- sqlmigrate: no-transaction\n\nalter table customers add phone text;\n"
        "create index concurrently customers_phone on customers (phone);\nanalyze customers;\n"
    })  # fmt: skip


@contextmanager
def _killed(terminal: Terminal, url: str, *flags: str) -> Iterator[None]:
    """Begin a run, and kill it at the end of the block."""
    environment = {**os.environ, "DATABASE_URL": url}
    command = [sys.executable, "-m", "sqlmigrate", "up", *flags]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with children.start(command, cwd=terminal.folder, env=environment, **silent) as run:
        try:
            yield
        finally:
            run.kill()


def _killed_after_the_statement(terminal: Terminal) -> None:
    """Kill a run when its index is built but its row does not say so yet."""
    _index(terminal)
    url = terminal.environment["DATABASE_URL"]
    with _Withheld(url, b"CREATE INDEX\0") as proxy:
        with _killed(terminal, proxy.url):
            proxy.has_heard.wait()
        proxy.go.set()
    _is_over(url)


def _killed_in_the_statement(terminal: Terminal) -> None:
    """Kill a run while its index waits for an old snapshot, and end the server process that it leaves."""
    _index(terminal)
    url = terminal.environment["DATABASE_URL"]
    with psycopg.connect(url) as reader, psycopg.connect(url, autocommit=True) as conn:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select 1")
        building = "select pid from pg_stat_progress_create_index where datname = current_database()"
        with _killed(terminal, url):
            until(lambda: conn.execute(f"{building} and phase = 'waiting for old snapshots'").fetchone())
        conn.execute(f"select pg_terminate_backend(pid) from ({building}) as left_alone")
    _is_over(url)


def _is_over(url: str) -> None:
    run = "select 1 from pg_stat_activity where application_name = 'sqlmigrate' and datname = current_database()"
    with psycopg.connect(url, autocommit=True) as conn:
        until(lambda: not conn.execute(run).fetchone())


def _to_be_squashed(terminal: Terminal) -> None:
    rows = "insert into customers values (1, 'ann@example.org'), (2, 'ben@example.org');\n"
    texts = {"001_add_customers": CUSTOMERS + rows, "002_add_orders": ORDERS, "003_add_invoices": INVOICES}
    terminal.write(**{f"{label}.up.sql": text for label, text in texts.items()})
    terminal.write(**{f"{label}.down.sql": f"drop table {label.rpartition('_')[2]};\n" for label in texts})


def _squashed(terminal: Terminal, executed: int) -> Terminal:
    """Execute some of three migrations, and squash them."""
    texts = {"001_add_customers": CUSTOMERS, "002_add_orders": ORDERS, "003_add_invoices": INVOICES}
    terminal.write(**{f"{label}.up.sql": text for label, text in texts.items()})
    terminal("up", "--steps", str(executed))
    squash(terminal.folder / "sql", "3")
    return terminal


def _folded(terminal: Terminal) -> None:
    _squashed(terminal, 3).write(**{"004_add_payments.up.sql": "create table payments (id bigint primary key);\n"})


def _in_the_middle(terminal: Terminal) -> None:
    _squashed(terminal, 1)


def _without_archive(terminal: Terminal) -> None:
    shutil.rmtree(_squashed(terminal, 1).folder / "sql" / "squashed")


def _nothing(_terminal: Terminal) -> None:
    pass


SETUPS: dict[str, Callable[[Terminal], None]] = {
    "status": _status,
    "five_minutes": _nothing,
    "failure": _failure,
    "no_transaction": _no_transaction,
    "changed": _changed,
    "large_file": _large_file,
    "out_of_order": _out_of_order,
    "dry_run": _dry_run,
    "verify": _verify,
    "repair": _changed,
    "baseline": _looked_after,
    "other_tool": _looked_after_by_another_tool,
    "existing_tables": _looked_after,
    "adopt": _dbmate,
    "adopt_checksums": _flyway,
    "log": _log,
    "blocked": _blocked,
    "refused_files": _refused_files,
    "resumed": _killed_after_the_statement,
    "squash": _to_be_squashed,
    "squashed_file": _folded,
    "folded": _folded,
    "from_the_archive": _in_the_middle,
    "without_archive": _without_archive,
    "rebuilt": _killed_in_the_statement,
}
AROUND: dict[str, Callable[[Terminal], AbstractContextManager[None]]] = {
    "waiting": _another_run,
    "under_way": _another_run,
    "lost_commit": _lost_commit,
}
OTHERS = {"pooler", "watched"}  # each with a test of its own


def _typed(terminal: Terminal, line: str) -> str:
    """Type a line into a shell, and return what both streams wrote, in their order."""
    program = terminal.folder / "bin" / "sqlmigrate"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlmigrate "$@"\n')
        program.chmod(0o755)
    environment = {**os.environ, **terminal.environment, "TZ": "UTC", "PATH": f"{program.parent}:{os.environ['PATH']}"}
    ended = children.run(
        ["sh", "-c", line], cwd=terminal.folder, env=environment, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return ended.stdout


def _who(found: re.Match[str]) -> str:
    return " from runner-7" + (", run 5c0d8f3a91e2" if found[1] else "")


def _comparable(screen: str) -> str:
    screen = re.sub(r"^\S+ at .+? ·", "shop at db.internal:5432 ·", screen, flags=re.MULTILINE)
    screen = re.sub(r" from [^\s,]+(, run [0-9a-f]{12})?$", _who, screen, flags=re.MULTILINE)
    screen = re.sub(r"process \d+ ", "process 4711 ", screen)
    screen = re.sub(r"pid = \d+ and backend_start = '[^']*'", "pid = 4711 and backend_start = 'TIME'", screen)
    screen = re.sub(r"again in [\d.]+ s", "again in 0.4 s", screen)
    screen = re.sub(r"open for \d+ s", "open for 5 s", screen)
    return stable(screen)


def _stored(name: str) -> str:
    return (SCREENS / f"{name}.console").read_text(encoding="utf-8")


def _is_as_stored(name: str, terminal: Terminal) -> None:
    expected = _stored(name)
    shown = ""
    for line in re.findall(r"^\$ (.*)$", expected, re.MULTILINE):
        output = _typed(terminal, line)
        shown += f"$ {line}\n{output}" + ("\n" if output and not output.endswith("\n\n") else "")

    assert _comparable(shown).rstrip() == _comparable(re.sub(r"\n(\$ echo .*)\n\n", r"\n\1\n", expected)).rstrip()


@pytest.mark.parametrize("name", SETUPS)
def test_the_screen_is_as_designed(name: str, terminal: Terminal) -> None:
    """Every typed line shows exactly the stored screen."""
    SETUPS[name](terminal)

    _is_as_stored(name, terminal)


@pytest.mark.parametrize("name", AROUND)
def test_the_screen_of_a_fault_is_as_designed(name: str, terminal: Terminal) -> None:
    """The same with another session, a killed run or a lost connection."""
    with AROUND[name](terminal):
        _is_as_stored(name, terminal)


def test_the_screen_behind_a_pooler_is_as_designed(pgbouncer: str, postgres: Server, terminal: Terminal) -> None:
    """What cannot work there is refused, with the reason and the cure."""
    _dry_run(terminal)
    name = conninfo_to_dict(terminal.environment["DATABASE_URL"])["dbname"]
    with bouncer(pgbouncer, postgres, "transaction") as pool:
        _is_as_stored("pooler", Terminal(terminal.folder, {"DATABASE_URL": f"{pool}{name}"}))


def test_the_line_of_a_long_statement_is_as_designed(project: Project) -> None:
    """Without a terminal a line comes every ten seconds, with the percentage: 50 in the middle of the rows."""
    project.add("001_add_customers", SLOW + CUSTOMERS + ROWS)
    project.up()
    project.add("002_index_email", "create index customers_email on customers (slow(id));\n")
    with project.connection() as gate:
        gate.execute("select pg_advisory_lock(7)")
        said = told_in_lines(
            project,
            lambda seen: "50 %" in (seen.progress or ""),
            [10],
            lambda: gate.execute("select pg_advisory_unlock(7)"),
        )

    assert _comparable(f"$ sqlmigrate up\n{said}") == _comparable(_stored("watched"))


def test_every_stored_screen_is_tested() -> None:
    """Every file of the folder has a test."""
    assert {path.stem for path in SCREENS.glob("*.console")} == {*SETUPS, *AROUND, *OTHERS}


@pytest.mark.parametrize("name", [*SETUPS, *AROUND, *sorted(OTHERS)])
def test_a_document_shows_the_stored_screen(name: str) -> None:
    """README or a page of docs/ has the same screen, to the letter (`make docs` copies it there)."""
    assert documents.shows(_stored(name))

"""No password is shown: it is given in every possible way and searched in everything that any command writes."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import children
import database_state
import psycopg
import pytest
from in_process import Quick
from postgres_servers import PasswordServer, free_port
from psycopg import sql
from terminal import Ended, Terminal
from waiting import until

from sqlmigrate.config import resolve
from sqlmigrate.config.passwords import masked
from sqlmigrate.errors import ConfigError
from sqlmigrate.operations import status

pytestmark = pytest.mark.sampled(3)

# Two parts that stand in no other text, with everything between them that one spelling or another writes otherwise.
PARTS = ("Pl4nted", "S3cr3t")
PASSWORD = "Pl4nted@/:?#[]%41&=+$'\"\\ ;äS3cr3t"
WRONG = PASSWORD.replace("ä", "ö")
FILES = {
    "001_a.up.sql": "create table a ();",
    "001_a.down.sql": "drop table a;",
    "002_b.up.sql": "create table b ();",
    "002_b.down.sql": "drop table b;",
}


def is_hidden(*texts: str) -> bool:
    """Tell whether none of the texts contains a part of the password, in any spelling."""
    return not any(part in text for part in PARTS for text in texts)


@dataclass(frozen=True)
class Planted:
    """A database whose role has the password, and the ways to name it."""

    port: int
    name: str

    def url(self, password: str = PASSWORD) -> str:
        return f"postgresql://hairy:{quote(password, safe='')}@127.0.0.1:{self.port}/{self.name}"

    def ways(self, home: Path, password: str = PASSWORD) -> dict[str, dict[str, str]]:
        """Return an environment for each way to give the password."""
        bare = f"postgresql://hairy@127.0.0.1:{self.port}/{self.name}"
        place = {"host": "127.0.0.1", "port": str(self.port), "user": "hairy", "dbname": self.name}
        escaped = password.replace("\\", "\\\\").replace("'", "\\'")
        pgpass, services = home / "pgpass", home / "services"
        pgpass.write_text("*:*:*:*:" + password.replace("\\", "\\\\").replace(":", "\\:") + "\n")
        pgpass.chmod(0o600)
        services.write_text("\n".join(["[shop]", *(f"{key}={value}" for key, value in place.items())]))
        with services.open("a") as file:
            file.write(f"\npassword={password}\n")
        keywords = " ".join(f"{key}={value}" for key, value in place.items())
        return {
            "in the URL": {"DATABASE_URL": self.url(password)},
            "in the URL, spelled otherwise": {"DATABASE_URL": _spelled_otherwise(self.url(password))},
            "in a setting of the URL": {"DATABASE_URL": f"{bare}?password={quote(password, safe='')}"},
            "in keywords": {"DATABASE_URL": f"password='{escaped}' {keywords}"},
            "in PGPASSWORD": {"DATABASE_URL": bare, "PGPASSWORD": password},
            "in PGPASSWORD, with libpq's variables": {
                "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "hairy", "PGDATABASE": self.name,
                "PGPASSWORD": password,
            },
            "in a password file": {"DATABASE_URL": bare, "PGPASSFILE": str(pgpass)},
            "in a service file": {"PGSERVICE": "shop", "PGSERVICEFILE": str(services)},
        }  # fmt: skip


def _spelled_otherwise(url: str) -> str:
    """Write the escapes of a URL in lower case, and escape one letter that needs no escape."""
    first, *escapes = url.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in escapes)]).replace("Pl4nted", "%50l4nted", 1)


with tempfile.TemporaryDirectory() as folder:
    WAYS = list(Planted(0, "").ways(Path(folder)))


@pytest.fixture(scope="module")
def hairy(password_server: PasswordServer) -> Iterator[None]:
    """A role with the password, on a server that asks for it."""
    password_server.admin.execute(sql.SQL("create role hairy login password {}").format(PASSWORD))
    yield
    password_server.admin.execute("drop role hairy")


@pytest.fixture
def planted(password_server: PasswordServer, hairy: None) -> Iterator[Planted]:  # noqa: ARG001 - the role is there
    with password_server.database("hairy") as url:
        yield Planted(password_server.port, str(psycopg.conninfo.conninfo_to_dict(url)["dbname"]))


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    made = Quick(tmp_path, {})
    made.write(**FILES)
    return made


def _everything(folder: Path) -> list[str]:
    """Yield the name and the text of every file in a folder."""
    return [part for path in folder.rglob("*") if path.is_file() for part in (path.name, path.read_text())]


def _recorded(planted: Planted) -> str:
    """Return the whole content of the history and its log."""
    tables = ("migrations", "migrations_log")
    return repr([database_state.ask(planted.url(), f"select * from {table}") for table in tables])


@pytest.mark.parametrize("way", WAYS)
def test_the_search_finds_it(way: str, home: Path) -> None:
    """The search can succeed: each way contains at least one part of the password as it is."""
    environment = Planted(5432, "shop").ways(home)[way]
    files = [Path(environment[name]).read_text() for name in ("PGPASSFILE", "PGSERVICEFILE") if name in environment]

    assert not is_hidden(*environment.values(), *files)


# -- every command, every way ------------------------------------------------------------------------------------------

COMMANDS = [
    ["status"], ["up", "--dry-run"], ["up", "--to", "1"], ["up"], ["up"], ["status", "--check"], ["verify"], ["log"],
    ["down"], ["down", "--all"], ["repair", "1", "--yes"], ["repair", "9", "--yes"], ["baseline", "2"],
    ["repair", "2", "--yes"], ["reset", "--yes"], ["reset"], ["down", "--all", "--yes"], ["create", "add orders"],
    ["split", "sql/001_a.up.sql"], ["up", "--help"], ["up", "--steps", "none"], ["status", "--table", "a.b.c"],
    ["status", "--directory", "nowhere"],
]  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("way", WAYS)
def test_no_command_shows_it(way: str, form: str, quick: Quick, planted: Planted, home: Path) -> None:
    """Every command works, and none writes any part of the password."""
    environment = planted.ways(home)[way]
    codes = []
    for command in COMMANDS:
        ended = quick(*command, "--format", form, **environment)
        assert is_hidden(ended.stdout, ended.stderr), command
        assert "Traceback" not in ended.stderr
        codes.append(ended.code)

    assert codes[:8] == [0] * 8, "the password is the right one, and the way is read"
    assert is_hidden(*_everything(quick.folder))
    assert is_hidden(_recorded(planted))


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["completion", "bash"], ["nonsense"]], ids=" ".join)
def test_nothing_asked_of_a_database(command: list[str], quick: Quick) -> None:
    """Commands that need no database show nothing of it."""
    ended = quick(*command, DATABASE_URL=Planted(5432, "shop").url(), PGPASSWORD=PASSWORD)

    assert is_hidden(ended.stdout, ended.stderr)


def test_the_flag_is_repeated_without_it(quick: Quick, planted: Planted) -> None:
    """A hint repeats the flags, with the password masked: without its URL it would go to another database."""
    ended = quick("--database-url", planted.url(), "--table", "ops", "status")

    shown = shlex.split(ended.stdout.splitlines()[-1])
    assert [shown[:3], shown[4:]] == [["next:", "sqlmigrate", "--database-url"], ["--table", "ops", "up"]]
    assert shown[3] == masked(planted.url())
    assert is_hidden(ended.stdout, ended.stderr)
    assert ended.code == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_password(way: str, quick: Quick, planted: Planted, home: Path) -> None:
    """A wrong password is a secret too."""
    environment = planted.ways(home, WRONG)[way]
    for command, form in itertools.product((["status"], ["up"], ["log"]), ("text", "json")):
        ended = quick(*command, "--format", form, **environment)
        assert (ended.code, is_hidden(ended.stdout, ended.stderr)) == (5, True)
        assert 'password authentication failed for user "hairy"' in ended.stderr.replace('\\"', '"')


# -- every failure -----------------------------------------------------------------------------------------------------

ENCODED = quote(PASSWORD, safe="")
BROKEN_URLS: dict[str, Callable[[int], str]] = {
    "unescaped": lambda port: f"postgresql://hairy:{PASSWORD}@127.0.0.1:{port}/shop",
    "unescaped in a setting": lambda port: f"postgresql://hairy@127.0.0.1:{port}/shop?password={PASSWORD}",
    "unescaped in keywords": lambda port: f"host=127.0.0.1 port={port} password={PASSWORD}",
    "unescaped in quotes": lambda port: f"host=127.0.0.1 password='{PASSWORD}' port={port}",
    "a stray end": lambda port: f"host=127.0.0.1 port={port} password='Pl4nted' S3cr3t",
    "no host": lambda _: f"postgresql://hairy:{ENCODED}/shop",
    "no scheme": lambda _: f"hairy:{PASSWORD}@db/shop",
    "another scheme": lambda _: f"mysql://hairy:{PASSWORD}@db/shop",
    "a misspelt setting": lambda port: f"postgresql://127.0.0.1:{port}/shop?pasword={ENCODED}",
    "a misspelt keyword": lambda port: f"host=127.0.0.1 port={port} pass='Pl4nted S3cr3t'",
    "nothing else": lambda _: PASSWORD,
    "cut in an escape": lambda port: f"postgresql://hairy:Pl4nted%4S3cr3t@127.0.0.1:{port}/shop",
    "bytes that are not text": lambda port: f"postgresql://hairy:Pl4nted%FFS3cr3t@127.0.0.1:{port}/shop",
    "a wrong port": lambda _: f"postgresql://hairy:{ENCODED}@127.0.0.1:0/shop",
    "a closed port": lambda port: f"postgresql://hairy:{ENCODED}@127.0.0.1:{port}/shop",
    "no such host": lambda _: f"postgresql://hairy:{ENCODED}@nowhere.invalid/shop",
    "no such socket": lambda _: f"postgresql://hairy:{ENCODED}@/shop?host=/nowhere",
    "an unknown service": lambda _: f"service=Nowhere password='{ENCODED}'",
    "an unknown SSL mode": lambda port: f"host=127.0.0.1 port={port} sslmode=so password=Pl4ntedS3cr3t",
    "a time that is none": lambda port: f"host=127.0.0.1 port={port} connect_timeout=so password=Pl4ntedS3cr3t",
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("flag", ["--database-url", "DATABASE_URL"])
@pytest.mark.parametrize("make", BROKEN_URLS.values(), ids=BROKEN_URLS)
def test_a_url_that_leads_nowhere(make: Callable[[int], str], flag: str, form: str, quick: Quick) -> None:
    """A URL that does not parse or does not connect is shown without anything that may be a password."""
    url = make(free_port())
    flags, environment = ([flag, url], {}) if flag.startswith("--") else ([], {flag: url})
    for command in (["status"], ["up"]):
        ended = quick(*command, "--format", form, *flags, **environment)
        assert ended.code in (2, 5)
        assert is_hidden(ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stderr


FAILURES = {
    "a missing column": "update a set nothing = 1;",
    "a division": "select 1 / 0;",
    "a check at the end": "create table c (i int unique deferrable initially deferred); insert into c values (1), (1);",
    "everything about the sessions": "do $$ begin raise exception '% %', current_query(), "
    "(select array_agg(a::text) from pg_stat_activity a); end $$;",
    "its own end": "select pg_terminate_backend(pg_backend_pid());",
    "its own cancelling": "select pg_cancel_backend(pg_backend_pid()), pg_sleep(5);",
    "too long a time": "set local statement_timeout = '20ms'; select pg_sleep(5);",
    "a text that is not closed": "select 'open;",
    "an unknown directive": "-- sqlmigrate: nothing\nselect 1;",
    "a COMMIT": "select 1; commit;",
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("text", FAILURES.values(), ids=FAILURES)
def test_a_failure(text: str, form: str, quick: Quick, planted: Planted) -> None:
    """No failed statement shows it: not on the screen, not as JSON, not in the history."""
    assert quick("up", DATABASE_URL=planted.url()).code == 0
    quick.write(**{"003_f.up.sql": text})

    for command in (["up"], ["status"], ["log"], ["up", "--dry-run"]):
        ended = quick(*command, "--format", form, DATABASE_URL=planted.url())
        assert is_hidden(ended.stdout, ended.stderr), command
        assert "Traceback" not in ended.stderr
        assert ended.code in ((1, 5) if command[0] == "up" else (0,))
    assert is_hidden(_recorded(planted))


def test_rights_and_settings(quick: Quick, planted: Planted, password_server: PasswordServer) -> None:
    """It is not shown if a role, a foreign history table or a read-only database is refused."""
    refused: list[Ended] = []
    admin = password_server.url(planted.name)

    database_state.ask(admin, "create table public.migrations (id int)")
    refused.append(quick("up", DATABASE_URL=planted.url()))
    database_state.ask(
        admin, "drop table public.migrations; revoke create on schema public from public, pg_database_owner"
    )
    refused.append(quick("up", DATABASE_URL=planted.url()))
    database_state.ask(admin, f"alter database {planted.name} set default_transaction_read_only = on")
    refused.append(quick("up", DATABASE_URL=planted.url()))
    refused.append(quick("up", "--table", "nowhere.migrations", DATABASE_URL=planted.url()))

    assert [ended.code for ended in refused] == [2, 1, 1, 2]
    assert is_hidden(*(text for ended in refused for text in (ended.stdout, ended.stderr)))


def test_another_run_that_holds_the_lock(quick: Quick, planted: Planted) -> None:
    """A run that waits for another one names the other session, without a password."""
    quick.write(**{"003_c.up.sql": "select pg_advisory_xact_lock_shared(7);"})
    waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
    with psycopg.connect(planted.url()) as gate:
        gate.execute("select pg_advisory_xact_lock(7)")
        first = children.start(
            [sys.executable, "-m", "sqlmigrate", "up"], cwd=quick.folder,
            env={**os.environ, "DATABASE_URL": planted.url()}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: database_state.ask(planted.url(), waiting))

        ended = quick("up", "--lock-wait", "0.3s", DATABASE_URL=planted.url())

    assert first.wait() == 0
    assert (ended.code, is_hidden(ended.stdout, ended.stderr)) == (4, True)


# -- processes, tracebacks, values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS[3:])
def test_a_process_of_its_own(way: str, quick: Quick, planted: Planted, home: Path) -> None:
    """The same as a process: what libpq and the interpreter write to stderr is searched too."""
    terminal = Terminal(quick.folder, {**planted.ways(home)[way], "PYTHONDEVMODE": "1"})

    ended = terminal("up")

    assert (ended.code, is_hidden(ended.stdout, ended.stderr)) == (0, True)


def test_an_interrupted_process(quick: Quick) -> None:
    """Ctrl-C shows neither a traceback nor a password."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = children.start(
            [sys.executable, "-m", "sqlmigrate", "up"], cwd=quick.folder,
            env={**os.environ, "DATABASE_URL": Planted(silent.getsockname()[1], "shop").url()},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate()

    assert (process.returncode, is_hidden(stdout, stderr), "Traceback" in stderr) == (130, True, False)


def test_a_bug_of_ours(quick: Quick, planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a traceback, which only a bug of ours can show, contains no password."""

    def broken(*_arguments: object) -> NoReturn:
        raise RuntimeError("a bug")

    monkeypatch.setattr(status, "_look", broken)
    with pytest.raises(RuntimeError) as caught:
        quick("status", DATABASE_URL=planted.url())

    assert is_hidden("".join(traceback.format_exception(caught.value)))


def test_no_value_shows_it(home: Path) -> None:
    """The settings and their errors can be printed."""
    for environment in Planted(5432, "shop").ways(home).values():
        found = resolve.resolve({}, environment, home)
        assert is_hidden(repr(found), str(found), found.shown)
    with pytest.raises(ConfigError) as caught:
        resolve.resolve({"database_url": "postgresql://hairy:Pl4nted/S3cr3t@db/shop"}, {}, home)
    error = caught.value
    assert is_hidden(repr(error), str(error), repr(vars(error)), json.dumps([error.message, error.hint]))

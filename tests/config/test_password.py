"""No password is shown: it is given in every possible way and searched in everything that is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from postgres_servers import PasswordServer
from terminal import Ended, Terminal

SECRET = "Pl@nted:S3cret/42%"
SPELLINGS = (SECRET, quote(SECRET, safe=""), "S3cret", "Pl@nted", "Pl%40nted")
COMMANDS = (
    ["status"], ["status", "--format", "json"], ["up"], ["up", "--dry-run"], ["up", "--format", "json"], ["log"],
    ["log", "--format", "json"], ["verify"], ["repair", "1", "--yes"], ["baseline", "1"], ["down"], ["reset", "--yes"],
    ["--table", "no such", "status"], ["--directory", "nowhere", "up"], ["up", "--to", "99"],
)  # fmt: skip


@pytest.fixture(scope="module")
def secretive(password_server: PasswordServer) -> Iterator[PasswordServer]:
    """A role with the password, and a database of its own."""
    password_server.admin.execute(psycopg.sql.SQL("create role secretive login password {}").format(SECRET))
    password_server.admin.execute("create database secretive owner secretive")
    yield password_server
    password_server.admin.execute("drop database secretive with (force)")
    password_server.admin.execute("drop role secretive")


def _ways(
    server: PasswordServer, port: int, database: str = "secretive", word: str = SECRET
) -> Iterator[dict[str, str]]:
    """Yield environments that name the database with the password."""
    place = f"127.0.0.1:{port}/{database}"
    yield {"DATABASE_URL": f"postgresql://secretive:{quote(word, safe='')}@{place}"}
    yield {"DATABASE_URL": f"postgresql://secretive@{place}?password={quote(word, safe='')}"}
    yield {"DATABASE_URL": f"host=127.0.0.1 port={port} user=secretive dbname={database} password='{word}'"}
    yield {
        "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "secretive", "PGDATABASE": database, "PGPASSWORD": word,
    }  # fmt: skip
    assert server


def _is_kept(ended: Ended) -> None:
    written = ended.stdout + ended.stderr
    assert [spelling for spelling in SPELLINGS if spelling in written] == []
    assert "Traceback" not in written


def _project(terminal: Terminal) -> None:
    terminal.write(**{
        "001_a.up.sql": "create table if not exists a (b int);", "001_a.down.sql": "drop table a;",
        "002_fails.up.sql": "select nothing;",
    })  # fmt: skip


@pytest.mark.slow
def test_no_command_shows_the_password(secretive: PasswordServer, bare_terminal: Terminal) -> None:
    """Whether a command succeeds or fails, no part of the password is written."""
    _project(bare_terminal)
    codes = {}
    for environment in list(_ways(secretive, secretive.port))[:1]:
        for command in COMMANDS:
            ended = bare_terminal(*command, **environment)
            _is_kept(ended)
            codes[" ".join(command)] = ended.code
    assert codes["status"] == 0
    assert codes["up"] == 1


@pytest.mark.sampled(2)
@pytest.mark.parametrize("way", range(4))
def test_no_way_to_give_it_shows_the_password(way: int, secretive: PasswordServer, bare_terminal: Terminal) -> None:
    """As URL, parameter, keyword or variable: a right one, a wrong one, a missing database, a closed port."""
    _project(bare_terminal)
    right = list(_ways(secretive, secretive.port))[way]
    wrong = list(_ways(secretive, secretive.port, word=SECRET + "S3cret"))[way]
    missing = list(_ways(secretive, secretive.port, database="missing"))[way]
    closed = list(_ways(secretive, 1))[way]

    ended = [bare_terminal("up", **environment) for environment in (right, wrong, missing, closed)]

    for each in ended:
        _is_kept(each)
    assert [each.code for each in ended] == [1, 5, 5, 5]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://secretive:{SECRET}@127.0.0.1/x", f"postgres:/secretive:{SECRET}@h/x", f"mysql://u:{SECRET}@h/x",
        f"postgresql://u:{SECRET}@h:port/x", f"host=h password={SECRET} and more", f"host=h passwrd={SECRET}",
        f"postgresql://h/x?pasword={quote(SECRET, safe='')}", f"secretive:{SECRET}@h/x",
    ],
)  # fmt: skip
def test_a_url_that_does_not_parse_shows_no_password(url: str, bare_terminal: Terminal) -> None:
    """The message shows where the fault is and no part of the password; no connection is opened."""
    _project(bare_terminal)

    ended = bare_terminal("up", DATABASE_URL=url)

    _is_kept(ended)
    assert ended.code in (2, 5)


def test_the_history_holds_nothing_of_it(secretive: PasswordServer, bare_terminal: Terminal, tmp_path: Path) -> None:
    """Neither the history nor its log contains any part of the URL or the environment."""
    _project(bare_terminal)
    environment = next(_ways(secretive, secretive.port))
    bare_terminal("up", **environment)

    with closing(psycopg.connect(environment["DATABASE_URL"])) as conn:
        rows = conn.execute(
            "select m::text from migrations m union all select l::text from migrations_log l"
        ).fetchall()

    assert rows
    assert [spelling for spelling in SPELLINGS for (row,) in rows if spelling in row] == []
    assert tmp_path.exists()

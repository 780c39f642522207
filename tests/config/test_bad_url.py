"""Errors about the database's name: URLs that do not parse, empty variables, no name in CI."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import children
import database_state
import pytest
import stored_refusals
from in_process import Quick, said

URLS = stored_refusals.stored("urls")
COMMANDS = [["status"], ["up"], ["up", "--dry-run"], ["down"], ["verify"], ["log"], ["baseline", "1"], ["repair", "1"]]
COMMANDS += [["reset", "--yes"]]


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    made = Quick(tmp_path, {})
    made.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": "drop table a;"})
    return made


def _holds_no_secret(text: str) -> bool:
    """Tell whether a text contains no part of the passwords in the stored URLs."""
    return not any(part in text for part in ("S3c", "r3t"))


@pytest.mark.parametrize(("url", "message"), URLS.values(), ids=URLS)
def test_a_url_that_does_not_parse(url: str, message: str, quick: Quick) -> None:
    """The message shows where the fault is and masks everything that may be a password: exit 2."""
    ended = quick("up", DATABASE_URL=url.removesuffix("\n"))

    assert said(ended).rstrip("\n") == message
    assert (ended.stdout, ended.code) == ("", 2)
    assert _holds_no_secret(message)


@pytest.mark.parametrize(("url", "message"), URLS.values(), ids=URLS)
def test_a_url_in_a_flag(url: str, message: str, quick: Quick) -> None:
    """The same message names the flag if the URL was given by the flag."""
    ended = quick("up", "--database-url", url.removesuffix("\n"))

    assert said(ended).rstrip("\n") == message.replace("──▶ DATABASE_URL", "──▶ --database-url")
    assert (ended.stdout, ended.code) == ("", 2)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_shows_the_password(command: list[str], quick: Quick) -> None:
    """No command shows any part of the password, as text or as JSON."""
    for url, _ in list(URLS.values())[::3]:
        ended = quick(*command, "--format", "json", DATABASE_URL=url.removesuffix("\n"))
        assert ended.code == 2
        assert _holds_no_secret(ended.stdout + ended.stderr)
        assert json.loads(ended.stderr)["error"][0]["kind"] == "ConfigError"


def test_a_variable_that_is_not_utf8(quick: Quick) -> None:
    """A byte that is not UTF-8 is an error of the user, not a traceback."""
    url = b"postgresql://app:S3cr3t\xe9@db/shop"
    ended = children.run(
        [sys.executable, "-m", "sqlmigrate", "up"], cwd=quick.folder, env={**os.environb, b"DATABASE_URL": url},
        capture_output=True, encoding="utf-8",
    )  # fmt: skip

    assert (ended.stdout, ended.returncode) == ("", 2)
    assert ended.stderr == (
        "error: DATABASE_URL is not UTF-8\n"
        "   nothing was executed\n"
        "   hint    in a URL write other bytes as escapes, for example %E9\n\n"
    )


# -- nothing is named --------------------------------------------------------------------------------------------------

NOTHING_NAMED = """\
error: no database is named, and CI is set
   nothing was executed
   hint    name the database in the environment of this job
   next    DATABASE_URL=postgresql://USER@HOST/DATABASE sqlmigrate up

"""
UNNAMED = {
    "no variable": {},
    "libpq's variables empty": {"PGHOST": "", "PGDATABASE": ""},
    "only a password": {"PGPASSWORD": "S3cr3t"},
}


@pytest.mark.parametrize("environment", UNNAMED.values(), ids=UNNAMED)
def test_ci_without_a_database(environment: dict[str, str], quick: Quick) -> None:
    """A missing secret is not mistaken for success: exit 2, and the line to add."""
    ended = quick("up", **environment, CI="true")

    assert said(ended) == NOTHING_NAMED
    assert (ended.stdout, ended.code) == ("", 2)
    assert not (quick.folder / ".sqlmigrate").exists()


@pytest.mark.parametrize("command", [each for each in COMMANDS if each != ["verify"]], ids=" ".join)
def test_no_command_goes_on_in_ci_without_a_database(command: list[str], quick: Quick) -> None:
    """Every command that needs a database is refused."""
    ended = quick(*command, CI="1")

    assert said(ended) == NOTHING_NAMED
    assert (ended.stdout, ended.code) == ("", 2)


NOTHING_IN_IT = """\
error: DATABASE_URL is set, but empty
   nothing was executed
   hint    most likely a secret did not arrive: set it to the URL of the database
   next    or, to use libpq's variables or the embedded PostgreSQL: unset DATABASE_URL

"""


@pytest.mark.parametrize("environment", [{}, {"CI": "true"}, {"PGHOST": "db.internal"}], ids=["here", "CI", "libpq"])
@pytest.mark.parametrize("command", [each for each in COMMANDS if each != ["verify"]], ids=" ".join)
def test_an_empty_variable(command: list[str], environment: dict[str, str], quick: Quick) -> None:
    """`DATABASE_URL=` is a secret that did not arrive: nothing is executed anywhere, exit 2."""
    for value in ("", " \n"):
        ended = quick(*command, DATABASE_URL=value, **environment)

        assert said(ended) == NOTHING_IN_IT
        assert (ended.stdout, ended.code) == ("", 2)
    assert not (quick.folder / ".sqlmigrate").exists()


def test_verify_with_an_empty_variable(quick: Quick) -> None:
    """A missing secret does not look like a success; the hint says how the files alone are checked."""
    ended = quick("verify", DATABASE_URL="")

    assert said(ended) == (
        "error: DATABASE_URL is set, but empty\n   nothing was executed\n"
        "   hint    most likely a secret did not arrive: set it to the URL of the database\n"
        "   next    or, to check the files alone: unset DATABASE_URL\n\n"
    )
    assert (ended.stdout, ended.code) == ("", 2)
    assert quick("verify", CI="true").code == 0


def test_verify_in_ci_without_a_database(quick: Quick) -> None:
    """Without a server the files alone are checked, and the message says so."""
    ended = quick("verify", CI="true")

    assert said(ended) == (
        "✅ 1 migration in sql/: all files are valid\nno database is set: only the files were checked\n"
    )
    assert ended.code == 0


@pytest.mark.parametrize("value", ["", " "], ids=["empty", "blank"])
def test_an_empty_flag(value: str, quick: Quick, database: str) -> None:
    """`--database-url "$SECRET"` with an empty secret does not lead to another database."""
    ended = quick("up", "--database-url", value, DATABASE_URL=database)

    assert said(ended) == (
        "error: --database-url is empty\n   nothing was executed\n"
        "   hint    is the variable set that you pass to it?\n\n"
    )
    assert (ended.stdout, ended.code) == ("", 2)
    assert database_state.is_untouched(database)


def test_a_url_with_a_driver_is_read(quick: Quick, database: str) -> None:
    """The driver that SQLAlchemy and others write into the scheme is accepted."""
    ended = quick("up", DATABASE_URL=f" {database.replace('postgresql://', 'postgresql+psycopg://')}\n")

    assert ended.code == 0
    assert database_state.relations(database) == ["public.a"]

"""A database whose encoding lacks a character of a file: told with its place, before anything is executed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import database_state
import psycopg
import pytest
from in_process import Quick
from postgres_servers import Server


@pytest.fixture
def latin1(postgres: Server, tmp_path: Path) -> Iterator[Quick]:
    """The program with a database that has the encoding LATIN1."""
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create database latin_1 encoding 'LATIN1' locale 'C' template template0")
        try:
            yield Quick(tmp_path, {"DATABASE_URL": psycopg.conninfo.make_conninfo(url, dbname="latin_1")})
        finally:
            conn.execute("drop database latin_1 with (force)")


@pytest.mark.parametrize("command", [["up"], ["up", "--dry-run"]], ids=" ".join)
@pytest.mark.parametrize(
    ("up", "down", "place"),
    [
        ("create table t (price text default '5 €');", "drop table t;", "001_a.up.sql:1:39"),
        ("-- it costs 5 €\ncreate table t ();", "drop table t;", "001_a.up.sql:1:15"),
        ("create table t ();", "-- €\ndrop table t;", "001_a.down.sql:1:4"),
    ],
    ids=["string", "comment", "down file"],
)
def test_a_character_that_the_database_lacks(up: str, down: str, place: str, command: list[str], latin1: Quick) -> None:
    """The file before it is not executed either."""
    latin1.write(**{"000_first.up.sql": "create table first ();", "001_a.up.sql": up, "001_a.down.sql": down})

    ended = latin1(*command)

    assert ended.code == 1
    assert ended.stderr.startswith(
        f"error: U+20AC, euro sign, cannot be stored: the database has the encoding LATIN1\n  ──▶ sql/{place}\n"
    )
    assert "nothing was executed by this run" in ended.stderr
    assert database_state.is_untouched(latin1.environment["DATABASE_URL"])


def test_characters_that_the_database_has(latin1: Quick) -> None:
    """They arrive as they were written."""
    latin1.write(
        **{"001_a.up.sql": "create table t as select 'été ÿ'::text as word;", "001_a.down.sql": "drop table t;"}
    )

    assert latin1("up").code == 0
    with psycopg.connect(latin1.environment["DATABASE_URL"]) as conn:
        assert conn.execute("select word from t").fetchall() == [("été ÿ",)]
    assert latin1("down").code == 0


def test_files_that_are_executed_or_not_asked_for_stop_nothing(latin1: Quick) -> None:
    """Only what is about to be executed is looked at."""
    latin1.write(**{"001_a.up.sql": "select 1;", "002_b.up.sql": "select '→';"})

    assert latin1("up", "--to", "1").code == 0
    assert "U+2192, rightwards arrow, cannot be stored" in latin1("up").stderr

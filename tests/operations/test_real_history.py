"""Years of migrations, executed, undone, executed again, checked with PostgreSQL's own programs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import database_dump
import generated_history
import psycopg
import pytest
from postgres_servers import Server
from psycopg import sql
from sample_size import examples

from sqlmigrate.executor.events import Event, Failed, Finished
from sqlmigrate.files import folder
from sqlmigrate.files.migration import Migration
from sqlmigrate.operations import up_down

NUMBER, SEED = 300, 2026
Direction = Callable[..., Generator[Event, None, None]]


@pytest.fixture
def server(every_postgres: Server) -> Iterator[Server]:
    """Each server in turn; the roles that a history creates on the whole server are dropped after the test."""
    yield every_postgres
    _drop_roles(every_postgres)


def _drop_roles(server: Server) -> None:
    for (name,) in server.admin.execute("select rolname from pg_roles where rolname ~ '^sqlmigrate_'").fetchall():
        server.admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@contextmanager
def _database(server: Server) -> Iterator[str]:
    """Create an empty database, and drop it in spite of its subscriptions."""
    with server.database() as url:
        try:
            yield url
        finally:
            with psycopg.connect(url, autocommit=True) as conn:
                for (name,) in conn.execute("select subname from pg_subscription").fetchall():
                    conn.execute(sql.SQL("drop subscription {}").format(sql.Identifier(name)))


def _executed(direction: Direction, url: str, migrations: Sequence[Migration], **options: bool) -> list[str]:
    """Run to the end and return the migrations in the order in which they finished."""
    labels = []
    for event in direction(url, migrations, **options):
        assert not isinstance(event, Failed), f"{event.error}: {event.error.fields}"
        labels += [event.step.label] if isinstance(event, Finished) else []
    return labels


@pytest.mark.parametrize("version", [16, 18])
def test_every_chapter_of_every_story_is_told(version: int) -> None:
    """The history executed below contains every chapter of the stories, and each seed gives another one."""
    told = generated_history.migrations(NUMBER, SEED, version)
    assert len(told) == NUMBER
    assert {one.chapter for one in told} == {one.name for story in generated_history.stories(version) for one in story}
    assert told == generated_history.migrations(NUMBER, SEED, version)
    assert told != generated_history.migrations(NUMBER, SEED + 1, version)


@pytest.mark.sampled(2)
def test_up_down_up(server: Server, tmp_path: Path) -> None:
    """Undone migrations leave no object, row or role behind; executed again, everything is as before."""
    written = generated_history.migrations(examples(NUMBER), SEED, server.version)
    generated_history.write(tmp_path, written)
    migrations = folder.load(tmp_path)
    labels = [one.label for one in written]
    with _database(server) as url:
        empty, roles = database_dump.everything(server, url), database_dump.roles(server)
        assert _executed(up_down.up, url, migrations) == labels
        full, more_roles = database_dump.everything(server, url), database_dump.roles(server)
        assert _executed(up_down.down, url, migrations, all=True) == labels[::-1]
        assert (database_dump.everything(server, url), database_dump.roles(server)) == (empty, roles)
        assert _executed(up_down.up, url, migrations, step_by_step=True) == labels
        assert (database_dump.everything(server, url), database_dump.roles(server)) == (full, more_roles)


def test_the_same_as_psql(server: Server, tmp_path: Path) -> None:
    """The same files executed by psql, each in a new session, give the same database to the last row."""
    written = generated_history.migrations(examples(NUMBER), SEED + 1, server.version)
    generated_history.write(tmp_path, written)
    with _database(server) as url:
        database_dump.run_by_psql(server, url, generated_history.script_for_psql(tmp_path, written))
        expected = database_dump.everything(server, url)
    _drop_roles(server)
    with _database(server) as url:
        _executed(up_down.up, url, folder.load(tmp_path))
        assert database_dump.everything(server, url) == expected


def test_a_dump_is_a_migration(server: Server, tmp_path: Path) -> None:
    """A dump of all that, with its settings, COPY and keys, is executed as psql does it."""
    written = generated_history.migrations(examples(NUMBER), SEED + 2, server.version)
    generated_history.write(tmp_path / "old", written)
    with _database(server) as url:
        database_dump.run_by_psql(server, url, generated_history.script_for_psql(tmp_path / "old", written))
        dump = database_dump.dump(server, url)
    with _database(server) as url:
        database_dump.run_by_psql(server, url, dump)
        expected = database_dump.everything(server, url)
    generated_history.write(
        tmp_path / "new", [generated_history.Written("001_squashed", "", dump, "", is_wrapped=False, is_alone=False)]
    )
    with _database(server) as url:
        assert _executed(up_down.up, url, folder.load(tmp_path / "new")) == ["001_squashed"]
        assert database_dump.everything(server, url) == expected

"""The schema that a folder of migrations makes, read from a shadow database, or the one that a database has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmigrate.database.session import Session, connect
from sqlmigrate.ddl.schema import Schema, read_schema
from sqlmigrate.errors import ConfigError, SqlmigrateError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read as history_read
from sqlmigrate.history.table import History, names_in_catalog, unknown

from . import build, databases, extensions
from .executable_files import LeftOut
from .rights import Rights

_FORM = "schema 2"  # of the templates: changed when they are built differently


@dataclass(frozen=True)
class Wanted:
    """What the user has asked of the shadow server.

    Attributes:
        home: the folder for the data of our own shadow server
        table: the history table
        postgres: the major version that the schema is to be written by; None for the newest of this machine
        shadow_url: the server to use; None for one of this machine
        is_trusted: whether the migrations are executed as a superuser
        extensions: the extensions that the administrator creates first, each as a name, or name and version
    """

    home: Path
    table: str
    postgres: int | None = None
    shadow_url: str | None = None
    is_trusted: bool = False
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class How:
    """How migrations are built.

    Attributes:
        table: the history table
        rights: those with which the files are executed
        words: what is built, for errors
        form: the kind of template; one is kept for each form, table and migrations
        is_another_day: whether the time zone is one in which it is another day than here
    """

    table: str
    rights: Rights
    words: build.Words
    form: str = ""
    is_another_day: bool = False


@dataclass(frozen=True)
class Clone:
    """A database in which migrations were executed, as a copy that is in use.

    Attributes:
        databases: how to reach it
        roles: roles that migrations only name, which were created for them
        left_out: what it does not have of the files, because it cannot be executed
    """

    databases: databases.Databases
    roles: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class BuiltSchema:
    """A schema and where it comes from.

    Attributes:
        schema: the schema, without the history tables
        server: the server: ``PostgreSQL 18.4, embedded``
        major: its major version
        roles: roles that migrations only name, which were created for them
        left_out: what it does not have of the files, because it cannot be executed
        executed_by: the role that has executed the migrations; empty for a database
    """

    schema: Schema
    server: str
    major: int
    roles: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    executed_by: str = ""


@contextmanager
def built(server: databases.Shadow, migrations: Sequence[Migration], how: How) -> Iterator[Clone]:
    """Build a database from migrations, or take the one that is kept, and provide a copy while the block lasts.

    Raises:
        ServerError: A migration failed.
    """
    key = build.digest(f"{how.form} {how.table}", migrations)
    template = server.template(key, _maker(server, migrations, how), how.rights)
    with server.clone(template) as clone:
        yield _clone(clone, template.value)


@contextmanager
def built_once(server: databases.Shadow, migrations: Sequence[Migration], how: How) -> Iterator[Clone]:
    """Build a database from migrations, in any case, and provide it while the block lasts; nothing of it is kept.

    Raises:
        ServerError: A migration failed.
    """
    with server.once(_maker(server, migrations, how), how.rights) as (clone, value):
        yield _clone(clone, value)


def _maker(
    server: databases.Shadow, migrations: Sequence[Migration], how: How
) -> Callable[[databases.Databases], dict[str, Any]]:
    def make(database: databases.Databases) -> dict[str, Any]:
        if how.is_another_day:
            build.set_another_day(database)
        found = build.build(server, database, migrations, how.table, how.words)
        build.take_back(database, found)
        return {"roles": found.roles, "left_out": [(each.label, each.reason) for each in found.left_out]}

    return make


def _clone(database: databases.Databases, value: Mapping[str, Any]) -> Clone:
    left_out = tuple(LeftOut(label, reason) for label, reason in value["left_out"])
    return Clone(database, tuple(value["roles"]), left_out)


def of_files(migrations: Sequence[Migration], wanted: Wanted) -> BuiltSchema:
    """Build a database from migrations on the shadow server, and read its schema.

    Raises:
        NoServerError: There is no PostgreSQL on this machine.
        ConfigError: The shadow server has another major version than the one that is set.
        ServerError: A migration failed.
    """
    given: Rights = "trusted" if wanted.is_trusted else "restricted"
    made = extensions.named(wanted.extensions, migrations)
    with databases.server(wanted.home, wanted.shadow_url, wanted.postgres, made) as server:
        _require_major(server, wanted)

        how = How(wanted.table, given, build.Words("the schema"), _FORM)
        with built(server, migrations, how) as clone, connect(clone.databases.owner_url) as session:
            schema = read_schema(session, own_tables(session, history_read.read(session, wanted.table).history))
            role = session.conn.info.user
        return BuiltSchema(schema, server.label, server.major, clone.roles, clone.left_out, role)


def of_database(url: str, table: str) -> BuiltSchema:
    """Read the schema of a database; writes nothing, and takes no lock."""
    with connect(url) as session:
        info = session.conn.info
        schema = read_schema(session, _own_tables_of_any(session, table))
        return BuiltSchema(schema, f"{info.dbname} at {info.host}:{info.port}", session.major)


def own_tables(session: Session, history: History) -> Collection[str]:
    """Return the names of the history tables as the catalog has them."""
    return [name or "" for name in session.ask(names_in_catalog(history))[0][0]]


def _own_tables_of_any(session: Session, table: str) -> Collection[str]:
    """Return the names of the history tables of a database, which may have none, or may keep them from our role."""
    try:
        return own_tables(session, history_read.find(session, table).history)
    except SqlmigrateError:
        session.abort()
        return own_tables(session, unknown(table))


def _require_major(server: databases.Shadow, wanted: Wanted) -> None:
    if wanted.postgres is not None and server.major != wanted.postgres:
        raise ConfigError(
            f"the schema is to be written by PostgreSQL {wanted.postgres} (schema_postgres), "
            f"and --shadow-url is PostgreSQL {server.major}",
            hint="another major version prints some definitions differently; name a server of the right one",
        )

"""Builds a database from migrations on the shadow server.

Roles that the migrations only name are created. Subscriptions are left out. Old files that today's checks refuse are
made executable, as well as it can be done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from sqlmigrate.database.session import Request, Session, connect
from sqlmigrate.errors import MigrationError, ServerError
from sqlmigrate.executor.events import Failed
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read as history_read, table as history_table
from sqlmigrate.history.table import History
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.operations import up_down
from sqlmigrate.parsing.splitter import split
from sqlmigrate.plan.plan import NO_DRIFT, Limits
from sqlmigrate.source import Source

from . import extensions
from .database_names import migration_with_database
from .databases import Databases, Shadow
from .executable_files import BaseFiles, LeftOut, as_they_are, executable
from .missing_roles import MissingRoles

_ANOTHER_DAY = """\
select case when (now() at time zone 'Etc/GMT-14')::date <> current_date then 'Etc/GMT-14' else 'Etc/GMT+12' end"""
_PRIVILEGE = "42501"  # https://www.postgresql.org/docs/current/errcodes-appendix.html
_SUBSCRIPTION = re.compile(r"(?i)\bsubscription\b")
_ABOUT_SUBSCRIPTIONS = re.compile(r"(?:CREATE|ALTER|DROP|COMMENT ON) SUBSCRIPTION")


@dataclass(frozen=True)
class Built:
    """A database that was built.

    Attributes:
        history: the history table in it
        roles: the roles that were created because the migrations only name them
        left_out: what it does not have of the files, because it cannot be executed
        lent: what revokes the rights that these roles have so that they can own objects
    """

    history: History
    roles: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    lent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """How the error of a database that cannot be built is worded.

    Attributes:
        built: what is built: ``the base``
        where: where the failed migration comes from: `` of origin/main``; empty for the folder
        way_out: what can be done without a shadow: ``review the text only: --static``; empty if nothing can
    """

    built: str
    where: str = ""
    way_out: str = ""


def build(server: Shadow, database: Databases, migrations: Sequence[Migration], table: str, words: Words) -> Built:
    """Execute migrations in an empty database of the shadow server, as `up` does.

    Args:
        server: The shadow server.
        database: The database, which `Shadow.template` has created.
        migrations: The migrations, in their order.
        table: The history table; it is created even if there is no migration.
        words: How the error is worded.

    Raises:
        ServerError: A migration failed; the error has its place.
    """
    roles = MissingRoles(server, frozenset(server.made_up))
    with connect(database.owner_url) as session:
        history = _create_history(session, table)
    files = as_they_are([_for_the_shadow(each, server, database) for each in migrations])
    try:
        failed = _failed(database.owner_url, files, table)
    except MigrationError:  # an old file that today's checks refuse
        files = executable(files.migrations)
        failed = _failed(database.owner_url, files, table)
    while failed:
        with connect(database.owner_url) as session:
            is_cured = roles.provide(failed.error, session)
        if not is_cured and failed.step.label not in files.mended:
            raise _not_built(failed, words, _what_now(server, database, failed, words))
        if not is_cured:
            files = files.without(failed.step.label, failed.error.message)
        failed = _failed(database.owner_url, files, table)
    return Built(history, tuple(roles.created), files.left_out, tuple(roles.lent))


def take_back(database: Databases, built: Built) -> None:
    """Take back the rights that roles were lent, so that the schema has only those that the migrations give."""
    if built.lent:
        with connect(database.owner_url) as session:
            session.ask(*map(Request, built.lent))


def set_another_day(database: Databases) -> None:
    """Set a time zone in which it is another day than in the zone of the server, for all later sessions.

    What migrations make of the date of today is another one then. Between these two zones are 26 hours.
    """
    with connect(database.owner_url) as session:
        [[zone]], *_ = session.ask(Request(_ANOTHER_DAY))
        session.ask(Request(f"alter database {quoted(database.name)} set timezone = {literal(zone or '')}"))


def digest(form: str, migrations: Iterable[Migration]) -> str:
    """Return a digest of everything that decides what a database contains: of `form` and the migrations."""
    found = hashlib.sha256(form.encode())
    for migration in migrations:
        found.update(f"\0{migration.label}\0{migration.up.text}\0".encode())
    return found.hexdigest()


def _failed(url: str, files: BaseFiles, table: str) -> Failed | None:
    """Execute the migrations that are pending; return the failure, if there is one."""
    run = up_down.up(
        url, files.migrations, into_existing=True, table=table, limits=Limits(lock_retries=0), drift=NO_DRIFT
    )
    with closing(run) as events:
        return next((event for event in events if isinstance(event, Failed)), None)


def _not_built(event: Failed, words: Words, hint: str) -> ServerError:
    error, where = event.error, f"{event.step.label}{words.where}"
    return ServerError(
        f"{words.built} cannot be built: {where} fails in the throwaway database: {error.message}",
        error.span,
        detail=[f"{name}: {value}" for name, value in getattr(error, "fields", ())],
        hint=hint,
    )


def _what_now(server: Shadow, database: Databases, failed: Failed, words: Words) -> str:
    """Say what was not tried yet."""
    way_out = f"or {words.way_out}" if words.way_out else ""
    if (failed.error.sqlstate or "") == _PRIVILEGE and database.rights == "restricted":
        return "it was executed without a superuser; if you trust these files, with one: --trusted"
    if (failed.error.sqlstate or "") == _PRIVILEGE and not server.is_superuser:
        return ", ".join(filter(None, ["name a role in --shadow-url that has this right", way_out]))
    if server.is_ours:
        cure = "try a server like production's: --shadow-url"
    else:
        cure = "make this server like production's (version, extensions, roles)"
    if not words.where:  # the files of this folder
        cure = f"if no database has executed the file yet, fix it; if one has, {cure}"
    return "; ".join(filter(None, [cure, way_out]))


def _for_the_shadow(migration: Migration, server: Shadow, database: Databases) -> Migration:
    """Return a migration as it is executed here: about this database, without what was done or must not be done."""
    made = extensions.migration_without(migration, server.extensions)
    return migration_with_database(without_subscriptions(made), database.name)


def without_subscriptions(migration: Migration) -> Migration:
    """Replace statements about subscriptions: CREATE SUBSCRIPTION connects to the publisher and makes a slot there."""
    if not _SUBSCRIPTION.search(migration.up.text):
        return migration
    text = migration.up.text
    for statement in split(migration.up):
        if _ABOUT_SUBSCRIPTIONS.match(statement.kind.verb):
            blank = "select" + re.sub(r"[^\n]", " ", statement.text[len("select") :])
            text = text[: statement.start] + blank + text[statement.end :]
    return replace(migration, up=Source(migration.up.path, text))


def _create_history(session: Session, setting: str) -> History:
    """Create the history table: without a migration, no run creates it."""
    if schema := history_table.table_parts(setting)[0]:
        session.ask(Request(f"create schema if not exists {quoted(schema)}"))
    history = history_read.read(session, setting).history
    history_table.make(session, history)
    return history

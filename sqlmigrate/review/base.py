"""The base of a review: a database in which the merged migrations are executed and the empty tables are filled.

It is built once and kept as a template; each review executes the new migrations on a clone of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from sqlmigrate.database.session import Request, Session, connect
from sqlmigrate.errors import MigrationError, ServerError
from sqlmigrate.executor.events import Failed
from sqlmigrate.files import file_text
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read as history_read, table as history_table
from sqlmigrate.history.table import History
from sqlmigrate.identifiers import quoted
from sqlmigrate.operations import up_down
from sqlmigrate.parsing.splitter import split
from sqlmigrate.plan.plan import Limits
from sqlmigrate.shadow import databases
from sqlmigrate.shadow.rights import Rights
from sqlmigrate.source import Source

from .base_files import LeftOut, as_they_are, executable
from .measure import row_sums
from .measure.database_names import migration_with_database
from .measure.missing_roles import MissingRoles
from .measure.row_sums import TableRows
from .measure.watch import history_tables
from .new.subjects import Subjects
from .seed import fill, tables
from .seed.fill import UnfilledTable

_PRIVILEGE = "42501"  # https://www.postgresql.org/docs/current/errcodes-appendix.html
_SUBSCRIPTION = re.compile(r"(?i)\bsubscription\b")
_ABOUT_SUBSCRIPTIONS = re.compile(r"(?:CREATE|ALTER|DROP|COMMENT ON) SUBSCRIPTION")
_SEED_ROWS = 300
_FORMAT = 11  # of the templates: increased when bases are built differently


@dataclass(frozen=True)
class Base:
    """The base of a review.

    Attributes:
        template: the kept database
        filled: the tables that were filled with generated rows
        unfilled: the tables that could not be filled
        roles: the roles that were created because its migrations only name them
        rows: the rows of each table
        own: how many tables have rows of `--seed`
        left_out: what the base does not have of the merged files, because it cannot be executed
    """

    template: databases.Template
    filled: tuple[str, ...]
    unfilled: tuple[UnfilledTable, ...]
    roles: tuple[str, ...]
    rows: tuple[TableRows, ...]
    own: int
    left_out: tuple[LeftOut, ...] = ()


def find_base(
    server: databases.Shadow, subjects: Subjects, table: str, seed: Path | None, *, is_trusted: bool = False
) -> Base:
    """Return the base of these migrations; build it if it is not kept yet.

    Args:
        server: The shadow server.
        subjects: The migrations of the base, and the new ones.
        table: The history table.
        seed: A file with rows of the project's own, which are inserted before empty tables are filled.
        is_trusted: Whether the new migrations, too, are executed with all rights of the server's role.

    Raises:
        ServerError: A migration of the base failed, or a statement of `seed`.
    """
    given: Rights = "trusted" if is_trusted else "merged" if subjects.is_merged else "restricted"
    build = _Build(server, subjects, table, file_text.read(str(seed)) if seed else None, given)
    template = server.template(build.key(), build, given)
    value = template.value
    return Base(
        template,
        tuple(value["filled"]),
        tuple(UnfilledTable(name, reason) for name, reason in value["unfilled"]),
        tuple(value["roles"]),
        tuple(TableRows(name, oid, count, total, tuple(columns)) for name, oid, count, total, columns in value["rows"]),
        value["own"],
        tuple(LeftOut(label, reason) for label, reason in value["left_out"]),
    )


@dataclass(frozen=True)
class _Build:
    """Builds the base in a new database, and returns what `Base` needs as values of JSON."""

    server: databases.Shadow
    subjects: Subjects
    table: str
    seed: Source | None
    rights: Rights

    def key(self) -> str:
        """Return a digest of everything that decides what the base contains."""
        digest = hashlib.sha256(f"{_FORMAT} {_SEED_ROWS} {self.table}".encode())
        for migration in self.subjects.base_migrations:
            digest.update(f"\0{migration.label}\0{migration.up.text}\0".encode())
        if self.seed:
            digest.update(self.seed.text.encode())
        return digest.hexdigest()

    def __call__(self, database: databases.Databases) -> Mapping[str, Any]:
        roles = MissingRoles(self.server)
        with connect(database.owner_url) as session:
            history = _create_history(session, self.table)
        merged = map(without_subscriptions, self.subjects.base_migrations)
        files = as_they_are([migration_with_database(each, database.name) for each in merged])
        try:
            failed = self._failed(database.owner_url, files.migrations)
        except MigrationError:  # an old file that today's checks refuse
            files = executable(files.migrations)
            failed = self._failed(database.owner_url, files.migrations)
        while failed:
            with connect(database.owner_url) as session:
                is_cured = roles.provide(failed.error, session)
            if not is_cured and failed.step.label not in files.mended:
                raise self._base_fails(failed)
            if not is_cured:
                files = files.without(failed.step.label, failed.error.message)
            failed = self._failed(database.owner_url, files.migrations)
        with connect(database.admin_url) as session:
            ours = history_tables(session, history)
            own = _seeded(database, session, self.seed, ours) if self.seed else 0
            seeded = fill.fill(session, _SEED_ROWS, ours)
            rows = row_sums.read(session, ignore=ours)
        return {
            "filled": seeded.filled,
            "unfilled": [astuple(each) for each in seeded.unfilled],
            "roles": roles.created,
            "own": own,
            "left_out": [astuple(each) for each in files.left_out],
            "rows": [astuple(each) for each in rows.values()],
        }

    def _failed(self, url: str, migrations: Sequence[Migration]) -> Failed | None:
        """Execute the migrations that are pending; return the failure, if there is one."""
        limits = Limits(lock_retries=0)
        run = up_down.up(url, migrations, into_existing=True, table=self.table, limits=limits)
        with closing(run) as events:
            return next((event for event in events if isinstance(event, Failed)), None)

    def _base_fails(self, event: Failed) -> ServerError:
        error, where = event.error, f"{event.step.label} of {self.subjects.base}"
        return ServerError(
            f"the base cannot be built: {where} fails on the shadow: {error.message}",
            error.span,
            detail=[f"{name}: {value}" for name, value in getattr(error, "fields", ())],
            hint=self._what_now(error.sqlstate or ""),
        )

    def _what_now(self, sqlstate: str) -> str:
        """Say what was not tried yet."""
        if sqlstate == _PRIVILEGE and self.rights == "restricted":
            return "it was executed without a superuser; if you trust these files, with one: --trusted"
        if sqlstate == _PRIVILEGE and not self.server.is_superuser:
            return "name a role in --shadow-url that has this right, or review the text only: --static"
        if self.server.is_ours:
            return "try a server like production's: --shadow-url; or review the text only: --static"
        return "make this server like production's (version, extensions, roles); or review the text only: --static"


def without_subscriptions(migration: Migration) -> Migration:
    """Replace statements about subscriptions: CREATE SUBSCRIPTION connects to the publisher and makes a slot there."""
    if not _SUBSCRIPTION.search(migration.up.text):
        return migration
    text = migration.up.text
    for statement in split(migration.up):
        if _ABOUT_SUBSCRIPTIONS.match(statement.kind.verb):
            blank = "select" + re.sub(r"[^\n]", " ", statement.text[len("select") :])
            text = text[: statement.start] + blank + text[statement.end :]
    return replace(migration, up=replace(migration.up, text=text))


def _create_history(session: Session, setting: str) -> History:
    """Create the history table: without a migration in the base, no run has created it."""
    if schema := history_table.table_parts(setting)[0]:
        session.ask(Request(f"create schema if not exists {quoted(schema)}"))
    history = history_read.read(session, setting).history
    history_table.make(session, history)
    return history


def _seeded(database: databases.Databases, session: Session, seed: Source, ours: Collection[str]) -> int:
    """Execute a file with rows of the user's own; return how many tables have rows by it."""
    before = tables.read(session, ours).empty
    with connect(database.owner_url) as owner:
        _execute_seed(owner, seed)
    return len(before) - len(tables.read(session, ours).empty)


def _execute_seed(session: Session, source: Source) -> None:
    from sqlmigrate.executor import batch, statement_errors  # noqa: PLC0415 - only if a seed is given

    for statement in split(source):
        *_, answer = (each for each in session.turn([batch.request(statement)]) if each)
        if answer.error:
            raise statement_errors.refused(answer.error, statement)

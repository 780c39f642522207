"""The base of a review: a database in which the merged migrations are executed and the empty tables are filled.

It is built once and kept as a template; each review executes the new migrations on a clone of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from sqlmigrate.database.session import Session, connect
from sqlmigrate.files import file_text
from sqlmigrate.parsing.splitter import split
from sqlmigrate.shadow import build, databases, row_sums
from sqlmigrate.shadow.executable_files import LeftOut
from sqlmigrate.shadow.rights import Rights
from sqlmigrate.shadow.row_sums import TableRows
from sqlmigrate.source import Source

from .measure.watch import history_tables
from .new.subjects import Subjects
from .seed import fill, tables
from .seed.fill import UnfilledTable

_SEED_ROWS = 300
_FORMAT = 13  # of the templates: increased when bases are built differently


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
    builder = _Build(server, subjects, table, file_text.read(str(seed)) if seed else None)
    template = server.template(builder.key(), builder, given)
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

    def key(self) -> str:
        """Return a digest of everything that decides what the base contains."""
        seed = self.seed.text if self.seed else ""
        return build.digest(f"{_FORMAT} {_SEED_ROWS} {self.table} {seed}", self.subjects.base_migrations)

    def __call__(self, database: databases.Databases) -> Mapping[str, Any]:
        words = build.Words("the base", f" of {self.subjects.base}", "review the text only: --static")
        built = build.build(self.server, database, self.subjects.base_migrations, self.table, words)
        with connect(database.admin_url) as session:
            ours = history_tables(session, built.history)
            own = _seeded(database, session, self.seed, ours) if self.seed else 0
            seeded = fill.fill(session, _SEED_ROWS, ours)
            rows = row_sums.read(session, ignore=ours)
        return {
            "filled": seeded.filled,
            "unfilled": [astuple(each) for each in seeded.unfilled],
            "roles": built.roles,
            "own": own,
            "left_out": [astuple(each) for each in built.left_out],
            "rows": [astuple(each) for each in rows.values()],
        }


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

"""What the replaced files do outside of the database: what is carried over, and what is only told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement

# Roles belong to the server, so no catalog of a database tells which of them the migrations have made.
_ROLES = re.compile(r"(?:CREATE|ALTER|DROP) (?:ROLE|USER(?! MAPPING)|GROUP)\b")
_IN_DATABASE = re.compile(r"\bIN DATABASE\b")
_MAKES_ROLES = re.compile(r"\bcreate\s+(?:role|user|group)\b(?!\s+mapping)", re.IGNORECASE)
_OUTSIDE = re.compile(
    r"ALTER SYSTEM\b|(?:CREATE|DROP) DATABASE\b|(?:CREATE|ALTER|DROP) (?:TABLESPACE|SUBSCRIPTION)\b|SECURITY LABEL\b"
)


@dataclass(frozen=True)
class Outside:
    """A statement of a replaced file that has an effect outside of the database, and is not carried over.

    Attributes:
        label: the migration
        line: its line in the up file
        title: what it does
    """

    label: str
    line: int
    title: str


def carried(migrations: Iterable[Migration]) -> tuple[str, ...]:
    """Return the statements about roles, in their order: the squashed migration begins with them."""
    return tuple(each.text for _, each in _statements(migrations) if _is_about_roles(each))


def outside(migrations: Iterable[Migration]) -> tuple[Outside, ...]:
    """Return the statements that no catalog of a database shows, and that are not carried over."""
    return tuple(
        Outside(migration.label, each.line, each.title)
        for migration, each in _statements(migrations)
        if _OUTSIDE.match(each.kind.first_words)
    )


def _is_about_roles(statement: Statement) -> bool:
    words = statement.kind.first_words
    if statement.kind.verb == "DO":
        return _MAKES_ROLES.search(statement.text) is not None
    if statement.kind.verb in ("GRANT", "REVOKE"):
        return re.search(r"\bON\b", statement.text, re.IGNORECASE) is None
    return _ROLES.match(words) is not None and not _IN_DATABASE.search(words)


def _statements(migrations: Iterable[Migration]) -> Iterator[tuple[Migration, Statement]]:
    for migration in migrations:
        with suppress(MigrationError):  # what cannot be split is left out by the shadow, and told
            yield from ((migration, each) for each in split(migration.up))

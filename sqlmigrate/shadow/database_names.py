"""Statements about the database itself, such as ALTER DATABASE: they name that of production, and get the clone's name.

https://www.postgresql.org/docs/current/sql-alterdatabase.html
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import IDENTIFIER, quoted
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.source import Source

_ABOUT_DATABASE = re.compile(
    rf"(?is)(?:alter|comment\s+on)\s+database\s+({IDENTIFIER})|(?:grant|revoke)\s.*?\son\s+database\s+({IDENTIFIER})"
)
_RENAMES = re.compile(r"(?i)\srename\s+to\s")


def with_database(script: Script, database: str) -> Script:
    """Return a script whose statements about a database are about `database`; renaming one stays as it is."""
    if "database" not in script.source.text.lower():
        return script
    return replace(script, statements=tuple(_about(each, database) for each in script.statements))


def migration_with_database(migration: Migration, database: str) -> Migration:
    """Return a migration whose up file is changed like that."""
    text = migration.up.text
    if "database" not in text.lower():
        return migration
    try:
        statements = list(split(migration.up))
    except MigrationError:  # told when it is executed
        return migration
    for each in reversed(statements):
        text = text[: each.start] + _about(each, database).text + text[each.end :]
    return replace(migration, up=Source(migration.up.path, text))


def _about(statement: Statement, database: str) -> Statement:
    code = blanked(statement.text, "comment", "string")
    found = _ABOUT_DATABASE.match(code)
    if found is None or _RENAMES.search(code):
        return statement
    start, end = found.span(found.lastindex or 0)
    text = statement.text[:start] + quoted(database) + statement.text[end:]
    return Statement(Source(statement.source.path, text), 0, len(text), 1)

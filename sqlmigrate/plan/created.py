"""Which tables files create, and in which schemas, as far as their statements say so by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import IDENTIFIER, parts, plain

from .up import read_script

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script
    from sqlmigrate.parsing.statement import Statement

Name = tuple[str, str]  # schema and table as the catalog has them; the schema is empty where the file names none

_QUALIFIED = rf"{IDENTIFIER}(?:\s*\.\s*{IDENTIFIER})?"
_RENAMED = re.compile(rf"\bRENAME\s+TO\s+({IDENTIFIER})\s*$", re.IGNORECASE)
_MOVED = re.compile(rf"\bSET\s+SCHEMA\s+({IDENTIFIER})\s*$", re.IGNORECASE)
_DROPPED = re.compile(rf"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?({_QUALIFIED}(?:\s*,\s*{_QUALIFIED})*)", re.IGNORECASE)
_PATH = re.compile(r"SET\s+(?:SESSION\s+|LOCAL\s+)?search_path\s*(?:TO|=)\s*(.+)", re.IGNORECASE | re.DOTALL)


def readable_scripts(migrations: Iterable[Migration]) -> Iterator[Script]:
    """Read the up files of migrations, without those that cannot be split into statements."""
    for migration in migrations:
        with suppress(MigrationError):
            yield read_script(migration.up)


def created_tables(scripts: Iterable[Script]) -> list[Name]:
    """Return the tables that files create and neither drop nor rename afterwards, in the order of their creation."""
    tables: dict[Name, None] = {}
    for script in scripts:
        for statement in script.defining:
            _follow(statement, tables)
    return list(tables)


def created_schemas(scripts: Iterable[Script]) -> set[str]:
    """Return the schemas that files create tables in, by their statements or by the search_path that they set."""
    scripts = tuple(scripts)
    found = {schema for schema, _ in created_tables(scripts) if schema}
    for script in scripts:
        for statement in script.defining:
            verb = statement.kind.verb
            if verb == "CREATE SCHEMA" and (name := statement.object_name):
                found.add(_as_stored(name))
            elif verb == "SET" and (path := _PATH.match(statement.text)):
                found.update(_as_stored(each.strip(" '")) for each in path[1].split(","))
    return found


def _follow(statement: Statement, tables: dict[Name, None]) -> None:
    verb = statement.kind.verb
    if verb not in ("CREATE TABLE", "ALTER TABLE", "DROP TABLE"):
        return
    if verb == "DROP TABLE":
        for name in _dropped(statement):
            _forget(tables, name)
        return
    if (written := statement.object_name) is None:
        return
    name = _name(written)
    if verb == "CREATE TABLE" and not re.match(r"CREATE (?:(?:GLOBAL|LOCAL) )?TEMP", statement.kind.first_words):
        tables[name] = None
    elif verb == "ALTER TABLE" and (renamed := _RENAMED.search(statement.text)) and _forget(tables, name):
        tables[name[0], _as_stored(renamed[1])] = None
    elif verb == "ALTER TABLE" and (moved := _MOVED.search(statement.text)) and _forget(tables, name):
        tables[_as_stored(moved[1]), name[1]] = None


def _dropped(statement: Statement) -> Iterator[Name]:
    if found := _DROPPED.match(statement.text):
        for name in re.findall(_QUALIFIED, found[1]):
            yield _name(re.sub(r"\s", "", name))


def _forget(tables: dict[Name, None], name: Name) -> bool:
    """Remove a table; one that is named without its schema may have been created with it, and the reverse."""
    found = [each for each in tables if each[1] == name[1] and (each[0] == name[0] or not (each[0] and name[0]))]
    for each in found:
        del tables[each]
    return bool(found)


def _name(written: str) -> Name:
    *schema, table = (_as_stored(part) for part in parts(written))
    return (schema[-1] if schema else "", table)


def _as_stored(part: str) -> str:
    """Return a part of a name as the catalog has it: in lower case unless it is quoted."""
    return plain(part) if part.startswith('"') else part.lower()

"""Supabase: `20240101120000_name.sql` in `supabase/migrations`, and the table `supabase_migrations.schema_migrations`.

Names are those of `pkg/migration/file.go`; the order is that of the file names as text, and a first file that older
versions wrote is passed over (`pkg/migration/list.go`). There is no down. The history has the statements that were
executed, each without blanks and semicolons around it (`pkg/parser/token.go`, `SplitAndTrim`); the columns
`statements` and `name` are missing in old ones (`pkg/migration/history.go`); some hosted ones have `created_by`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading, Record
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.source import BYTE_ORDER_MARK, Source

from .direction_files import pair_file
from .tool import MARK, Guard, Tool, guard_row, select

_FOLDER = "supabase/migrations"
_FILE = re.compile(r"(?P<version>[0-9]+)_(?P<name>.*)\.sql")
_FIRST_OF_OLD = re.compile(r"(?P<stamp>[0-9]{14})_init\.sql")
_NO_LONGER_WRITTEN = 20211209000000
_MARK = "99999999999999"
_BETWEEN = re.compile(r"[\s;]*")


def _read(listing: Listing) -> Reading | None:
    """Read the files whose names fit; the path of the folder is the mark that it is Supabase's."""
    names = [name for name in listing.top if _FILE.fullmatch(name) and not _is_passed_over(listing, name)]
    others = tuple(_others(listing, names))
    is_marked = listing.folder.endswith(_FOLDER)
    if not names or (not is_marked and any(pair_file(name) for name in names)):
        return None
    found = tuple(_migration(listing, name) for name in names)
    return Reading("Supabase", listing.folder, found, others, is_marked=is_marked, is_rare=not is_marked)


def _is_passed_over(listing: Listing, name: str) -> bool:
    found = _FIRST_OF_OLD.fullmatch(name)
    return name == listing.top[0] and found is not None and int(found["stamp"]) < _NO_LONGER_WRITTEN


def _others(listing: Listing, names: Sequence[str]) -> Iterator[MigrationError]:
    for name in listing.top:
        if name.endswith(".sql") and name not in names:
            yield MigrationError(f"{listing.path(name)} is not a migration: Supabase passes over it")


def _migration(listing: Listing, name: str) -> ForeignMigration:
    match = _FILE.fullmatch(name)
    if match is None:
        raise AssertionError("only such names are read")
    source = listing.try_source(name)
    return ForeignMigration(
        match["version"],
        match["version"],
        match["name"],
        listing.path(name),
        Part(source.text) if isinstance(source, Source) else None,
        obstacles=(source,) if isinstance(source, MigrationError) else (),
        raw=listing.files[name],
    )


def _query(place: Place) -> str:
    optional = {"name": "t.name", "statements": "t.statements", "executed_by": "t.created_by"}
    columns = {name: sql for name, sql in optional.items() if sql.removeprefix("t.") in place.columns}
    table = f"(select v.* from {quoted(place.schema, place.table)} v where v.version <> {literal(_MARK)})"
    return select(table, key="t.version", order_by="t.version", **columns)


def _is_same(migration: ForeignMigration, record: Record) -> bool | None:
    """Compare the file with the executed statements: nothing but blanks and semicolons may stand between them."""
    if not record.statements:
        return None
    text = migration.raw.decode(errors="replace").removeprefix(BYTE_ORDER_MARK)
    at = _after_blanks(text, 0)
    for statement in record.statements:
        if not text.startswith(statement, at):
            return False
        at = _after_blanks(text, at + len(statement))
    return at == len(text)


def _after_blanks(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _guard(place: Place) -> Guard:
    """Stop it before it executes a statement that ends its transaction: it refuses rows that have no file."""
    name = {"name": literal(MARK)} if "name" in place.columns else {}
    return guard_row(quoted(place.schema, place.table), version=literal(_MARK), **name)


SUPABASE = Tool("Supabase", (_FOLDER,), _read, _query, _is_same, keeps_statements=True, guard=_guard)

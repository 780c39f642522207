"""tern: `001_name.sql` with a line between both directions, and the table `schema_version(version)`.

The rules are those of `migrate/migrate.go`: names are digits, `_` and something, and count from 1 without a gap; the
first separator cuts the file; each direction is a template of Go, and may switch its transaction off with a comment.
Files of folders inside are templates that the others use. The history has one row, the newest version, 0 at first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source

from .tool import Guard, Tool, select

_FILE = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+)\.sql")
_SEPARATOR = "---- create above / drop below ----"
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r\n|\n|\Z)")
_NO_TRANSACTION = re.compile(r"^---- tern: disable-tx ----$(?:\n|\Z)", re.MULTILINE)
_TEMPLATE = "{{"
_LOCK = 9628173550095224


def _read(listing: Listing) -> Reading | None:
    """Read the files whose names fit; without a separator in them they are tern's only if they count from 1."""
    names = {name: match for name in listing.top if (match := _FILE.fullmatch(name))}
    in_order = sorted(names, key=lambda name: (int(names[name]["version"]), name))
    numbers = [int(names[name]["version"]) for name in in_order]
    sources = {name: listing.try_source(name) for name in in_order}
    is_marked = any(isinstance(source, Source) and _is_marked(source.text) for source in sources.values())
    if not is_marked and numbers != list(range(1, len(numbers) + 1)):
        return None
    found = tuple(_migration(listing, name, names[name], sources[name]) for name in in_order)
    return Reading("tern", listing.folder, found, tuple(_others(listing, numbers)), is_marked=is_marked)


def _is_marked(text: str) -> bool:
    return _SEPARATOR in text or _NO_TRANSACTION.search(text) is not None


def _others(listing: Listing, numbers: Sequence[int]) -> Iterator[MigrationError]:
    for number in sorted(set(range(1, max(numbers, default=0))) - set(numbers)):
        yield MigrationError(f"{listing.folder} has no migration {number}: tern refuses such a folder")
    for name in listing.files:
        if "/" in name and name.endswith(".sql"):
            yield MigrationError(f"{listing.path(name)} is a template of tern, not a migration")


def _migration(listing: Listing, name: str, match: re.Match[str], source: Source | MigrationError) -> ForeignMigration:
    obstacles = list(_obstacles(source)) if isinstance(source, Source) else [source]
    up, down = _directions(source) if isinstance(source, Source) else ("", "")
    return ForeignMigration(
        str(int(match["version"])),
        match["version"],
        match["name"],
        listing.path(name),
        None if obstacles else _part(up),
        None if obstacles or not down.strip() else _part(down),
        tuple(_notes(source)) if isinstance(source, Source) and not obstacles else (),
        tuple(obstacles),
        listing.files[name],
    )


def _directions(source: Source) -> tuple[str, str]:
    """Cut the text at the first separator; what is left of its line does not count."""
    up, _, down = source.text.partition(_SEPARATOR)
    return up, _REST_OF_LINE.sub("", down, count=1) if _REST_OF_LINE.match(down) else down


def _part(text: str) -> Part:
    return Part(_NO_TRANSACTION.sub("", text), has_transaction=_NO_TRANSACTION.search(text) is None)


def _obstacles(source: Source) -> Iterator[MigrationError]:
    at = source.text.find(_TEMPLATE)
    if at >= 0:
        yield MigrationError(
            "a template: tern fills it in before it executes the file",
            source.span(at, at + len(_TEMPLATE)),
            hint="write {path} by hand, with what the template gives",
        )


def _notes(source: Source) -> Iterator[MigrationError]:
    for found in _NO_TRANSACTION.finditer(source.text):
        said = "`tern: disable-tx` becomes the directive `no-transaction`"
        yield MigrationError(said, source.span(found.start(), found.start() + len(found[0].rstrip("\n"))))


def _query(place: Place) -> str:
    """Read the row; version 0 says that nothing is executed, one below 0 is that of the guard."""
    table = quoted(place.schema, place.table)
    return select(f"(select v.version from {table} v where v.version <> 0)", key="pg_catalog.abs(t.version)")


def _guard(place: Place) -> Guard:
    """Stop it before it executes a file without a transaction: it refuses a version below 0; the number stays."""
    table = quoted(place.schema, place.table)
    return Guard(
        mark=f"update {table} set version = -version where version > 0",
        unmark=f"update {table} set version = -version where version < 0",
    )


def _locks(_place: Place) -> list[int]:
    return [_LOCK]


TERN = Tool("tern", ("migrations",), _read, _query, locks=_locks, is_one_row=True, guard=_guard)

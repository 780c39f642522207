"""dbmate: `20240101120000_create_users.sql` with sections, and the table `schema_migrations(version)`.

The grammar is that of `pkg/dbmate/migration.go`: a marker stands at the beginning of a line, both directions are
needed, and `transaction:false` behind the marker switches the transaction of this direction off.
"""

from __future__ import annotations

import re

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.adopt.sections import Section, cut
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source

from .tool import Tool, select

_FILE = re.compile(r"(?P<version>[0-9]+)(?P<rest>.*)\.sql", re.DOTALL)
_MARKER = re.compile(r"--\s*migrate:(?P<direction>up|down)(?P<options>\s[^\r\n]*)?\s*$", re.MULTILINE)
_OPTION = re.compile(r"transaction:(?P<value>\w+)")


def _read(listing: Listing) -> Reading | None:
    names = [name for name in listing.top if _FILE.fullmatch(name)]
    sources = {name: listing.source(name) for name in names}
    if not any(_MARKER.search(source.text) for source in sources.values()):
        return None
    found = tuple(_migration(listing, name, source) for name, source in sources.items())
    return Reading("dbmate", listing.folder, found)


def _migration(listing: Listing, name: str, source: Source) -> ForeignMigration:
    match = _FILE.fullmatch(name)
    if match is None:
        raise AssertionError("only such names are read")
    head, *sections = cut(source, _MARKER)
    parts: dict[str, Part] = {}
    obstacles = []
    for section in sections:
        direction = _direction(section)
        if direction in parts:
            message = f"a second section `{section.marker.text if section.marker else ''}`"
            obstacles.append(MigrationError(message, section.marker, hint="write one section for each direction"))
        parts[direction] = Part(section.text, _has_transaction(section))
    if "up" not in parts:
        obstacles.append(MigrationError(f"{source.path} has no section `-- migrate:up`"))
    up = parts.get("up")
    return ForeignMigration(
        match["version"],
        match["version"],
        match["rest"].lstrip("_"),
        source.path,
        Part(head.text + up.text, up.has_transaction) if up and not obstacles else None,
        parts.get("down"),
        tuple(_note(section) for section in sections if not _has_transaction(section)),
        tuple(obstacles),
        listing.files[name],
    )


def _direction(section: Section) -> str:
    found = _MARKER.match(section.marker.text) if section.marker else None
    return found["direction"] if found else ""


def _has_transaction(section: Section) -> bool:
    found = _OPTION.search(section.marker.text) if section.marker else None
    return found is None or found["value"] != "false"


def _note(section: Section) -> MigrationError:
    return MigrationError("`transaction:false` becomes the directive `no-transaction`", section.marker)


def _query(place: Place) -> str:
    return select(quoted(place.schema, place.table), key="t.version", order_by="t.version")


DBMATE = Tool("dbmate", ("db/migrations",), _read, _query)

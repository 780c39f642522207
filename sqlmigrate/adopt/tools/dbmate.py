"""dbmate: `20240101120000_create_users.sql` with sections, and the table `schema_migrations(version)`.

The grammar is that of `pkg/dbmate/migration.go`: a marker stands at the beginning of a line, in small letters. Only
comments and empty lines may stand above the first one. Both directions are needed, up first, each once (several pairs
can be parsed, but not executed: each of them inserts the version). `transaction:false` behind the marker switches the
transaction of this direction off. The order is that of the file names as text (`pkg/dbmate/db.go`, `FindMigrations`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.adopt.sections import Section, cut, lines
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source

from .tool import Guard, Tool, select

_FILE = re.compile(r"(?P<version>[0-9]+)(?P<rest>.*)\.sql")
_MARKER = re.compile(r"--\s*migrate:(?P<direction>up|down)(?P<options>\s[^\r\n]*)?$", re.MULTILINE)
_MARKER_LINE = re.compile(r"--\s*migrate:(?:up|down)(?=\s|\Z)")
_COMMENT = re.compile(r"\s*(?:--.*)?", re.DOTALL)
_LOCK = 48372615  # with --migration-lock, of version 2.37; seen in pg_locks


def _read(listing: Listing) -> Reading | None:
    """Read the files whose names begin with digits; None if none of them has a marker."""
    sources = {name: listing.try_source(name) for name in listing.top if _FILE.fullmatch(name)}
    if not any(isinstance(source, Source) and _MARKER.search(source.text) for source in sources.values()):
        return None
    found = tuple(_migration(listing, name, source) for name, source in sources.items())
    return Reading("dbmate", listing.folder, found)


def _migration(listing: Listing, name: str, source: Source | MigrationError) -> ForeignMigration:
    match = _FILE.fullmatch(name)
    if match is None:
        raise AssertionError("only such names are read")
    head, *sections = cut(source, _MARKER_LINE) if isinstance(source, Source) else [Section(None, "")]
    obstacles = list(_obstacles(source, head, sections)) if isinstance(source, Source) else [source]
    parts = {_direction(section): Part(section.text, _has_transaction(section)) for section in sections}
    up = parts.get("up")
    return ForeignMigration(
        match["version"],
        match["version"],
        match["rest"].lstrip("_-. "),
        listing.path(name),
        Part(head.text + up.text, up.has_transaction) if up and not obstacles else None,
        parts.get("down"),
        tuple(_notes(listing.path(name), sections)) if not obstacles else (),
        tuple(obstacles),
        listing.files[name],
    )


def _obstacles(source: Source, head: Section, sections: Sequence[Section]) -> Iterator[MigrationError]:
    """Yield why dbmate could not execute the file."""
    seen: list[str] = []
    for section in sections:
        direction = _direction(section)
        if direction in seen:
            message = f"a second `-- migrate:{direction}`: dbmate can execute only one"
            yield MigrationError(message, section.marker, hint="join the sections")
        elif direction == "down" and "up" not in seen:
            yield MigrationError(
                "`-- migrate:down` without `-- migrate:up` above it: dbmate refuses the file",
                section.marker,
                hint="write the up section first",
            )
        seen.append(direction)
    if not sections:
        yield MigrationError(
            f"{source.path} has no `-- migrate:up`: dbmate refuses it",
            hint="write the marker, or move the file to another folder",
        )
    for line in lines(Source(source.path, head.text)) if sections else ():
        if not _COMMENT.fullmatch(line.text):
            yield MigrationError(
                "dbmate refuses SQL above its first marker",
                source.span(line.start, line.end - 1),
                hint="move it below the marker",
            )
            return


def _notes(path: str, sections: Sequence[Section]) -> Iterator[MigrationError]:
    for section in sections:
        if not _has_transaction(section):
            yield MigrationError("`transaction:false` becomes the directive `no-transaction`", section.marker)
    if "down" not in map(_direction, sections):
        yield MigrationError(f"{path} has no `-- migrate:down`: it becomes a migration without a down file")


def _direction(section: Section) -> str:
    found = _MARKER.match(section.marker.text) if section.marker else None
    return found["direction"] if found else ""


def _has_transaction(section: Section) -> bool:
    """Read the options behind the marker, as `parseMigrationOptions` does: the last one of a name counts."""
    found = _MARKER.match(section.marker.text) if section.marker else None
    given = [option.split(":") for option in ((found["options"] or "") if found else "").split()]
    options = dict(option for option in given if len(option) == len(("name", "value")))
    return options.get("transaction") != "false"


def _query(place: Place) -> str:
    return select(quoted(place.schema, place.table), key="t.version", order_by="t.version")


def _locks(_place: Place) -> list[int]:
    return [_LOCK]


def _guard(_place: Place) -> Guard:
    """Say what cannot be stopped: dbmate reads its history without looking at versions that have no file."""
    return Guard(
        gap="dbmate still executes, and undoes, a file with `transaction:false` before it fails: remove dbmate from "
        "what is deployed"
    )


DBMATE = Tool("dbmate", ("db/migrations",), _read, _query, locks=_locks, guard=_guard)

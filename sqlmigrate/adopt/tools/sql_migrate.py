"""sql-migrate: `20240101120000-name.sql` with `-- +migrate`, and the table `gorp_migrations(id, applied_at)`.

The grammar is that of `sqlparse/sqlparse.go`: `-- +migrate ` stands at the beginning of a line, the command behind it
has this case of letters; `notransaction` behind a direction is for this direction. A file may have several sections of
a direction: they are executed one after the other. Text above the first one is not executed. The history has the names
of the files. The order is that of the number at the beginning, then that of the name; files without a number come last
(`migrate.go`, `Migration.Less`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.adopt.sections import lines
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.source import Source

from .statement_blocks import BEGIN, END, CommandLine, is_comment, notes_of, text_of
from .tool import MARK, Guard, Tool, guard_row, select

_PREFIX = "-- +migrate "
_MARK = f"{MARK}.sql"
_DIRECTIONS = ("Up", "Down")
_FILE = re.compile(r"(?P<version>[0-9]*)(?P<name>.*)\.sql")
_MARKER = re.compile(rf"^{re.escape(_PREFIX)}\s*(?:Up|Down)\b", re.MULTILINE)


def _read(listing: Listing) -> Reading | None:
    """Read all SQL files; None if none of them has a marker."""
    sources = {name: listing.try_source(name) for name in listing.top if name.endswith(".sql")}
    if not any(isinstance(source, Source) and _MARKER.search(source.text) for source in sources.values()):
        return None
    in_order = sorted(sources, key=_order)
    return Reading("sql-migrate", listing.folder, tuple(_migration(listing, name, sources[name]) for name in in_order))


def _order(name: str) -> tuple[bool, int, str]:
    digits = _parts(name)[0]
    return not digits, int(digits or 0), name


def _parts(name: str) -> tuple[str, str]:
    """Return the digits at the beginning of a file's name, and the name behind them."""
    match = _FILE.fullmatch(name)
    return (match["version"], match["name"].lstrip("-_. ")) if match else ("", name)


def _migration(listing: Listing, name: str, source: Source | MigrationError) -> ForeignMigration:
    marked = list(_lines(source)) if isinstance(source, Source) else []
    obstacles = list(_obstacles(source, marked)) if isinstance(source, Source) else [source]
    head, up, down = _sections(marked)
    comments = "".join(line.span.text for line in head if is_comment(line.span.text))
    version, rest = _parts(name)
    return ForeignMigration(
        name,
        version,
        rest,
        listing.path(name),
        None if obstacles else Part(comments + text_of(up), _has_transaction(marked, "Up")),
        None if obstacles or not down else Part(text_of(down), _has_transaction(marked, "Down")),
        () if obstacles else tuple(_notes(marked, head)),
        tuple(obstacles),
        listing.files[name],
    )


def _lines(source: Source) -> Iterator[CommandLine]:
    """Read the lines; a line that begins with `-- +` is never executed."""
    for line in lines(source):
        command, *options = line.text.removeprefix(_PREFIX).split() or [""]
        if line.text.startswith(_PREFIX):
            yield CommandLine(line, command or _PREFIX, tuple(options))
        else:
            yield CommandLine(line, "-- +" if line.text.startswith("-- +") else "")


def _sections(marked: Sequence[CommandLine]) -> tuple[list[CommandLine], list[CommandLine], list[CommandLine]]:
    """Return the lines above the first marker, and those of both directions."""
    found: dict[str, list[CommandLine]] = {"": [], "Up": [], "Down": []}
    current = ""
    for line in marked:
        current = line.command if line.command in _DIRECTIONS else current
        if line.command in ("", BEGIN, END):
            found[current].append(line)
    return found[""], found["Up"], found["Down"]


def _has_transaction(marked: Sequence[CommandLine], direction: str) -> bool:
    return not any(line.command == direction and "notransaction" in line.options for line in marked)


def _obstacles(source: Source, marked: Sequence[CommandLine]) -> Iterator[MigrationError]:
    """Yield why sql-migrate does not execute the file."""
    if not any(line.command in _DIRECTIONS for line in marked):
        yield MigrationError(f"{source.path} has no `{_PREFIX}Up`: sql-migrate refuses it")
    begin = None
    for line in marked:
        begin = line if line.command == BEGIN else None if line.command == END else begin
    if begin:
        yield MigrationError(f"sql-migrate refuses the file: `{BEGIN}` without `{END}`", begin.place)


def _notes(marked: Sequence[CommandLine], head: Sequence[CommandLine]) -> Iterator[MigrationError]:
    for line in marked:
        if line.command in _DIRECTIONS and "notransaction" in line.options:
            yield MigrationError("`notransaction` becomes the directive `no-transaction`", line.place)
    if ignored := [line for line in head if not is_comment(line.span.text)]:
        yield MigrationError(
            "SQL above the first marker is left out: sql-migrate does not execute it", ignored[0].place
        )
    yield from notes_of(marked)


def _query(place: Place) -> str:
    table = quoted(place.schema, place.table)
    return select(
        f"(select v.* from {table} v where v.id <> {literal(_MARK)})",
        key="t.id",
        executed_at="t.applied_at",
        order_by="t.applied_at, t.id",
    )


def _guard(place: Place) -> Guard:
    """Stop it before it executes a file without a transaction: it refuses rows that have no file."""
    return guard_row(quoted(place.schema, place.table), id=literal(_MARK), applied_at="pg_catalog.now()")


SQL_MIGRATE = Tool("sql-migrate", ("migrations", "db/migrations"), _read, _query, guard=_guard)

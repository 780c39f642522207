"""node-pg-migrate: `1704110400000_users.sql` with sections, and the table `pgmigrations(id, name, run_on)`.

The markers are those of `src/sqlMigration.ts`, the order that of `src/utils/comparators.ts`. A file is known by its
name without the last extension (`src/migration.ts`). Pairs of files are one migration (`src/migrationLoader.ts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.errors import MigrationError
from sqlmigrate.files.naming import FILE_NAME, foreign_stamp
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.source import Source, Span

from .tool import BY_HAND, Guard, Tool, in_server_time_zone, select

_FILE = re.compile(r"(?P<version>[0-9]+)(?P<rest>.*)\.(?P<extension>sql|[cm]?[jt]s)", re.DOTALL | re.IGNORECASE)
_OTHER_SQL = re.compile(r"[^0-9].*\.sql", re.DOTALL | re.IGNORECASE)
_PAIR = re.compile(r"(?P<stem>.*)\.(?P<direction>up|down)\.sql", re.DOTALL)
_MARKERS = {
    direction: re.compile(rf"^\s*--[\s-]*{direction}\s+migration", re.IGNORECASE | re.MULTILINE)
    for direction in ("up", "down")
}
_LINE_END = re.compile(r"\r\n|\n|\r|\Z")
_BUILDER = b"pgm"
_UTC_WIDTH = 17  # digits of a time with milliseconds
_MARK = "looked_after_by_sqlmigrate"
_LOCK = 7241865325823964


def _read(listing: Listing) -> Reading | None:
    """Read files with sections, and pairs; pairs stay where they are if each of them can be read as it is."""
    names = [name for name in listing.top if _FILE.fullmatch(name) and not name.endswith(".d.ts")]
    code = [name for name in names if not name.lower().endswith(".sql")]
    single = [name for name in names if not _PAIR.fullmatch(name)]  # in a pair such words are a comment
    is_marked = any(_BUILDER in listing.files[name] for name in code) or any(
        marker.search(text) for name in single for text in _sql(listing, name) for marker in _MARKERS.values()
    )
    if not names or (len(code) == len(names) and not is_marked):
        return None
    found: dict[str, dict[str, str]] = {}
    for name in names:
        pair = _PAIR.fullmatch(name)
        key, direction = (pair["stem"], pair["direction"]) if pair else (name.rpartition(".")[0], "both")
        files = found.setdefault(key, {})
        files[direction if direction not in files else f"{direction} {name}"] = name
    keys = sorted(found, key=_order)
    migrations = tuple(_migration(listing, key, found[key]) for key in keys)
    is_paired = any("both" not in files for files in found.values())  # by an option that few users set
    is_ours = all(FILE_NAME.fullmatch(name) and not foreign_stamp(name.partition(".")[0]) for name in names)
    return Reading(
        "node-pg-migrate",
        listing.folder,
        migrations,
        tuple(_without_number(listing, name) for name in listing.top if _OTHER_SQL.fullmatch(name)),
        is_marked=is_marked,
        is_rare=is_paired,
        in_place=is_ours,
    )


def _without_number(listing: Listing, name: str) -> MigrationError:
    return MigrationError(
        f"{listing.path(name)} is left out: its name does not begin with a number, and node-pg-migrate refuses it"
    )


def _sql(listing: Listing, name: str) -> Iterator[str]:
    source = listing.try_source(name) if name.lower().endswith(".sql") else None
    if isinstance(source, Source):
        yield source.text


def _order(key: str) -> tuple[float, list[tuple[int, str]], str]:
    """Sort by the number; 17 digits are a time in UTC, which counts as its milliseconds."""
    digits = _digits(key)
    parts = re.findall(r"([0-9]+)|([^\W\d_]+)", key)
    return _milliseconds(digits), [(int(number or 0), word.lower()) for number, word in parts], key


def _digits(key: str) -> str:
    match = re.match(r"[0-9]+", key)
    return match[0] if match else ""


def _milliseconds(digits: str) -> float:
    if len(digits) != _UTC_WIDTH:
        return float(digits)
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC).timestamp() * 1000
    except ValueError:
        return float(digits)


def _migration(listing: Listing, key: str, files: dict[str, str]) -> ForeignMigration:
    name = files.get("both") or files.get("up") or files["down"]
    version = _digits(key)
    rest = key.removeprefix(version).lstrip("_-")
    path, raw = listing.path(name), listing.files[name]
    parts: dict[str, Part] = {}
    notes: list[MigrationError] = []
    obstacles = list(_obstacles(listing, name, files))
    for direction, file in files.items() if not obstacles else ():
        source = listing.try_source(file)
        if isinstance(source, MigrationError):
            obstacles.append(source)
        elif direction != "both":
            parts[direction] = Part(source.text)
        else:
            parts, notes, faults = _sections(source)
            obstacles += faults
    return ForeignMigration(
        key,
        version,
        rest,
        path,
        parts.get("up") if not obstacles else None,
        parts.get("down"),
        tuple(notes),
        tuple(obstacles),
        raw,
    )


def _obstacles(listing: Listing, name: str, files: dict[str, str]) -> Iterator[MigrationError]:
    path = listing.path(name)
    if "both" in files and len(files) > 1:
        paths = " and ".join(listing.path(each) for each in files.values())
        yield MigrationError(f"{paths} have the same name: the history does not say which of them was executed")
    elif not name.lower().endswith(".sql"):
        yield MigrationError(
            f"{path} is code, not SQL: it is not executed here",
            hint=f"{BY_HAND}; `node-pg-migrate up --dry-run` prints the SQL of pending migrations",
        )
    elif "both" not in files and "up" not in files:
        yield MigrationError(f"{path} has no up file")


def _sections(source: Source) -> tuple[dict[str, Part], list[MigrationError], list[MigrationError]]:
    """Cut a file as `getActions` does; a file without a marker is all up."""
    text = source.text
    starts = {direction: found.start() for direction, marker in _MARKERS.items() if (found := marker.search(text))}
    if not starts:
        return {"up": Part(text)}, [], []
    if "up" not in starts:
        span = _marker_span(source, "down")
        message = f"{source.path} has a down section and no up section: node-pg-migrate executes all of it as up"
        return {}, [], [MigrationError(message, span, hint="write the line `-- Up Migration` above the up section")]
    first = min(starts.values())
    head, notes = text[:first], []
    if blanked(head, "comment", "blank").strip():
        message = "the statements above the first section are left out: node-pg-migrate does not execute them"
        notes, head = [MigrationError(message, source.span(len(head) - len(head.lstrip())))], ""
    parts = {}
    for direction, start in starts.items():
        end = min((each for each in starts.values() if each > start), default=len(text))
        parts[direction] = Part(text[_below(text, direction, start) : end])
    parts["up"] = Part(head + parts["up"].text)
    return parts, notes, []


def _below(text: str, direction: str, start: int) -> int:
    """Return where the line below a marker begins."""
    marker = _MARKERS[direction].search(text, start)
    end = _LINE_END.search(text, marker.end() if marker else start)
    return end.end() if end else len(text)


def _marker_span(source: Source, direction: str) -> Span:
    found = _MARKERS[direction].search(source.text)
    if found is None:
        raise AssertionError("only a file with this marker is asked")
    start = found.start() + len(found[0]) - len(found[0].lstrip())
    return source.span(start, found.end())


def _query(place: Place) -> str:
    """Read the times in the time zone of the server: node-pg-migrate writes `now()` into a `timestamp`.

    Without its option for pairs it executes both files of a pair as a migration, each under its own name.
    """
    rows = f"(select * from {quoted(place.schema, place.table)} where name !~ '[.]down$' and name <> {literal(_MARK)})"
    return select(
        rows,
        key="pg_catalog.regexp_replace(t.name, '[.]up$', '')",
        executed_at=in_server_time_zone("t.run_on"),
        order_by="t.run_on, t.id",
    )


def _locks(_place: Place) -> list[int]:
    return [_LOCK]


def _guard(place: Place) -> Guard:
    """Stop it before it executes a program without a transaction: it refuses to go on if its first row has no file."""
    table, mark = quoted(place.schema, place.table), literal(_MARK)
    return Guard(
        mark=f"insert into {table} (name, run_on) select {mark}, '0001-01-01' "
        f"where not exists (select from {table} where name = {mark})",
        unmark=f"delete from {table} where name = {mark}",
    )


NODE_PG_MIGRATE = Tool("node-pg-migrate", ("migrations",), _read, _query, locks=_locks, guard=_guard)

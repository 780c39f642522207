"""goose: `00001_name.sql` with annotations, and the table `goose_db_version`.

The grammar is that of `internal/sqlparser/parser.go`: a comment line with `+goose` in it is an annotation, in any case
of letters, without blanks before it. `NO TRANSACTION` stands for both directions. `ENVSUB ON` has variables of the
environment replaced. Names are those of `migration.go`, `NumericComponent`: digits before the first `_`; the order is
that of the numbers. Of several rows of a version the last one counts (`internal/dialects/postgres.go`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.adopt.sections import lines
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source

from .statement_blocks import BEGIN, END, CommandLine, is_comment, notes_of, text_of
from .tool import Guard, Tool, guard_row, in_server_time_zone, not_sql, select

_FILE = re.compile(r"(?P<version>[0-9]+)_(?P<name>.*)\.(?P<extension>sql|go)")
_COMMANDS = ("Up", "Down", BEGIN, END, "NO TRANSACTION", "ENVSUB ON", "ENVSUB OFF")
_KNOWN = {command.lower(): command for command in _COMMANDS}
_LOCKS = "goose_lock"
_HIGHEST = 2**63 - 1
_LOCK = 4097083626  # of the library, `lock/session_locker_options.go`; the program takes none


def _read(listing: Listing) -> Reading | None:
    """Read the files whose names begin with a number; None if none of them has an annotation."""
    names = {name: match for name in listing.top if (match := _FILE.fullmatch(name)) and int(match["version"]) > 0}
    names = {name: match for name, match in names.items() if not name.endswith("_test.go")}
    if not any(b"goose" in listing.files[name] for name in names):
        return None
    in_order = sorted(names, key=lambda name: (int(names[name]["version"]), name))
    return Reading("goose", listing.folder, tuple(_migration(listing, name, names[name]) for name in in_order))


def _migration(listing: Listing, name: str, match: re.Match[str]) -> ForeignMigration:
    path = listing.path(name)
    source = not_sql(path) or listing.try_source(name)
    marked = list(_lines(source)) if isinstance(source, Source) else []
    obstacles = list(_obstacles(source, marked)) if isinstance(source, Source) else [source]
    has_transaction = not any(line.command == "NO TRANSACTION" for line in marked)
    up, down = _sections(marked)
    return ForeignMigration(
        str(int(match["version"])),
        match["version"],
        match["name"],
        path,
        None if obstacles else Part(text_of(up), has_transaction),
        None if obstacles or not down else Part(text_of(down), has_transaction),
        () if obstacles else tuple(_notes(marked)),
        tuple(obstacles),
        listing.files[name],
    )


def _lines(source: Source) -> Iterator[CommandLine]:
    """Read the lines as `extractAnnotation` does; a command that goose does not know stays as it is written."""
    for line in lines(source):
        if not (line.text.lstrip().startswith("--") and "+goose" in line.text):
            yield CommandLine(line)
            continue
        written = line.text.replace("--", "").replace("+goose", "", 1).strip()
        yield CommandLine(line, _KNOWN.get(written.lower(), written or "+goose"))


def _sections(marked: Sequence[CommandLine]) -> tuple[list[CommandLine], list[CommandLine]]:
    """Return the lines of both directions, without what does not belong to one; comments above Up belong to it."""
    up: list[CommandLine] = []
    down: list[CommandLine] = []
    current = up
    for line in marked:
        current = down if line.command == "Down" else current
        if line.command in ("", BEGIN, END):
            current.append(line)
    return up, down


def _obstacles(source: Source, marked: Sequence[CommandLine]) -> Iterator[MigrationError]:
    """Yield why goose does not execute the file, or why its text is not what goose executes."""
    state, in_block, in_envsub = "", False, False
    for line in marked:
        command = line.command
        if command and (wrong := _wrong(line, state, in_block=in_block)):
            yield MigrationError(f"goose refuses the file: {wrong}", line.place)
        elif not command and not state and not is_comment(line.span.text):
            yield MigrationError("goose refuses the file: SQL above `-- +goose Up`", line.place)
            return
        elif not command and in_envsub and "$" in line.span.text:
            at = line.span.start + line.span.text.index("$")
            yield MigrationError(
                "goose replaces variables of the environment here (ENVSUB ON)",
                source.span(at, at + 1),
                hint="write {path} by hand, with the values in their place",
            )
        state = command if command in ("Up", "Down") else state
        in_block = command == BEGIN or (in_block and command != END)
        in_envsub = command == "ENVSUB ON" or (in_envsub and command != "ENVSUB OFF")
    if not state:
        yield MigrationError(f"{source.path} has no `-- +goose Up`: goose refuses it")
    if in_block:
        begin = next(line for line in reversed(marked) if line.command == BEGIN)
        yield MigrationError(f"goose refuses the file: `{BEGIN}` without `{END}`", begin.place)


def _wrong(line: CommandLine, state: str, *, in_block: bool) -> str:
    """Return what is wrong with an annotation, empty if nothing is."""
    command = line.command
    faults = (
        (line.span.text[0] in " \t", "blanks stand before the annotation"),
        (command not in _COMMANDS, f"`{command}` is not an annotation; known are {', '.join(_COMMANDS)}"),
        (command == state, f"a second `-- +goose {command}`"),
        (command == "Up" and state == "Down", "`-- +goose Up` has to come first"),
        (command in ("Down", BEGIN) and not state, f"`-- +goose Up` has to stand above `{command}`"),
        (command in ("Down", BEGIN) and in_block, f"`{END}` is missing above `{command}`"),
        (command == END and not in_block, f"`{END}` without `{BEGIN}`"),
    )
    return next((message for is_wrong, message in faults if is_wrong), "")


def _notes(marked: Sequence[CommandLine]) -> Iterator[MigrationError]:
    for line in marked:
        if line.command == "NO TRANSACTION":
            yield MigrationError("`NO TRANSACTION` becomes the directive `no-transaction`", line.place)
        elif line.command == "ENVSUB ON":
            yield MigrationError("`ENVSUB ON` is left out: the text has no variables", line.place)
    yield from notes_of(marked)


def _query(place: Place) -> str:
    """Read the last row of each version; older layouts keep a row for each `down` too, with `is_applied` false."""
    last = (
        "select distinct on (v.version_id) v.* "
        f"from {quoted(place.schema, place.table)} v where v.version_id > 0 and v.version_id < {_HIGHEST} "
        "order by v.version_id, v.id desc"
    )
    return select(
        f"(select l.* from ({last}) l where l.is_applied)",
        key="t.version_id",
        executed_at=in_server_time_zone("t.tstamp"),
        order_by="t.id",
    )


def _guard(place: Place) -> Guard:
    """Stop it before it executes a file without a transaction: it refuses versions below the newest executed one."""
    return guard_row(quoted(place.schema, place.table), version_id=str(_HIGHEST), is_applied="true")


def _busy(place: Place) -> str:
    """Look at the table with which the library locks, if it is told to (`lock/internal/store/postgres.go`)."""
    if _LOCKS not in place.tables:
        return ""
    table = quoted(place.schema, _LOCKS)
    return f"select locked_by from {table} where locked and lease_expires_at > pg_catalog.now()"


def _locks(_place: Place) -> list[int]:
    return [_LOCK]


GOOSE = Tool(
    "goose", ("migrations", "db/migrations", "sql/migrations"), _read, _query, locks=_locks, guard=_guard, busy=_busy
)

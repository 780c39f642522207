"""Flyway: `V1.2__create_users.sql`, `U1.2__…`, `R__…`, `B1.2__…` in folders, and `flyway_schema_history`.

Names are those of `ResourceNameParser.java`, versions those of `MigrationVersion.java`, the checksum that of
`ChecksumCalculator.java`, the keys of locks those of `PostgreSQLAdvisoryLockTemplate.java`, settings beside a script
those of `SqlScriptMetadata.java`. Prefixes, suffixes and placeholders that a project has set otherwise are not read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading, Record
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.parsing.splitter import split
from sqlmigrate.source import Source, Span

from .tool import MARK, Guard, Tool, in_server_time_zone, select

_VERSION = r"[0-9]+(?:[._][0-9]+)*"
_FILE = re.compile(rf"(?P<prefix>[VUB])(?P<version>{_VERSION})(?:__(?P<name>.*))?\.(?i:sql)", re.DOTALL)
_LANGUAGES = "java|kt|groovy|scala|class|py|sh|bash|ps1|bat|cmd"
_CODE = re.compile(rf"[VUB](?P<version>{_VERSION})__(?P<name>.*)\.(?P<language>{_LANGUAGES})", re.DOTALL)
_REPEATABLE = re.compile(r"R__.*\.(?i:sql)", re.DOTALL)
_CALLBACK = re.compile(r"(?:before|after)[A-Z]\w*(?:__.*)?\.(?i:sql)|createSchema(?:__.*)?\.(?i:sql)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_SETTING = re.compile(r"^[ \t]*(?P<name>\w+)[ \t]*=[ \t]*(?P<value>[^\r\n]*?)[ \t]*$", re.MULTILINE)
_LINE_END = re.compile("\r\n|\r|\n")
_LAST_RANK = 2**31 - 1
_LOCK = 0x466C79776179  # "Flyway"
_UNDONE = (
    "exists (select from {table} l where l.version = h.version and l.installed_rank > h.installed_rank "
    "and l.success and (l.type like 'UNDO%' or l.type = 'DELETE'))"
)


@dataclass(frozen=True)
class _Script:
    """A script as it is converted.

    Attributes:
        part: The text; None if it cannot be converted.
        notes: What is converted with a change.
        obstacles: Why it cannot be converted.
    """

    part: Part | None
    notes: tuple[MigrationError, ...] = ()
    obstacles: tuple[MigrationError, ...] = ()


def _read(listing: Listing) -> Reading | None:
    """Read all folders in the folder: locations are searched recursively."""
    found: dict[str, dict[str, list[str]]] = {prefix: {} for prefix in "VUB"}
    for path in listing.files:
        if match := _FILE.fullmatch(path.rpartition("/")[2]) or _CODE.fullmatch(path.rpartition("/")[2]):
            found[match[0][0]].setdefault(_key(match["version"]), []).append(path)
    ups = {**_newest_baseline(found), **found["V"]}
    if not ups:
        return None
    keys = sorted(ups, key=_numbers)
    migrations = tuple(_migration(listing, key, ups[key], found["U"].get(key, ())) for key in keys)
    used = {path for key in keys for path in (*ups[key], *found["U"].get(key, ()))}
    others = tuple(_others(listing, used))
    is_marked = any(path.lower().endswith(".sql.conf") for path in listing.files)
    return Reading("Flyway", listing.folder, migrations, others, is_marked=is_marked)


def _newest_baseline(found: Mapping[str, Mapping[str, list[str]]]) -> dict[str, list[str]]:
    """Return the baseline script that stands for versions whose files are gone: a new database begins with it."""
    newest = max(found["B"], key=_numbers, default=None)
    if newest is None or any(_numbers(key) <= _numbers(newest) for key in found["V"]):
        return {}
    return {newest: found["B"][newest]}


def _key(version: str) -> str:
    """Return a version as `_query` does: parts without leading zeros, and no `.0` at the end."""
    parts = [str(int(part)) for part in re.split(r"[._]", version)]
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return ".".join(parts)


def _numbers(key: str) -> list[int]:
    return [int(part) for part in key.split(".")]


def _migration(listing: Listing, key: str, paths: Sequence[str], undo: Sequence[str]) -> ForeignMigration:
    path = paths[0]
    name = path.rpartition("/")[2]
    match = _FILE.fullmatch(name) or _CODE.fullmatch(name)
    if match is None:
        raise AssertionError("only such names are read")
    up = _script(listing, path)
    down = _script(listing, undo[0]) if undo else _Script(None)
    doubled = tuple(
        MigrationError(
            f"{listing.path(other)} has the version of {listing.path(path)}",
            hint="Flyway refuses such a folder: rename one of them, or remove it",
        )
        for other in (*paths[1:], *undo[1:])
    )
    obstacles = (*up.obstacles, *down.obstacles, *doubled)
    return ForeignMigration(
        key,
        match["version"],
        match["name"] or "",
        listing.path(path),
        None if obstacles else up.part,
        None if obstacles else down.part,
        (*up.notes, *down.notes),
        obstacles,
        listing.files[path],
    )


def _script(listing: Listing, path: str) -> _Script:
    if match := _CODE.fullmatch(path.rpartition("/")[2]):
        message = f"{listing.path(path)} is a migration in {match['language']}, not in SQL"
        return _Script(None, obstacles=(MigrationError(message),))
    source = listing.try_source(path)
    if isinstance(source, MigrationError):
        return _Script(None, obstacles=(source,))
    settings = _settings(listing, f"{path}.conf")
    notes, obstacles = [], []
    has_transaction = True
    for name, (value, span) in settings.items():
        if name == "executeInTransaction":
            has_transaction = value.lower() != "false"
        elif name == "shouldExecute":
            obstacles.append(MigrationError(f"`{span.text}` executes the script only in some databases", span))
    if (found := settings.get("executeInTransaction")) and not has_transaction:
        notes.append(MigrationError("`executeInTransaction=false` becomes the directive `no-transaction`", found[1]))
    elif not found and (outside := _outside_transaction(source)):
        has_transaction = False
        notes.append(MigrationError("Flyway executes this file without a transaction: the directive says so", outside))
    if settings.get("placeholderReplacement", ("true",))[0].lower() != "false":
        obstacles += _placeholders(source)
    return _Script(Part(source.text, has_transaction), tuple(notes), tuple(obstacles))


def _settings(listing: Listing, path: str) -> dict[str, tuple[str, Span]]:
    """Return the settings beside a script, each with its place."""
    source = listing.try_source(path) if path in listing.files else None
    if not isinstance(source, Source):
        return {}
    found = _SETTING.finditer(source.text)
    return {each["name"]: (each["value"], source.span(each.start("name"), each.end("value"))) for each in found}


def _outside_transaction(source: Source) -> Span | None:
    """Return the statement for which Flyway leaves out the transaction, as `PostgreSQLParser.java` finds it.

    Where it is the only one, our executor leaves out the transaction too, and the file stays as it is.
    """
    try:
        statements = list(split(source))
    except MigrationError:  # an old file is not judged
        return None
    outside = [each.span for each in statements if not each.kind.runs_in_transaction]
    return outside[0] if outside and len(statements) > 1 else None


def _placeholders(source: Source) -> Iterator[MigrationError]:
    for found in _PLACEHOLDER.finditer(source.text):
        yield MigrationError(
            f"`{found[0]}` is a placeholder: its value is in the settings of Flyway",
            source.span(found.start(), found.end()),
        )


def _others(listing: Listing, used: set[str]) -> Iterator[MigrationError]:
    """Say which files are not converted, and what becomes of what they do."""
    for path in listing.files:
        name, shown = path.rpartition("/")[2], listing.path(path)
        if path in used:
            continue
        if _REPEATABLE.fullmatch(name):
            yield MigrationError(f"{shown} is repeatable: it is not converted; write a migration for each change of it")
        elif _CALLBACK.fullmatch(name):
            yield MigrationError(f"{shown} is a callback: it is not converted, and is not executed any more")
        elif match := _FILE.fullmatch(name) or _CODE.fullmatch(name):
            what = "undoes a version that has no file" if match[0][0] == "U" else "is for empty databases only"
            yield MigrationError(f"{shown} {what}: it is not converted")


# -- the history -------------------------------------------------------------------------------------------------------


def _query(place: Place) -> str:
    """Read what is executed and not undone, and what has failed; executed repeatable scripts are left out."""
    table = quoted(place.schema, place.table)
    rows = (
        f"(select h.* from {table} h where h.script <> '{MARK}' and (not h.success or h.version is not null "
        f"and h.type not in ('SCHEMA', 'DELETE') and h.type not like 'UNDO%' and not {_UNDONE.format(table=table)}))"
    )
    key = r"regexp_replace(regexp_replace(t.version, '(^|\.)0+(?=\d)', '\1', 'g'), '(\.0)+$', '')"
    return select(
        rows,
        key=f"coalesce(pg_catalog.{key.replace('(regexp', '(pg_catalog.regexp')}, t.script)",
        state="case when not t.success then 'failed' when t.type ~ '^INIT$|BASELINE$' then 'baseline' "
        "else 'executed' end",
        name="t.script",
        executed_at=in_server_time_zone("t.installed_on"),
        duration_ms="t.execution_time",
        executed_by="t.installed_by",
        checksum="t.checksum",
        order_by="t.installed_rank",
    )


def checksum_of(raw: bytes) -> int:
    """Return the checksum of a script: CRC-32 of its lines without line ends, as a signed integer."""
    lines = _LINE_END.split(raw.decode(errors="replace").removeprefix("\ufeff"))
    found = zlib.crc32("".join(lines).encode())
    return found - 2**32 if found >= 2**31 else found


def _is_same(migration: ForeignMigration, record: Record) -> bool | None:
    """Compare; a baseline script that stands for the script of its version has another text on purpose."""
    name, executed = (path.rpartition("/")[2] for path in (migration.path, record.name))
    if record.checksum is None or name[:1] != executed[:1]:
        return None
    return int(record.checksum) == checksum_of(migration.raw)


def _locks(place: Place) -> list[int]:
    """Return the key: the name of the tool, and the hash that Java has of the table's name."""
    found = 0
    for character in f'"{place.schema}"."{place.table}"'.encode("utf-16-be").hex(" ", 2).split():
        found = (31 * found + int(character, 16)) % 2**32
    return [_LOCK + (found - 2**32 if found >= 2**31 else found)]


def _guard(place: Place) -> Guard:
    """Stop Flyway before it executes a script without a transaction: it refuses to go on behind a failed version.

    The version is the oldest, because newer ones than those of the folder are ignored by default.
    """
    table = quoted(place.schema, place.table)
    ranks = "installed_rank, version_rank" if "version_rank" in place.columns else "installed_rank"
    rank = f"{_LAST_RANK}, 1" if "version_rank" in place.columns else f"{_LAST_RANK}"
    return Guard(
        mark=f"insert into {table} ({ranks}, version, description, type, script, installed_by, installed_on, "
        f"execution_time, success) select {rank}, '0', 'looked after by sqlmigrate', 'SQL', '{MARK}', current_user, "
        f"pg_catalog.now(), 0, false where not exists (select from {table} where script = '{MARK}')",
        unmark=f"delete from {table} where script = '{MARK}'",
    )


FLYWAY = Tool(
    "Flyway",
    ("src/main/resources/db/migration", "db/migration", "migrations"),
    _read,
    _query,
    is_same=_is_same,
    locks=_locks,
    guard=_guard,
    repair="remove from the database what the failed script has left, then execute `flyway repair`",
)

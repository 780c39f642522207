"""Liquibase: `--changeset author:id` in files that begin with `--liquibase formatted sql`, and `databasechangelog`.

The grammar is that of `AbstractFormattedChangeLogParser.java`: it works line by line, in any case of letters. What the
lines of a changeset become is in `liquibase_changeset.py`, the order of the files in `liquibase_changelogs.py`. The
checksums are those of `CheckSum.java` and `RawSQLChange.java`: `9:` since 4.22, `8:` before that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading, Record
from sqlmigrate.adopt.sections import lines
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source, Span

from .liquibase_changelogs import changelogs, changesets, in_order, plain_path
from .liquibase_changeset import MARKER, Changeset, read_changeset
from .tool import Guard, Tool, in_server_time_zone, select

_HEADER = re.compile(r"\s*--\s*liquibase\s*formatted.*", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"\s*(?:--.*)?")
_LOGICAL_PATH = re.compile(r".*logicalFilePath:(?P<path>\S+)", re.IGNORECASE)
_IGNORE = re.compile(r"--\s*ignoreLines:(\w+)", re.IGNORECASE)
_BLANKS = re.compile(rb"[ \n\r\t]+")
_TRIMMED = "".join(map(chr, range(33)))  # what Java's `trim` removes
_LOCK_TABLE = "databasechangeloglock"


def _read(listing: Listing) -> Reading | None:
    roots = changelogs(listing)
    sources = {name: listing.try_source(name) for name in listing.files if name.lower().endswith(".sql")}
    formatted = {name: each for name, each in sources.items() if isinstance(each, Source) and _header(each)}
    if not formatted and not roots:
        return None
    order = in_order(listing, roots, [*sources, *roots])
    others = [
        MigrationError(f"{listing.path(name)} is included by no changelog: it is left out")
        for name in (*formatted, *roots)
        if order and name not in order
    ]
    migrations: list[ForeignMigration] = []
    for name in order or sorted((*formatted, *roots)):
        if name in roots:
            migrations += changesets(roots[name])
        elif name in formatted:
            found = list(_changesets(formatted[name]))
            migrations += [_migration(listing.path(name), each) for each in found if each.left_out is None]
            others += [each.left_out for each in found if each.left_out]
        else:
            migrations.append(_plain(listing, name, sources[name]))
    if any(each.down for each in migrations):
        others.append(MigrationError("the text of `--rollback` lines becomes the down files, without this prefix"))
    return Reading("Liquibase", listing.folder, tuple(migrations), tuple(others))


def _header(source: Source) -> Span | None:
    """Return the first line that is not blank, if it says that the file is a changelog."""
    first = next((line for line in lines(source) if line.text.strip()), None)
    return first if first and _HEADER.fullmatch(first.text) else None


def _changesets(source: Source) -> Iterator[Changeset]:
    """Yield the changesets of a file; comments above the first one belong to it."""
    header = _header(source)
    logical = _LOGICAL_PATH.match(header.text) if header else None
    path = logical["path"] if logical else ""
    head, left_out = "", []
    begun: list[tuple[Span, list[Span]]] = []
    for line, is_read in _marked(source):
        if not is_read:
            left_out.append(line)
        elif MARKER.match(line.text):
            begun.append((line, []))
        elif begun:
            begun[-1][1].append(line)
        elif line != header and _COMMENT.fullmatch(line.text.rstrip("\r\n")):
            head += line.text
    for at, (marker, body) in enumerate(begun):
        found = read_changeset(marker, body, path, "" if at else head.lstrip("\r\n"))
        ignored = [each for each in left_out if marker.start < each.start][:1] if at + 1 == len(begun) else []
        note = (MigrationError("lines that Liquibase ignores are left out", each) for each in ignored)
        yield replace(found, notes=(*found.notes, *note))


def _marked(source: Source) -> Iterator[tuple[Span, bool]]:
    """Yield the lines, and whether Liquibase reads them: `--ignoreLines` says that it does not."""
    is_ignored, left = False, 0
    for line in lines(source):
        found = _IGNORE.fullmatch(line.text.rstrip("\r\n"))
        if left:
            left -= 1
            yield line, False
        elif found:
            is_ignored = found[1] == "start"
            left = int(found[1]) if found[1].isdecimal() else 0
            yield line, False
        else:
            yield line, not is_ignored


def _migration(path: str, found: Changeset) -> ForeignMigration:
    stem = path.rpartition("/")[2].rpartition(".")[0]
    key = f"{found.id}::{found.author}::{plain_path(found.path or path)}"
    name = f"{stem}_{found.id}" if found.id.isdecimal() else found.id
    raw = json.dumps([found.summed, found.options, found.valid]).encode()
    return ForeignMigration(key, "", name, path, found.up, found.down, found.notes, found.obstacles, raw)


def _plain(listing: Listing, name: str, source: Source | MigrationError) -> ForeignMigration:
    """Return a file without changesets, which is included as a whole, as `SqlChangeLogParser.java` does."""
    path, stem = listing.path(name), name.rpartition("/")[2].rpartition(".")[0]
    key = f"raw::includeAll::{plain_path(path)}"
    if isinstance(source, MigrationError):
        return ForeignMigration(key, "", stem, path, None, obstacles=(source,))
    raw = json.dumps([source.text, {}, []]).encode()
    return ForeignMigration(key, "", stem, path, Part(source.text), raw=raw)


# -- the history -------------------------------------------------------------------------------------------------------


def _query(place: Place) -> str:
    path = r"regexp_replace(pg_catalog.replace(t.filename, '\', '/'), '^(classpath\*?:)?(\./|/)*', '')"
    more = {"duration_ms": "t.execution_milliseconds"} if "execution_milliseconds" in place.columns else {}
    return select(
        f"(select h.* from {quoted(place.schema, place.table)} h where h.exectype <> 'SKIPPED')",
        key=f"t.id || '::' || t.author || '::' || pg_catalog.{path}",
        state="case t.exectype when 'FAILED' then 'failed' else 'executed' end",
        executed_at=in_server_time_zone("t.dateexecuted"),
        checksum="t.md5sum",
        order_by="t.orderexecuted, t.dateexecuted",
        **more,
    )


def _matched(migrations: Sequence[ForeignMigration], records: Sequence[Record]) -> tuple[Record, ...]:
    """Give records the keys of their files: a path in the history begins where Liquibase was told to search."""
    known: dict[str, list[str]] = {}
    for each in migrations:
        known.setdefault(each.key.rpartition("::")[0], []).append(each.key)
    return tuple(_with_key_of(record, known.get(record.key.rpartition("::")[0], ())) for record in records)


def _with_key_of(record: Record, keys: Sequence[str]) -> Record:
    path = f"/{record.key.rpartition('::')[2]}"
    paths = {key: f"/{key.rpartition('::')[2]}" for key in keys}
    found = [key for key in keys if paths[key].endswith(path) or path.endswith(paths[key])]
    return replace(record, key=min(found, key=lambda key: abs(len(paths[key]) - len(path)))) if found else record


def checksum_of(version: str, text: str, options: dict[str, str]) -> str | None:
    """Return the checksum of a changeset, as that version of the algorithm writes it; None for older ones."""
    data = text.strip(_TRIMMED).encode()
    if version == "9":
        of_change = _BLANKS.sub(b"", data)
    elif version == "8":
        has = (options.get(name, "true").lower() for name in ("splitstatements", "stripcomments"))
        of_change = f"{':'.join((options.get('enddelimiter', 'null'), *has))}:".encode()
        of_change += _BLANKS.sub(b" ", data).strip(b" ")
    else:
        return None
    inner = f"{version}:{hashlib.md5(of_change, usedforsecurity=False).hexdigest()}:"
    return f"{version}:{hashlib.md5(inner.encode(), usedforsecurity=False).hexdigest()}"


def _is_same(migration: ForeignMigration, record: Record) -> bool | None:
    """Compare; a text with parameters has another checksum than the executed one."""
    if record.checksum is None or not migration.raw:
        return None
    text, options, valid = json.loads(migration.raw)
    own = checksum_of(record.checksum.partition(":")[0], text, options)
    if own is None or "${" in text:
        return None
    return own == record.checksum or any(each in (own, record.checksum, "1:any", "any") for each in valid)


def _busy(place: Place) -> str:
    if _LOCK_TABLE not in place.tables:
        return ""
    table = quoted(place.schema, _LOCK_TABLE)
    return f"select t.lockedby || ' since ' || t.lockgranted::timestamp(0)::text from {table} t where t.locked"


def _guard(place: Place) -> Guard:
    return Guard(tables=(_LOCK_TABLE,) if _LOCK_TABLE in place.tables else ())


LIQUIBASE = Tool(
    "Liquibase",
    ("src/main/resources/db/changelog", "db/changelog", "changelog", "changelogs", "liquibase", "migrations"),
    _read,
    _query,
    is_same=_is_same,
    repair="remove from the database what the failed changeset has left, and its row from the history",
    guard=_guard,
    busy=_busy,
    unlock="if no run is left, execute `liquibase release-locks`",
    matched=_matched,
)

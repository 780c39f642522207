"""graphile-migrate: `committed/000001-users.sql` with header lines, and the table `graphile_migrate.migrations`.

The header is that of `parseMigrationText`, the hash that of `calculateHash` (`src/migration.ts`, `src/hash.ts`). The
history calls a file by its number alone. Placeholders are replaced anywhere in the text, so such a file cannot be
converted. graphile-migrate has no down.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading, Record
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.parsing.tokens import tokens
from sqlmigrate.source import Source, Span

from .tool import BY_HAND, Guard, Tool, select, with_other_line_ends

_FILE = re.compile(r"(?:(?P<folder>committed)/)?(?P<number>[0-9]+)(?:-(?P<slug>[-_a-zA-Z0-9]*))?\.sql")
_HEADER = re.compile(r"--! (?P<key>[A-Z][a-zA-Z0-9_]*)(?::(?P<value>[^\n]*))?")
_NO_TRANSACTION = re.compile(r"--!\s*no-transaction\b")
_CURRENT = re.compile(r"current(?:\.sql|/[0-9]+(?:-[-_a-zA-Z0-9]*)?\.sql)")
_PLACEHOLDER = re.compile(r"(?<![:\w]):[A-Z_][A-Z0-9_]*\b(?!:)")
# What `trim` of JavaScript removes; `strip` of Python has other characters.
_BLANKS = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
_CURRENT_TABLE = "current"
_LOCK = 4727445306447283
# graphile-migrate executes the files whose names sort behind the last one in its history.
_LAST = "~ this database is looked after by sqlmigrate"


def _read(listing: Listing) -> Reading | None:
    names = [name for name in listing.files if _FILE.fullmatch(name)]
    committed = [name for name in names if "/" in name] or names
    sources = {name: source for name in committed if isinstance(source := listing.try_source(name), Source)}
    if not any({"Previous", "Hash"} <= set(_header(source.text)[0]) for source in sources.values()):
        return None
    migrations: list[ForeignMigration] = []
    before: str | None = None
    for name in sorted(committed, key=_key):
        migrations.append(_migration(listing, name, before))
        before = _header(sources[name].text)[0].get("Hash") if name in sources else None
    return Reading("graphile-migrate", listing.folder, tuple(migrations), tuple(_others(listing)))


def _key(name: str) -> str:
    match = _FILE.fullmatch(name)
    if match is None:
        raise AssertionError("only such names are read")
    return f"{match['number']}.sql"


def _header(text: str) -> tuple[Mapping[str, str], int]:
    """Return the header of a file, and where its body begins."""
    found: dict[str, str] = {}
    at = 0
    for line in text.split("\n"):
        match = _HEADER.fullmatch(line.removesuffix("\r"))
        if not match:
            break
        found.setdefault(match["key"], (match["value"] or "").strip())
        at += len(line) + 1
    return found, min(at, len(text))


def _migration(listing: Listing, name: str, before: str | None) -> ForeignMigration:
    match = _FILE.fullmatch(name)
    if match is None:
        raise AssertionError("only such names are read")
    path, raw, source = listing.path(name), listing.files[name], listing.try_source(name)
    slug = match["slug"] or "migration"
    if isinstance(source, MigrationError):
        return ForeignMigration(_key(name), match["number"], slug, path, None, obstacles=(source,), raw=raw)
    header, start = _header(source.text)
    obstacles = (*_faults(source, header, before), *_placeholders(source, start))
    body = source.text[start:]
    mark = source.span(start + len(body) - len(body.lstrip()))
    has_transaction = not _NO_TRANSACTION.match(body.lstrip())
    said = MigrationError("`--! no-transaction` becomes the directive `no-transaction`", mark)
    return ForeignMigration(
        _key(name),
        match["number"],
        slug,
        path,
        Part(source.text, has_transaction) if not obstacles else None,
        notes=() if has_transaction else (said,),
        obstacles=obstacles,
        raw=raw,
    )


def _faults(source: Source, header: Mapping[str, str], before: str | None) -> Iterator[MigrationError]:
    for key in ("Previous", "Hash"):
        if not header.get(key):
            yield MigrationError(f"{source.path} has no line `--! {key}: …`: it is not a committed migration")
            return
    if header["Previous"] != (before or "-"):
        yield MigrationError(
            f"{source.path} does not follow the file before it: "
            f"it names `{header['Previous']}` as the previous hash, and that file has `{before or '-'}`",
            hint="restore the files as graphile-migrate committed them",
        )


def _placeholders(source: Source, start: int) -> Iterator[MigrationError]:
    """Find `:NAME` outside of comments: graphile-migrate puts a text of its configuration there."""
    seen: set[str] = set()
    for kind, offset, text in tokens(source.text):
        if offset < start or kind in ("comment", "blank"):
            continue
        span = source.span(offset, offset + len(text))
        for found in (
            _PLACEHOLDER.finditer(source.text, span.start, span.end) if kind in ("string", "body") else _bare(span)
        ):
            reserved = found[0] in (":DATABASE_NAME", ":DATABASE_OWNER")
            is_whole = kind == "string" and text.strip("'") == found[0]
            if found[0] not in seen and (kind == "word" or reserved or is_whole):
                seen.add(found[0])
                yield MigrationError(
                    f"`{found[0]}` is a placeholder: graphile-migrate writes a text of its configuration there",
                    source.span(found.start(), found.end()),
                    hint=BY_HAND,
                )


def _bare(span: Span) -> Iterator[re.Match[str]]:
    """Find a placeholder that begins with a sign at the end of a word of the SQL."""
    if span.text.endswith(":") and (found := _PLACEHOLDER.match(span.source.text, span.end - 1)):
        yield found


def _others(listing: Listing) -> Iterator[MigrationError]:
    for name in listing.files:
        if _CURRENT.fullmatch(name) and listing.files[name].strip():
            yield MigrationError(
                f"{listing.path(name)} is not committed: it is not taken over",
                hint="commit it with graphile-migrate first, or write it as a new migration",
            )


def _is_same(migration: ForeignMigration, record: Record) -> bool | None:
    """Compare the file with its header, and its header with the history; None if the file allows a wrong hash."""
    for raw in with_other_line_ends(migration.raw):
        text = raw.decode("utf-8", errors="replace")
        header, start = _header(text)
        if header.get("Hash") == record.checksum and "AllowInvalidHash" in header:
            return None
        if header.get("Hash") == record.checksum == hash_of(text[start:], header.get("Previous", "-")):
            return True
    return False


def hash_of(body: str, previous: str) -> str:
    """Return the hash of a file: of the previous hash, `-` if it is the first, and its text below the header."""
    before = "" if previous == "-" else previous
    text = f"{before}\n{body.strip(_BLANKS)}".strip(_BLANKS)
    return "sha1:" + hashlib.sha1(f"{text}\n".encode()).hexdigest()  # noqa: S324 - it is graphile-migrate's


def _query(place: Place) -> str:
    table = quoted(place.schema, place.table)
    rows = f"(select * from {table} where filename <> {literal(_LAST)})"
    return select(rows, key="t.filename", executed_at="t.date", checksum="t.hash", order_by="t.filename")


def _locks(_place: Place) -> list[int]:
    return [_LOCK]


def _guard(place: Place) -> Guard:
    """Stop it before it executes a file without a transaction, which it records afterwards.

    `watch` executes `current.sql` in another session than the one that records it, but removes its last text before.
    """
    table, current = quoted(place.schema, place.table), quoted(place.schema, _CURRENT_TABLE)
    last, text = literal(_LAST), literal(f"-- {_LAST[2:]}")
    mark = f"insert into {table} (hash, filename) values ({last}, {last}) on conflict do nothing"
    unmark = f"delete from {table} where filename = {last}"
    if _CURRENT_TABLE not in place.tables:
        return Guard(mark=mark, unmark=unmark)
    return Guard(
        tables=(_CURRENT_TABLE,),
        mark=f"with marked as ({mark}) insert into {current} as c (filename, content) values ('current.sql', {text}) "
        "on conflict (filename) do update set content = excluded.content where c.content = ''",
        unmark=f"with unmarked as ({unmark}) delete from {current} where content = {text}",
    )


GRAPHILE_MIGRATE = Tool("graphile-migrate", ("migrations",), _read, _query, _is_same, _locks, guard=_guard)

"""Atlas: a folder with `atlas.sum`, in its own format or in that of another tool, and `atlas_schema_revisions`.

Names, directives and hashes are those of `sql/migrate/dir.go`, formats those of `sql/sqltool/tool.go`, what counts as
executed is that of `Executor.Pending` in `sql/migrate/migrate.go`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, takewhile

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading, Record
from sqlmigrate.adopt.sections import lines
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source, Span

from .dbmate import DBMATE
from .flyway import FLYWAY
from .golang_migrate import GOLANG_MIGRATE
from .goose import GOOSE
from .liquibase import LIQUIBASE
from .tool import Tool, select

_SUM = "atlas.sum"
_SUM_LINE = re.compile(r"(?P<name>.+) h1:(?P<hash>\S+)")
_FORMATS = (DBMATE, GOOSE, FLYWAY, LIQUIBASE, GOLANG_MIGRATE)
_DIRECTIVE = re.compile(r"(?:--|#)[ -~]*?atlas:(?P<name>\w+)(?: +(?P<value>.+?))?\s*")
_IS_NOT_SUMMED = re.compile(rb"[ -~]*atlas:sum +ignore\s*(?:\n|$)")
_COMMENT = re.compile(r"^[ \t]*--[^\n]*", re.MULTILINE)
_LOCK = 2686470616  # FNV-1, 32 bits, of `atlas_migrate_execute`


def _read(listing: Listing) -> Reading | None:
    if _SUM not in listing.files:
        return None
    others = Listing(listing.folder, {name: data for name, data in listing.files.items() if name != _SUM})
    inner = next((found for tool in _FORMATS if (found := tool.read(others)) and found.migrations), None)
    names = _names_of(inner, others) if inner else sorted(name for name in others.top if name.endswith(".sql"))
    if not names:
        return None
    by_name = _converted(inner, others) if inner else {name: _migration(listing, name) for name in names}
    migrations, notes = _without_checkpoints(others, names, by_name)
    in_place = inner is not None and inner.in_place
    notes += [*(inner.others if inner else ()), *_disagreeing(others, listing.files[_SUM], names)]
    return Reading("Atlas", listing.folder, tuple(migrations), tuple(notes), in_place=in_place)


def _names_of(inner: Reading, listing: Listing) -> list[str]:
    """Return the files of a folder in the format of another tool, in the order in which they are summed."""
    paths = dict.fromkeys(each.path.removeprefix(f"{listing.folder}/") for each in inner.migrations)
    return list(paths) if inner.tool == "Flyway" else sorted(paths)


def _converted(inner: Reading, listing: Listing) -> dict[str, ForeignMigration]:
    """Return the migrations of another tool's format, one for each file, with Atlas' versions."""
    found = {}
    for path, same in groupby(inner.migrations, key=lambda each: each.path):
        first, *more = same
        name = path.removeprefix(f"{listing.folder}/")
        joined = first
        for each in more:
            joined = replace(
                joined,
                up=_joined(joined.up, each.up),
                down=_joined(each.down, joined.down),
                notes=(*joined.notes, *each.notes),
                obstacles=(*joined.obstacles, *each.obstacles),
            )
        version, title = _named(name)
        found[name] = replace(joined, key=version, version=version, name=title)
    return found


def _joined(first: Part | None, second: Part | None) -> Part | None:
    if first is None or second is None:
        return first or second
    return Part(first.text + second.text, first.has_transaction and second.has_transaction)


def _named(name: str) -> tuple[str, str]:
    """Return version and description of a file: what is before the first underscore, and what is behind it."""
    stem = re.sub(r"(?:\.up)?\.sql$", "", name.rpartition("/")[2])
    if match := re.fullmatch(r"V(?P<version>.+?)__(?P<title>.*)", stem):
        return match["version"], match["title"]
    version, _, title = stem.partition("_")
    return version, title


def _migration(listing: Listing, name: str) -> ForeignMigration:
    version, title = _named(name)
    source = listing.try_source(name)
    if isinstance(source, MigrationError):
        return ForeignMigration(version, version, title, listing.path(name), None, obstacles=(source,))
    directives = _directives(source)
    notes, obstacles = [], []
    value, place = directives.get("txmode", ("", None))
    if value == "none":
        notes.append(MigrationError("`atlas:txmode none` becomes the directive `no-transaction`", place))
    delimiter, at = directives.get("delimiter", (";", None))
    if not _ends_with_semicolons(source.text, delimiter):
        obstacles.append(MigrationError(f"statements of this file end with `{delimiter}`, not with a semicolon", at))
    if "txtar" in directives:
        obstacles.append(MigrationError("this file is an archive of several files", directives["txtar"][1]))
    up = None if obstacles else Part(source.text, value != "none")
    path = listing.path(name)
    return ForeignMigration(version, version, title, path, up, notes=tuple(notes), obstacles=tuple(obstacles))


def _directives(source: Source) -> dict[str, tuple[str, Span]]:
    """Return the directives of a file: comments at its top, with an empty line below them."""
    head = list(takewhile(lambda line: line.text.startswith(("--", "#")), lines(source)))
    rest = source.text[head[-1].end :] if head else ""
    if rest and not rest.lstrip(" \t").startswith(("\n", "\r\n")):
        return {}
    found = ((line, _DIRECTIVE.fullmatch(line.text.rstrip())) for line in head)
    return {
        match["name"]: (match["value"] or "", line.source.span(line.start, line.start + match.end()))
        for line, match in found
        if match
    }


def _ends_with_semicolons(text: str, delimiter: str) -> bool:
    """Tell whether a text can be split at semicolons: the delimiter is a comment or white space behind them."""
    if delimiter == ";":
        return True
    plain = delimiter.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t")
    if plain.strip() and not plain.lstrip().startswith("--"):
        return False
    body = "".join(line for line in text.replace("\r\n", "\n").splitlines(keepends=True) if "atlas:" not in line)
    pieces = (_COMMENT.sub("", piece).strip() for piece in body.split(plain))
    return all(piece.endswith(";") for piece in pieces if piece)


def _without_checkpoints(
    listing: Listing, names: Sequence[str], by_name: Mapping[str, ForeignMigration]
) -> tuple[list[ForeignMigration], list[MigrationError]]:
    """Return the migrations; each has in `raw` its file, and the checkpoints before it, from which hashes are computed.

    A checkpoint is for empty databases, unless the older files are gone: then a new database begins with it.
    """
    migrations: list[ForeignMigration] = []
    notes, passed = [], []
    for name in names:
        source = listing.try_source(name)
        is_checkpoint = isinstance(source, Source) and "checkpoint" in _directives(source)
        passed.append([name, is_checkpoint and bool(migrations), listing.files[name].decode("latin-1")])
        if is_checkpoint and migrations:
            message = f"{listing.path(name)} is a checkpoint, which is for empty databases: it is left out"
            notes.append(MigrationError(message))
            continue
        migrations.append(replace(by_name[name], raw=json.dumps(passed).encode()))
        passed = []
    return migrations, notes


def _disagreeing(listing: Listing, data: bytes, names: Sequence[str]) -> Iterator[MigrationError]:
    """Say which is the first file that is not as `atlas.sum` has it: the file that was changed, added or removed."""
    given = {each["name"]: each["hash"] for each in map(_SUM_LINE.fullmatch, data.decode().splitlines()) if each}
    found = hashes([(name, listing.files[name]) for name in names])
    for name in dict.fromkeys((*found, *given)):
        if found.get(name) != given.get(name):
            yield MigrationError(f"{listing.path(_SUM)} does not agree with {name}: Atlas refuses this folder")
            return


def hashes(files: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """Return the hash of each file: SHA-256 of all names and contents up to it."""
    sum_of_all, found = hashlib.sha256(), {}
    for name, data in files:
        sum_of_all.update(name.encode())
        if not _IS_NOT_SUMMED.match(data):
            sum_of_all.update(data)
            found[name] = base64.b64encode(sum_of_all.digest()).decode()
    return found


# -- the history -------------------------------------------------------------------------------------------------------


def _query(place: Place) -> str:
    failed = "t.applied < t.total" + (" or t.error <> ''" if "error" in place.columns else "")
    baseline = "when t.type = 1 then 'baseline' " if "type" in place.columns else ""
    return select(
        f"(select h.* from {quoted(place.schema, place.table)} h where h.version not like '.%')",
        key="t.version",
        state=f"case when {failed} then 'failed' {baseline}else 'executed' end",
        executed_at="t.executed_at",
        duration_ms="t.execution_time / 1000000",
        checksum="nullif(t.hash, '')",
        order_by='t.executed_at, t.version collate "C"',
    )


def _matched(migrations: Sequence[ForeignMigration], records: Sequence[Record]) -> tuple[Record, ...]:
    """Compare all files with the hashes at once, and say `same` or `changed` in place of the checksum.

    A hash is that of all files up to its own, so a changed file changes all later ones. A checkpoint that was executed
    is a baseline: the older files are executed with it.
    """
    files = [
        (name, is_checkpoint, text.encode("latin-1"))
        for each in migrations
        for name, is_checkpoint, text in json.loads(each.raw)
    ]
    checkpoints = {_named(name)[0] for name, is_checkpoint, _ in files if is_checkpoint}
    verdicts = _verdicts([(name, data) for name, _, data in files], records)
    return tuple(
        replace(each, checksum=verdicts.get(each.key), state="baseline" if each.key in checkpoints else each.state)
        for each in records
    )


def _verdicts(files: Sequence[tuple[str, bytes]], records: Sequence[Record]) -> dict[str, str]:
    """Return what the hashes say; nothing of the files behind the first one that was changed."""
    given = {each.key: each.checksum for each in records if each.checksum}
    computed = [(_named(name)[0], sum_) for name, sum_ in hashes(files).items()]
    proven = max((at for at, (key, sum_) in enumerate(computed) if given.get(key) == sum_), default=-1)
    found = {key: "same" for key, _ in computed[: proven + 1] if key in given}
    for key, _ in computed[proven + 1 :]:
        if key not in given:
            continue
        if given[key] not in _as_then(files, records, key):
            found[key] = "changed"
            break
        found[key] = "same"
    return found


def _as_then(files: Sequence[tuple[str, bytes]], records: Sequence[Record], key: str) -> Collection[str]:
    """Return the hash of a file in the folder as it was: without the older files that were executed later."""
    keys = [each.key for each in records]
    before = set(keys[: keys.index(key) + 1])
    found = hashes([(name, data) for name, data in files if _named(name)[0] in before])
    return [sum_ for name, sum_ in found.items() if _named(name)[0] == key]


def _is_same(_migration: ForeignMigration, record: Record) -> bool | None:
    return {"same": True, "changed": False}.get(record.checksum or "")


ATLAS = Tool(
    "Atlas",
    ("migrations", "atlas/migrations", "ent/migrate/migrations", "db/migrations"),
    _read,
    _query,
    is_same=_is_same,
    locks=lambda _place: (_LOCK,),
    repair="mend the file, then execute `atlas migrate apply`: it goes on behind the last executed statement",
    matched=_matched,
)

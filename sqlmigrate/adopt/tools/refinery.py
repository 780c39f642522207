"""refinery: `V1__name.sql`, `U2__name.sql`, in folders too, and the table `refinery_schema_history`.

Names are those of `refinery_core/src/util.rs`: `V` migrations are executed in order, `U` ones whenever they are found;
versions are integers, each once. There is no down. The checksum is SipHash-1-3 of name, version and text as Rust hashes
them (`refinery_core/src/runner.rs`, `Migration::unapplied`): a byte 0xFF ends each text.
"""

from __future__ import annotations

import re

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading, Record
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source

from .siphash import siphash13
from .tool import Tool, not_sql, select, with_other_line_ends

_FILE = re.compile(r"[UV](?P<version>[0-9]+(?:\.[0-9]+)?)__(?P<name>\w+)\.(?P<extension>sql|rs)")
_OF_FLYWAY = re.compile(r"(?:R|B[0-9._]*)__.*\.sql")
_END = b"\xff"
_WIDTHS = (4, 8)  # of a version, in bytes; 8 with the feature `int8-versions`


def _read(listing: Listing) -> Reading | None:
    """Read the files whose names fit; None if refinery would refuse the folder: then it belongs to Flyway."""
    found = {path: _FILE.fullmatch(path.rpartition("/")[2]) for path in listing.files}
    names = {path: match for path, match in found.items() if match}
    versions = [match["version"] for match in names.values()]
    is_refused = any("." in version for version in versions) or len({*map(_number, versions)}) < len(versions)
    if not names or is_refused or any(_OF_FLYWAY.fullmatch(path.rpartition("/")[2]) for path in listing.files):
        return None
    in_order = sorted(names, key=lambda path: _number(names[path]["version"]))
    return Reading(
        "refinery",
        listing.folder,
        tuple(_migration(listing, path, names[path]) for path in in_order),
        is_marked=any(match["extension"] == "rs" for match in names.values()),
    )


def _number(version: str) -> int:
    return int(version.partition(".")[0])


def _migration(listing: Listing, path: str, match: re.Match[str]) -> ForeignMigration:
    source = not_sql(listing.path(path)) or listing.try_source(path)
    return ForeignMigration(
        str(_number(match["version"])),
        match["version"],
        match["name"],
        listing.path(path),
        Part(source.text) if isinstance(source, Source) else None,
        obstacles=(source,) if isinstance(source, MigrationError) else (),
        raw=listing.files[path],
    )


def _query(place: Place) -> str:
    return select(
        quoted(place.schema, place.table),
        key="t.version",
        name="t.name",
        executed_at="nullif(t.applied_on, '')::timestamptz",
        checksum="t.checksum",
        order_by="nullif(t.applied_on, '')::timestamptz, t.version",
    )


def _is_same(migration: ForeignMigration, record: Record) -> bool | None:
    """Compare the checksum; line ends may be others than where the file was executed, as git changes them."""
    texts = with_other_line_ends(migration.raw)
    return any(record.checksum == checksum(migration, text, width) for width in _WIDTHS for text in texts)


def checksum(migration: ForeignMigration, text: bytes, width: int) -> str:
    """Return the checksum as the history has it."""
    version = int(migration.key).to_bytes(width, "little", signed=True)
    return str(siphash13(migration.name.encode() + _END + version + text + _END))


REFINERY = Tool("refinery", ("migrations", "src/migrations"), _read, _query, _is_same)

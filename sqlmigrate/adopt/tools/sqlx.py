"""sqlx: `1_name.sql`, or pairs `1_name.up.sql`, `1_name.down.sql`, and the table `_sqlx_migrations`.

The names are those of `sqlx-core/src/migrate/source.rs`, `resolve_blocking_with_config`: an integer, `_`, a name that
ends with `.sql`; another word in the place of the integer is an error there. A file that begins with
`-- no-transaction` is executed without a transaction. The checksum is SHA-384 of the up file
(`sqlx-core/src/migrate/migration.rs`).
"""

from __future__ import annotations

import hashlib
import re
import zlib

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Place, Reading, Record
from sqlmigrate.identifiers import literal, quoted

from .direction_files import Direction, DirectionFile, is_ours, migrations_of
from .tool import MARK, Guard, Tool, guard_row, select, with_other_line_ends

_NO_TRANSACTION = "-- no-transaction"
_NUMBER = re.compile(r"[0-9]+")
_HIGHEST = 2**63 - 1
_SALT = 0x3D32AD9E


def _read(listing: Listing) -> Reading | None:
    names = [name for name in listing.top if "_" in name and name.endswith(".sql")]
    if not names or not all(_NUMBER.fullmatch(name.partition("_")[0]) for name in names):
        return None
    files = [_file(name) for name in names]
    found = migrations_of(listing, files, _NO_TRANSACTION)
    is_marked = any(listing.files[file.path].startswith(_NO_TRANSACTION.encode()) for file in files)
    return Reading("sqlx", listing.folder, found, is_marked=is_marked, in_place=is_ours(listing, files, found))


def _file(path: str) -> DirectionFile:
    version, _, rest = path.partition("_")
    direction: Direction = "down" if rest.endswith(".down.sql") else "up"
    return DirectionFile(path, version, rest.removesuffix(".sql").removesuffix(f".{direction}"), direction)


def _query(place: Place) -> str:
    """Read the rows; the duration is in nanoseconds, and -1 where it was lost."""
    return select(
        f"(select v.* from {quoted(place.schema, place.table)} v where v.version < {_HIGHEST})",
        key="t.version",
        state="case when t.success then 'executed' else 'failed' end",
        name="t.description",
        executed_at="t.installed_on",
        duration_ms="case when t.execution_time >= 0 then t.execution_time / 1000000.0 end",
        checksum="pg_catalog.encode(t.checksum, 'hex')",
        order_by="t.installed_on, t.version",
    )


def _is_same(migration: ForeignMigration, record: Record) -> bool | None:
    """Compare the checksum; line ends may be others than where the file was executed, as git changes them."""
    return record.checksum in {hashlib.sha384(text).hexdigest() for text in with_other_line_ends(migration.raw)}


def _guard(place: Place) -> Guard:
    """Stop it before it executes a file without a transaction: it refuses to go on after a failed one."""
    return guard_row(
        quoted(place.schema, place.table),
        version=str(_HIGHEST),
        description=literal(MARK),
        success="false",
        checksum="''",
        execution_time="-1",
    )


def _locks(place: Place) -> list[int]:
    """Return the key of `sqlx-postgres/src/migrate.rs`, `generate_lock_id`."""
    return [_SALT * zlib.crc32(place.database.encode())]


SQLX = Tool(
    "sqlx",
    ("migrations",),
    _read,
    _query,
    _is_same,
    locks=_locks,
    guard=_guard,
    repair="remove from the database what the failed file has left, then remove its row from the history of sqlx",
)

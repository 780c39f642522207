"""golang-migrate: pairs `1_name.up.sql`, `1_name.down.sql`, and the table `schema_migrations(version, dirty)`.

Names are those of `source/parse.go`: digits, `_`, a name, the direction, any extension; the rest of the folder is
ignored. The order is that of the numbers (`source/migration.go`). The history has one row, the newest version
(`database/postgres/postgres.go`).
"""

from __future__ import annotations

import zlib

from sqlmigrate.adopt.foreign import Listing, Place, Reading
from sqlmigrate.identifiers import quoted

from .direction_files import is_ours, migrations_of, pair_files
from .tool import Tool, select

_SALT = 1486364155


def _read(listing: Listing) -> Reading | None:
    """Read pairs; they stay where they are if each of them can be read as it is."""
    files = pair_files(listing.top)
    if not files:
        return None
    found = migrations_of(listing, files)
    return Reading("golang-migrate", listing.folder, found, is_marked=False, in_place=is_ours(listing, files, found))


def _query(place: Place) -> str:
    state = "case when t.dirty then 'failed' else 'executed' end"
    return select(quoted(place.schema, place.table), key="t.version", state=state)


def _locks(place: Place) -> list[int]:
    """Return the keys of `database/util.go`, `GenerateAdvisoryLockId`: with the path of the URL, and with the name."""
    names = (f"{place.schema}\0{place.table}\0{database}" for database in (f"/{place.database}", place.database))
    return [zlib.crc32(name.encode()) * _SALT % 2**32 for name in names]


GOLANG_MIGRATE = Tool(
    "golang-migrate",
    ("migrations", "db/migrations"),
    _read,
    _query,
    locks=_locks,
    is_one_row=True,
    repair="remove from the database what the failed file has left, then execute `migrate force VERSION` with the "
    "version before it; or finish it by hand, and execute `migrate force VERSION` with its own",
)

"""morph: pairs `000001_name.up.sql`, `000001_name.down.sql`, and the table `db_migrations(version, name)`.

Names are those of `models/parse.go`. The order is that of the file names as text (`morph.go`, `sortMigrations`). A file
that begins with `-- morph:nontransactional` is executed without a transaction (`drivers/postgres/postgres.go`). Its
lock is a row that expires, in the table `db_lock`.
"""

from __future__ import annotations

from sqlmigrate.adopt.foreign import Listing, Place, Reading
from sqlmigrate.identifiers import literal, quoted

from .direction_files import is_ours, migrations_of, pair_files
from .tool import MARK, Guard, Tool, guard_row, select

_LOCKS = "db_lock"
_HIGHEST = 2**63 - 1  # the type of the column; morph reads 32 bits
_NO_TRANSACTION = "-- morph:nontransactional"


def _read(listing: Listing) -> Reading | None:
    files = pair_files(listing.top)
    if not files:
        return None
    found = migrations_of(listing, files, _NO_TRANSACTION)
    is_marked = any(listing.files[file.path].startswith(_NO_TRANSACTION.encode()) for file in files)
    in_order = tuple(sorted(found, key=lambda each: each.path))
    in_place = in_order == found and is_ours(listing, files, found)
    return Reading("morph", listing.folder, in_order, is_marked=is_marked, in_place=in_place)


def _query(place: Place) -> str:
    table = f"(select v.* from {quoted(place.schema, place.table)} v where v.version < {_HIGHEST})"
    return select(table, key="t.version", name="t.name", order_by="t.version")


def _guard(place: Place) -> Guard:
    """Stop it before it executes a file without a transaction: it cannot read a version that large."""
    return guard_row(quoted(place.schema, place.table), version=str(_HIGHEST), name=literal(MARK))


def _busy(place: Place) -> str:
    if _LOCKS not in place.tables:
        return ""
    now = "pg_catalog.date_part('epoch', pg_catalog.now())"
    return f"select {literal('lock ')} || id from {quoted(place.schema, _LOCKS)} where expireat > {now}"


MORPH = Tool("morph", ("migrations/postgres", "db/migrations/postgres"), _read, _query, guard=_guard, busy=_busy)

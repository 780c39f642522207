"""morph: pairs `000001_name.up.sql`, `000001_name.down.sql`, and the table `db_migrations(version, name)`.

Names are those of `models/parse.go`. The order is that of the file names as text (`morph.go`, `sortMigrations`). A file
that begins with `-- morph:nontransactional` is executed without a transaction (`drivers/postgres/postgres.go`). Its
lock is a row that expires, in the table `db_lock`.
"""

from __future__ import annotations

from sqlmigrate.adopt.foreign import Listing, Place, Reading
from sqlmigrate.identifiers import quoted

from .direction_files import is_ours, migrations_of, pair_files
from .tool import Tool, select

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
    return select(quoted(place.schema, place.table), key="t.version", name="t.name", order_by="t.version")


MORPH = Tool("morph", ("migrations/postgres", "db/migrations/postgres"), _read, _query)

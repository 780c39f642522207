"""golang-migrate: pairs `1_name.up.sql`, `1_name.down.sql`, and the table `schema_migrations(version, dirty)`.

Names are those of `source/parse.go`: digits, `_`, a name, the direction, any extension. The history has one row, the
newest version (`database/postgres/postgres.go`).
"""

from __future__ import annotations

import re
import zlib

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.errors import MigrationError
from sqlmigrate.files.naming import FILE_NAME, foreign_stamp
from sqlmigrate.identifiers import quoted

from .tool import Tool, select

_FILE = re.compile(r"(?P<version>[0-9]+)_(?P<name>.*)\.(?P<direction>down|up)\.(?P<extension>[^.]*)", re.DOTALL)
_SALT = 1486364155


def _read(listing: Listing) -> Reading | None:
    """Read pairs; they stay where they are if each of them can be read as it is."""
    found: dict[int, dict[str, str]] = {}
    for name in listing.top:
        if match := _FILE.fullmatch(name):
            found.setdefault(int(match["version"]), {})[match["direction"]] = name
    if not found:
        return None
    migrations = tuple(_migration(listing, found[number]) for number in sorted(found))
    is_ours = all(_is_ours(name) for files in found.values() for name in files.values())
    return Reading("golang-migrate", listing.folder, migrations, is_marked=False, in_place=is_ours)


def _is_ours(name: str) -> bool:
    return FILE_NAME.fullmatch(name) is not None and not foreign_stamp(name.partition(".")[0])


def _migration(listing: Listing, files: dict[str, str]) -> ForeignMigration:
    name = files.get("up") or files["down"]
    match = _FILE.fullmatch(name)
    if match is None:
        raise AssertionError("only such names are read")
    path = listing.path(name)
    missing = () if "up" in files else (MigrationError(f"{path} has no up file"),)
    texts = {direction: listing.source(file).text for direction, file in files.items()}
    return ForeignMigration(
        str(int(match["version"])),
        match["version"],
        match["name"],
        path,
        Part(texts["up"]) if "up" in texts else None,
        Part(texts["down"]) if "down" in texts else None,
        obstacles=missing,
        raw=listing.files[name],
    )


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
